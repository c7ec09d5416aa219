"""Report unexpected errors to Sentry when SENTRY_DSN is set.

As in the log, a report has an exception's type and place only: no exception text, no
variables, no task arguments, no request and no breadcrumbs.
"""

from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from xmppservice import __version__

KEPT = {
    "contexts",
    "environment",
    "event_id",
    "exception",
    "level",
    "logger",
    "platform",
    "release",
    "sdk",
    "timestamp",
    "transaction",
}
CONTEXTS = {"runtime", "trace"}


def begin(dsn: str, transport: type[Transport] | None = None) -> None:
    """Start to report uncaught exceptions."""
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        release=f"xmppservice@{__version__}",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        before_send=_bare,
    )


def _bare(event: Any, hint: Any) -> Any:
    """Reduce a report to fields that cannot contain data from users."""
    kept = {name: value for name, value in event.items() if name in KEPT}
    contexts = kept.get("contexts", {})
    kept["contexts"] = {n: value for n, value in contexts.items() if n in CONTEXTS}
    for error in kept.get("exception", {}).get("values", ()):
        error["value"] = ""
    # Log messages without an exception are not reported.
    return kept if "exception" in kept else None
