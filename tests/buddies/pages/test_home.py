"""Home: what happened, what is coming, what to mend; the trash; putting back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.models import Answerer, Campaign, HistoricalBuddy
from buddies.publishing import applying, releases
from buddies.tree import edits
from tests.buddies.conftest import channel, named, outline
from tests.buddies.pages.workspace_client import (
    VERONA,
    change,
    go_live,
    key,
    person,
    version,
)

pytestmark = pytest.mark.django_db

HOME = "/admin/buddies/buddy/home/"
TRASH = "/admin/buddies/buddy/trash/"
PUT_BACK = "/admin/buddies/buddy/put_back/"


def told(client: Client, **query: str) -> list[tuple[str, list[str]]]:
    """Return the days, each with its steps in words."""
    context = client.get(HOME, query).context
    return [(day, [one.words for one in held]) for day, held in context["days"]]


def put_back(client: Client, **data: object) -> list[str]:
    """Return the messages of the next page."""
    response = client.post(PUT_BACK, {"next": HOME, **data}, follow=True)
    return [str(message) for message in response.context["messages"]]


def step(client: Client, words: str) -> dict[str, object]:
    """Return what the form of a step sends."""
    for _day, held in client.get(HOME).context["days"]:
        for one in held:
            if one.words == words:
                _first, last = one.step.first, one.step.last
                numbers = {"first": one.step.first, "last": last}
                return {"what": "step", "entry": one.step.entry or 0, **numbers}
    raise AssertionError(words)


def test_steps_are_told_by_day(editor: Client, verona):
    change("romeo", status="in love")
    yesterday = timezone.now() - timedelta(days=1)
    HistoricalBuddy.objects.filter(version__lt=version()).update(history_date=yesterday)

    (today, first), (before, rest) = told(editor)
    assert (today, first) == ("Today", ["Edited “romeo”"])
    assert (before, rest[0]) == ("Yesterday", "Added “mario”")
    assert told(editor, person="nobody") != []  # not a choice: it counts as left out
    assert told(editor, person="mercutio") == [("Today", ["Edited “romeo”"])]
    assert told(editor, name="romeo", day=f"{timezone.localdate():%Y-%m-%d}") == [
        ("Today", ["Edited “romeo”"])
    ]
    assert told(editor, day="nonsense", before="x") == told(editor)


def test_a_step_of_somebody_else_is_put_back_and_can_be_undone(editor, verona):
    change("romeo", status="in love", by="paolo")

    said = put_back(editor, **step(editor, "Edited “romeo”"))

    assert said == ["Put back: Edited “romeo”"]
    assert named("romeo").status == ""
    put_back(editor, **step(editor, "Undone: Edited “romeo”"))
    assert named("romeo").status == "in love"


def test_a_step_that_somebody_changed_since_is_refused_in_words(editor, verona):
    change("romeo", status="in love", by="paolo")
    old = step(editor, "Edited “romeo”")
    change("romeo", status="banished", by="giulia")

    (said,) = put_back(editor, **old)

    assert said.startswith("giulia changed “romeo”")
    assert named("romeo").status == "banished"


def test_a_campaign_that_went_live_is_one_step_and_ends_when_it_is_put_back(
    publisher, natale
):
    go_live()
    natale.change("romeo", status="ho ho ho")
    natale.publish()
    assert told(publisher)[0][1][0] == "“Natale” went live"

    put_back(publisher, **step(publisher, "“Natale” went live"))

    assert named("romeo").status == ""
    assert Campaign.objects.get(pk=natale.pk).state == Campaign.State.ENDED
    assert told(publisher)[0][1][0] == "“Natale” ended"


def test_a_campaign_is_not_made_live_again_by_putting_back(publisher, natale):
    go_live()
    natale.change("romeo", status="ho ho ho")
    natale.publish()
    put_back(publisher, **step(publisher, "“Natale” went live"))

    (said,) = put_back(publisher, **step(publisher, "“Natale” ended"))
    assert "Again as a new campaign" in said
    assert Campaign.objects.get(pk=natale.pk).state == Campaign.State.ENDED


def test_who_may_not_publish_ends_no_campaign(editor, natale):
    go_live()
    natale.change("romeo", status="ho ho ho")
    natale.publish()
    said = put_back(editor, **step(editor, "“Natale” went live"))
    assert said == ["You may not do what this would do."]
    assert named("romeo").status == "ho ho ho"


@pytest.mark.parametrize(
    ("missing", "is_refused"),
    [("add_buddy", {"back"}), ("delete_buddy", {"away"}), ("", set())],
)
def test_adding_and_deleting_need_their_permissions(verona, missing, is_refused):
    verbs = {"view_buddy", "change_buddy", "add_buddy", "delete_buddy", "edit_live"}
    client = person("nurse", "", *(verbs - {missing}))
    seen, house = version(), key("house")
    edits.remove([named("house")], "paolo")
    branch = {"what": "branch", "entry": house, "last": seen}
    refused = {"You may not do what this would do."}

    assert (set(put_back(client, **branch)) == refused) == ("back" in is_refused)

    edits.duplicate([named("mario")], "paolo")
    added = step(client, "Added “mario”")
    assert (set(put_back(client, **added)) == refused) == ("away" in is_refused)


def test_an_address_that_apps_know_needs_its_permission(editor, publisher, verona):
    go_live()
    change("romeo", address="Romeo", by="prince")
    go_live()
    record = HistoricalBuddy.objects.first().history_id
    field = {"what": "field", "record": record, "field": "address"}

    assert put_back(editor, **field) == ["You may not do what this would do."]
    assert named("romeo").address == "Romeo"
    put_back(publisher, **field)
    assert named("romeo").address == "romeo"


def test_putting_back_what_is_there_already_says_so(editor, verona):
    change("romeo", status="in love")
    record = HistoricalBuddy.objects.first().history_id
    change("romeo", status="")

    said = put_back(editor, what="field", record=record, field="status")
    assert said == ["Nothing to do: it is like this already."]


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1999-12-31"])
def test_a_day_that_no_calendar_has_counts_as_left_out(editor, verona, day):
    assert told(editor, day=day) == told(editor)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"what": "everything"},
        {"what": "step"},
        {"what": "step", "last": "x", "first": "-1", "entry": "9" * 30},
        {"what": "field", "record": "1", "field": "pk"},
        {"what": "branch", "entry": "1", "last": "0"},
    ],
)
def test_what_makes_no_sense_is_refused(editor, verona, data):
    before = version()
    (said,) = put_back(editor, **data)
    assert said in {
        "There is nothing to undo.",
        "The request could not be understood. Reload the page.",
    }
    assert version() == before


def test_it_returns_to_pages_of_this_site_only(editor, verona):
    for page in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        response = editor.post(PUT_BACK, {"next": page})
        assert response.url == HOME


def test_what_was_deleted_comes_back_from_the_trash(editor, verona):
    edits.remove([named("house")], "paolo")
    assert editor.get(HOME).context["deleted"] == 2
    (deleted,) = editor.get(TRASH).context["deleted"]
    assert (deleted.name, deleted.inside) == ("house", 1)

    put_back(editor, what="branch", entry=deleted.number, last=deleted.version)

    assert outline() == VERONA
    assert list(editor.get(TRASH).context["deleted"]) == []


def test_the_history_puts_one_field_back(editor, verona):
    change("romeo", status="in love")
    change("romeo", status="banished")
    page = editor.get(f"/admin/buddies/buddy/{key('romeo')}/history/")
    entry = page.context["history"][1]
    (difference,) = entry.differences
    assert (difference.field, difference.old) == ("status", "")

    put_back(editor, what="field", record=entry.record, field=difference.field)

    assert named("romeo").status == ""


def test_a_version_puts_one_branch_back(editor, verona):
    release = go_live()
    edits.remove([named("romeo")], "paolo")
    change("mario", status="alone")
    page = editor.get(f"/admin/buddies/release/{release.number}/change/")
    offered = {path: number for number, path in page.context["branches"]}
    assert list(offered)[:3] == ["verona", "verona › juliet", "verona › house"]

    last = page.context["tree_version"]
    put_back(editor, what="branch", entry=offered["verona › house"], last=last)

    assert outline() == VERONA
    assert named("mario").status == "alone"


def test_what_is_coming_is_listed_in_order(editor: Client, natale):
    soon = timezone.now() + timedelta(days=2)
    change("romeo", visible_until=soon, visible_from=soon - timedelta(days=9))
    change("juliet", visible_from=timezone.now() + timedelta(days=31))
    go_live()
    natale.change("mario", status="ho ho ho")
    applying.plan(natale.pk, "prince", natale.digest, soon - timedelta(days=1))

    events = [one.text for one in editor.get(HOME).context["coming"]]
    assert events == ["Natale goes live", "“romeo” is hidden"]


def test_what_is_wrong_is_listed_with_a_link(editor: Client, verona):
    go_live()
    channel("nobody", server_address="nobody@localhost")
    assert [one.words for one in editor.get(HOME).context["mend"]][1:] == []

    now = timezone.now()
    Answerer.objects.create(jid="nobody@localhost", has_account=False, checked_at=now)
    *_, last = editor.get(HOME).context["mend"]
    assert last.words == "1 channel or group has a warning."
    assert last.address == "/admin/buddies/buddy/channels/?show=warnings"


def test_who_may_only_view_sees_it_and_puts_nothing_back(verona):
    client = person("rita", "", "view_buddy")
    change("romeo", status="in love")
    releases.sync()

    assert client.get(HOME).context["may_put_back"] is False
    assert client.get(TRASH).status_code == 200
    data = {"what": "step", "first": version(), "last": version()}
    assert client.post(PUT_BACK, data).status_code == 403
    assert named("romeo").status == "in love"
    assert person("otto").get(HOME).status_code == 403
