"""ejabberd's HTTP API for administrators, callable from any thread.

Tested with 23.01 and 24.12. Source: ejabberd's documentation, "API Reference".
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar

import urllib3
from django.conf import settings

from xmppservice.connection import gateway
from xmppservice.connection.gateway import Late
from xmppservice.protocol.jids import domain_of, local_of
from xmppservice.runtime.threads import waiting

T = TypeVar("T")
U = TypeVar("U")

# More connections are no faster: measured, four are as good as sixteen.
MAX_CONNECTIONS = 4


class ApiError(Exception):
    """ejabberd refuses the call; the message is its status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason = status, reason


@cache
def api() -> "EjabberdApi":
    """Return the configured API, with this process's connections."""
    return EjabberdApi(
        settings.EJABBERD_API_URL,
        settings.EJABBERD_API_USER,
        settings.EJABBERD_API_PASSWORD,
    )


class EjabberdApi:
    """Commands of ejabberd. Each raises ApiError, gateway.Broke or gateway.Late."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        headers = urllib3.make_headers(keep_alive=True, basic_auth=f"{user}:{password}")
        self._pool = urllib3.PoolManager(
            maxsize=MAX_CONNECTIONS, retries=False, headers=headers
        )
        self._threads = ThreadPoolExecutor(
            MAX_CONNECTIONS, thread_name_prefix="ejabberd"
        )
        self._has_single_group = False

    def each(self, call: Callable[[T], U], items: Iterable[T]) -> list[U]:
        """Return the results of ``call(item)``, in order; calls run concurrently."""
        with waiting():
            return list(self._threads.map(call, items))

    def has_account(self, jid: str, deadline: float) -> bool:
        user, host = local_of(jid), domain_of(jid)
        missing = self.call("check_account", deadline, user=user, host=host)
        return not missing

    def accounts(self, host: str, deadline: float) -> set[str]:
        """Return the bare JIDs of all accounts of a domain."""
        users = self.call("registered_users", deadline, host=host)
        return {f"{user}@{host}" for user in users}

    def roster(self, owner: str, deadline: float) -> list[dict[str, Any]]:
        """Return the roster of a bare JID, one row for each contact and group."""
        user, host = local_of(owner), domain_of(owner)
        rows = self.call("get_roster", deadline, user=user, host=host)
        assert isinstance(rows, list), "get_roster answers with a list"
        return rows

    def add_item(
        self,
        owner: str,
        jid: str,
        name: str,
        groups: Iterable[str],
        subscription: str,
        deadline: float,
    ) -> None:
        """Write and push a roster item; creates a roster even without an account."""
        fields = {
            "localuser": local_of(owner),
            "localhost": domain_of(owner),
            "user": local_of(jid),
            "host": domain_of(jid),
            "nick": name,
            "subs": subscription,
        }
        groups = list(groups)
        if not self._has_single_group:
            try:
                self.call("add_rosteritem", deadline, **fields, groups=groups)
                return
            except ApiError as refusal:
                # Before version 24 there is one argument for all groups.
                if "missing argument: group" not in refusal.reason:
                    raise
                self._has_single_group = True
        self.call("add_rosteritem", deadline, **fields, group=";".join(groups))

    def call(self, command: str, deadline: float, **arguments: Any) -> Any:
        """Return the answer to ``command``. ``deadline`` is as in ``time.time()``."""
        seconds = deadline - time.time()
        if seconds <= 0:
            raise Late("older than its deadline")
        try:
            answer = self._pool.request(
                "POST", f"{self._url}/{command}", json=arguments, timeout=seconds
            )
        except urllib3.exceptions.HTTPError as error:
            # urllib3 counts a refused connection as a timeout, too.
            is_refused = isinstance(error, urllib3.exceptions.NewConnectionError)
            if isinstance(error, urllib3.exceptions.TimeoutError) and not is_refused:
                text = "ejabberd's HTTP API did not answer by the deadline"
                raise Late(text) from None
            text = f"ejabberd's HTTP API cannot be reached: {type(error).__name__}"
            raise gateway.Broke(text) from None
        try:
            response = answer.json()
        except ValueError:
            raise ApiError(answer.status, "not JSON") from None
        if answer.status != HTTPStatus.OK:
            raise ApiError(answer.status, _reason(response))
        return response


def _reason(response: object) -> str:
    return str(response.get("message", "") if isinstance(response, dict) else response)[
        :200
    ]
