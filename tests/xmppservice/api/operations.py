"""One request for each operation that the description names, and for each response.

Whoever adds an operation adds its request here: test_description.py asks for it.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any, NamedTuple

from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from buddies.publishing import releases
from roster.models import Account, Command
from tests.buddies.conftest import channel
from tests.roster.conftest import JULIET, ROMEO

WEBHOOK_KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(WEBHOOK_KEY).decode()


class Operation(NamedTuple):
    """An operation of the description."""

    method: str
    path: str
    details: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.details["operationId"])


class Example(NamedTuple):
    """What a request needs: stored rows (their maker returns the key), and a body.

    ``filled`` are places that may be null, but never in the answer to this request.
    """

    make: Callable[[], object] = lambda: None
    body: Callable[[], Any] = lambda: None
    filled: Collection[str] = ()


@cache
def description() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return described


@cache
def operations() -> dict[str, Operation]:
    """Return the operations by id."""
    found = [
        Operation(method.upper(), path, details)
        for path, methods in description()["paths"].items()
        for method, details in methods.items()
    ]
    return {operation.id: operation for operation in found}


def responses() -> Iterator[str]:
    """Yield each operation's id with each of its successful statuses."""
    for id, operation in operations().items():
        for status in operation.details["responses"]:
            if status.startswith("2"):
                yield f"{id} {status}"


# --- Examples in which whatever may be null is null -------------------------------


def _release() -> int:
    channel("romeo")
    number: int = releases.sync().number
    return number


def _former_release() -> int:
    number = _release()
    channel("juliet")
    releases.sync()
    return number


def _channel() -> object:
    return channel("romeo").pk


def _account() -> object:
    return Account.objects.create(jid=ROMEO).pk


def _command() -> object:
    row = {"key": "1", "state": "dead", "owner": ROMEO, "sender": f"{ROMEO}/phone"}
    return Command.objects.create(message_type="chat", payload="{}", **row).pk


def _notice() -> dict[str, object]:
    at = timezone.now().isoformat()
    return {"type": "account.registered", "timestamp": at, "data": {"jids": [ROMEO]}}


EXAMPLES = {
    "accounts_bulk_create 200": Example(
        body=lambda: {"accounts": [{"account": ROMEO}, {"account": "nobody"}]}
    ),
    "accounts_create 201": Example(body=lambda: {"jid": ROMEO}),
    "accounts_destroy 204": Example(_account),
    "accounts_events_create 204": Example(body=_notice),
    "accounts_list 200": Example(_account),
    "accounts_partial_update 200": Example(_account, lambda: {"enabled": False}),
    "accounts_reassign_create 200": Example(_account),
    "accounts_refresh_create 202": Example(),
    "accounts_retrieve 200": Example(_account),
    "accounts_update 200": Example(_account, lambda: {"jid": JULIET}),
    "buddies_create 201": Example(body=lambda: {"info": {"name": "Romeo"}}),
    "buddies_destroy 204": Example(_channel),
    "buddies_duplicate_create 201": Example(_channel),
    "buddies_hide_create 200": Example(_channel),
    "buddies_list 200": Example(_channel),
    "buddies_move_create 200": Example(
        _channel, lambda: {"target": None, "where": "first"}
    ),
    "buddies_partial_update 200": Example(
        _channel, lambda: {"info": {"status": "banished"}}
    ),
    "buddies_retrieve 200": Example(_channel),
    "buddies_update 200": Example(_channel, lambda: {"info": {"name": "Montague"}}),
    "commands_list 200": Example(_command),
    "commands_retrieve 200": Example(_command),
    "commands_retry_create 200": Example(_command),
    "delivery_retrieve 200": Example(),
    "document_retrieve 200": Example(),
    "releases_diff_retrieve 200": Example(_release),
    "releases_document_retrieve 200": Example(_release),
    "releases_list 200": Example(_release),
    "releases_publish_create 201": Example(_former_release),
    "releases_restore_create 201": Example(_former_release),
    "releases_retrieve 200": Example(_release),
    "root_retrieve 200": Example(),
    "tree_retrieve 200": Example(),
}


class Request(NamedTuple):
    """A request of an operation, ready to be sent with changes."""

    method: str
    path: str
    body: Any

    def send(self, client: APIClient, body: Any = None, query: str = "") -> Any:
        """Send the request, or with another body, signed as notices need it."""
        given = self.body if body is None else body
        text = "" if given is None else json.dumps(given)
        return client.generic(
            self.method,
            self.path + query,
            text,
            content_type="application/json",
            headers=signature(text),
        )


def ready(name: str) -> Request:
    """Store what an example needs and return its request."""
    operation, example = operations()[name.split()[0]], EXAMPLES[name]
    key = example.make()
    path = operation.path.replace("{id}", f"{key}").replace("{number}", f"{key}")
    return Request(operation.method, path, example.body())


def signature(body: str) -> dict[str, str]:
    """Sign a notice by the specification of Standard Webhooks, not by our code."""
    sent = str(int(time.time()))
    mac = hmac.new(WEBHOOK_KEY, f"msg_1.{sent}.{body}".encode(), hashlib.sha256)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": sent,
        "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode(),
    }
