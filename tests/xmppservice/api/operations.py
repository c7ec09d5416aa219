"""One request for each operation that the description names, and for each response.

Whoever adds an operation adds its request here: test_description.py asks for it.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from buddies.campaigns import rows
from buddies.campaigns.edits import CampaignEdits
from buddies.models import Campaign
from buddies.publishing import applying, releases
from buddies.tree import edits
from roster.models import Account, Command, Reach
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


def _spread_release() -> int:
    """A release of which only those who were notified are counted."""
    number, began_at = _release(), timezone.now()
    counts = {"is_read_known": False, "samples": [[1, 2, 0]]}
    Reach.objects.create(number=number, began_at=began_at, **counts)
    return number


def _former_release() -> int:
    number = _release()
    channel("juliet")
    releases.sync()
    return number


def _channel() -> object:
    return channel("romeo").pk


NURSE = "nurse"  # the user of these requests


def _campaign(editor: str = "anna") -> int:
    """A campaign that gives Romeo a status."""
    romeo = channel("romeo")
    campaign = Campaign.objects.create(name="Natale", created_by="anna")
    CampaignEdits(campaign.pk).change([romeo], editor, status="banished")
    return campaign.pk


def _own_campaign() -> int:
    return _campaign(NURSE)


def _approved_campaign() -> int:
    number = _campaign()
    campaign = Campaign.objects.get()
    campaign.approvals.create(by="otto", **_reviewed())
    return number


def _campaign_of_an_order() -> int:
    """A campaign with the only conflict that has no key: the top level's order."""
    first, second, third = (channel(name) for name in ("a", "b", "c"))
    campaign = Campaign.objects.create(name="Natale", created_by="anna")
    CampaignEdits(campaign.pk).move([third], "anna", first, "before")
    edits.move([second], "mario", first, "before")
    return campaign.pk


def _live_campaign() -> int:
    number = _campaign()
    applying.publish(number, "piero", **_reviewed())
    return number


def _reviewed(**more: object) -> Any:
    campaign = Campaign.objects.get()
    return {"digest": rows.digest(campaign, rows.read(campaign)), **more}


def _tomorrow() -> object:
    return _reviewed(publishAt=(timezone.now() + timedelta(days=1)).isoformat())


def _decision() -> object:
    return {"kind": "order", "key": None, "choice": "own"}


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
    "campaigns_again_create 201": Example(_campaign),
    "campaigns_approvals_create 201": Example(_campaign, _reviewed),
    "campaigns_approvals_retrieve 200": Example(_approved_campaign),
    "campaigns_changes_retrieve 200": Example(_campaign_of_an_order),
    "campaigns_conflicts_create 200": Example(_campaign_of_an_order, _decision),
    "campaigns_conflicts_retrieve 200": Example(_campaign_of_an_order),
    "campaigns_create 201": Example(body=lambda: {"name": "Natale"}),
    "campaigns_destroy 204": Example(_campaign),
    "campaigns_document_retrieve 200": Example(_campaign),
    "campaigns_end_create 201": Example(_live_campaign),
    "campaigns_list 200": Example(_campaign),
    "campaigns_opposite_create 201": Example(_live_campaign),
    "campaigns_partial_update 200": Example(_campaign, lambda: {"colour": 2}),
    "campaigns_publish_create 201": Example(_campaign, _reviewed),
    "campaigns_publish_create 202": Example(_campaign, _tomorrow, ["/dueAt"]),
    "campaigns_retrieve 200": Example(_campaign),
    "campaigns_undo_create 200": Example(_own_campaign),
    "campaigns_unplan_create 200": Example(_campaign),
    "commands_list 200": Example(_command),
    "commands_retrieve 200": Example(_command),
    "commands_retry_create 200": Example(_command),
    "delivery_retrieve 200": Example(),
    "document_retrieve 200": Example(),
    "releases_diff_retrieve 200": Example(_release),
    "releases_document_retrieve 200": Example(_release),
    "releases_list 200": Example(_release),
    "releases_partial_update 200": Example(_release, lambda: {"name": "Christmas"}),
    "releases_publish_create 201": Example(_former_release),
    "releases_reach_retrieve 200": Example(_spread_release),
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
