"""What each connection to PostgreSQL begins with."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

IDLE_TIMEOUT = "idle_in_transaction_session_timeout"


def limit_idle_transactions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """End a hanging transaction after 30 seconds: it blocks the command queue.

    By a statement, because PgBouncer refuses ``options`` of a connection. A value in
    DATABASE_URL stands.
    """
    given = connection.settings_dict["OPTIONS"].get("options", "")
    if connection.vendor == "postgresql" and IDLE_TIMEOUT not in given:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {IDLE_TIMEOUT} = '30s'")
