"""Reports of unexpected errors to Sentry, when SENTRY_DSN is set.

As in the log: what and where, never with what. A report has no text of an
exception, no variable, no argument of a task, no request and no breadcrumb.
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
    """Report from now on what nobody catches."""
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
    """Of a report only what cannot hold what somebody sent."""
    kept = {name: value for name, value in event.items() if name in KEPT}
    contexts = kept.get("contexts", {})
    kept["contexts"] = {n: value for n, value in contexts.items() if n in CONTEXTS}
    for error in kept.get("exception", {}).get("values", ()):
        error["value"] = ""
    # A line of the log without an exception is in the log.
    return kept if "exception" in kept else None
