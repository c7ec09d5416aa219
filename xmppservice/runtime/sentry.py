"""Report unexpected errors to Sentry when SENTRY_DSN is set.

As in the log, a report has an exception's type and place only: no exception text, no
variables, no task arguments, no request and no breadcrumbs.
"""

from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from xmppservice import __version__

KEPT_FIELDS = {
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
KEPT_CONTEXTS = {"runtime", "trace"}
# A transaction of another source is named after the path as it was requested.
KEPT_SOURCES = {"route", "task"}


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
        before_send=_without_user_data,
    )


def _without_user_data(event: Any, hint: Any) -> Any:
    """Reduce a report to fields that cannot contain data from users."""
    reduced = {name: value for name, value in event.items() if name in KEPT_FIELDS}
    if event.get("transaction_info", {}).get("source") not in KEPT_SOURCES:
        reduced.pop("transaction", None)
    contexts = reduced.get("contexts", {})
    reduced["contexts"] = {
        n: value for n, value in contexts.items() if n in KEPT_CONTEXTS
    }
    for error in reduced.get("exception", {}).get("values", ()):
        error["value"] = ""
    # Log messages without an exception are not reported.
    return reduced if "exception" in reduced else None
