"""A page of a campaign that goes, or whose tree does, while the page is being made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from buddies.campaigns import making
from buddies.campaigns.desk import desk_of
from buddies.document import parse
from buddies.models import Campaign, HistoricalBuddy
from buddies.tree import whole_tree
from tests.buddies.pages.campaign_client import Natale, row_of
from tests.buddies.pages.workspace_client import CHANNELS, change, person

pytestmark = pytest.mark.django_db


def goes(number: int) -> None:
    Campaign.objects.filter(pk=number).delete()


def is_discarded(number: int) -> None:
    making.discard(number)


def loses_its_tree(number: int) -> None:
    HistoricalBuddy.objects.all().delete()
    empty = parse.loads('{"items": []}')
    whole_tree.load([("empty", empty)], "prince", replace=True)


class Moment:
    """Counts queries, and acts once: just before the query ``at``."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at, self.queries = at, 0
        self._act = act

    def __call__(self, execute: Any, *args: Any) -> Any:
        self.queries += 1
        if self.queries == self.at:
            self._act()
        return execute(*args)


@contextmanager
def put_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("happens", [goes, is_discarded, loses_its_tree])
@pytest.mark.parametrize(
    "page",
    [
        *("", "state/", "tree/", "document/", "changes/", "fate/"),
        *("campaigns/%s/", "campaigns/%s/decisions/"),
    ],
)
def test_no_moment_breaks_a_page(natale, page, happens):
    client = person(natale.by, "Publisher")  # whose edits can be undone
    natale.change("juliet", status="fair")
    natale.change("mario", name="Mario")
    natale.remove("house")
    natale.add("nurse", "verona")
    change("mario", name="Super Mario")
    number = natale.pk
    path = f"{CHANNELS}{page % number if '%' in page else page}"
    query = {"campaign": number, "id": natale.named("verona").pk}

    for at in count(1):
        moment = Moment(at, lambda: happens(number))
        with put_back(), connection.execute_wrapper(moment):
            if page == "fate/":
                own = f"{path}?campaign={number}"
                body = {"ids": [query["id"]]}
                answer = client.post(own, body, content_type="application/json")
            else:
                answer = client.get(path, query, headers={"Accept": "application/json"})
        assert answer.status_code in (200, 302, 404, 409), at
        if moment.queries < at:
            break
    assert at > 5


@pytest.mark.parametrize("page", ["new/", "%s/", "%s/again/"])
def test_a_name_that_is_taken_just_now_is_said(editor: Client, natale, page):
    """Between the form's check and the database's."""
    over = Natale("Saldi")
    making.discard(over.pk)
    number = over.pk if "again" in page else natale.pk
    path = f"{CHANNELS}campaigns/{page % number if '%' in page else page}"
    sent = {"name": "Saldi", "colour": "1", "note": ""}
    said = []

    for at in count(1):
        moment = Moment(at, lambda: making.make("prince", "Saldi"))
        with put_back(), connection.execute_wrapper(moment):
            answer = editor.post(path, sent)
        said.append("Another campaign has this name." in answer.content.decode())
        assert answer.status_code in (200, 302), at
        if moment.queries < at:
            break
    assert any(said) or "again" in page
    assert not said[-1]


@pytest.mark.django_db(transaction=True)
def test_a_tree_is_never_older_than_its_version(editor: Client, natale):
    """Or the next edit would silently overwrite a colleague's."""
    path = f"{CHANNELS}tree/{natale.query}"

    for at in count(1):
        editor.get(path)  # what is kept of the version before
        status = f"fair {at}"
        moment = Moment(at, lambda text=status: natale.change("juliet", status=text))
        with connection.execute_wrapper(moment):
            tree = editor.get(path).json()
        if moment.queries < at:
            break
        is_newest = row_of(tree, "juliet")["text"] == status
        assert is_newest or tree["version"] < natale.version, at
        assert is_newest or tree["stamp"] != desk_of(natale.pk).stamp, at
    assert at > 5
