"""The decisions of a campaign: a card for each kind of conflict, and each choice."""

from collections.abc import Callable

import pytest
from django.test import Client

from buddies.campaigns import making
from buddies.models import Buddy, Campaign
from tests.buddies.conftest import group, rows
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.campaign_conflicts import (
    PAOLO,
    address_of_a_changed_one,
    address_of_a_new_one,
    address_without_a_server_address,
    changed_and_gone,
    channel_becomes_group,
    circle,
    circle_through_a_new_one,
    field,
    group_becomes_channel,
    inside_a_group_that_goes,
    inside_a_group_that_is_gone,
    live_group_became_a_channel,
    move,
    moved_into_a_group_that_is_gone,
    order,
    parent,
    remove,
    removed_and_changed,
    schedule,
)
from tests.buddies.pages.test_campaign_form import posted
from tests.buddies.pages.test_workspace import viewer
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import change, person

pytestmark = pytest.mark.django_db


def value(name: str, what: str) -> Callable[[Natale], object]:
    return lambda natale: getattr(natale.named(name), what)


def names(natale: Natale) -> str:
    return " ".join(natale.names())


def group_of(name: str) -> Callable[[Natale], object]:
    def found(natale: Natale) -> object:
        group = natale.view.by_id.get(natale.named(name).parent_id or 0)
        return group and group.name

    return found


ALL = "house juliet mario romeo verona"
CASES = [
    (field, "own", lambda natale: "Romeo" in natale.names(), True),
    (field, "live", lambda natale: "Montague" in natale.names(), True),
    (schedule, "own", lambda natale: natale.named("romeo").visible_from.day, 8),
    (schedule, "live", lambda natale: natale.named("romeo").visible_from.day, 1),
    (parent, "own", group_of("mario"), "house"),
    (parent, "live", group_of("mario"), "verona"),
    (changed_and_gone, "own", group_of("Romeo"), "house"),
    (changed_and_gone, "live", names, "house juliet mario verona"),
    (removed_and_changed, "own", names, "house juliet mario verona"),
    (removed_and_changed, "live", value("romeo", "status"), "banished"),
    (inside_a_group_that_is_gone, "out", names, "juliet mario verona"),
    (inside_a_group_that_is_gone, "group", group_of("nurse"), "house"),
    (inside_a_group_that_goes, "delete", names, "juliet mario verona"),
    (inside_a_group_that_goes, "group", names, "house juliet mario nurse verona"),
    (circle, "live", group_of("verona"), "mantua"),
    (circle_through_a_new_one, "live", group_of("attic"), "verona"),
    (group_becomes_channel, "live", value("house", "type"), "group"),
    (channel_becomes_group, "live", value("mario", "type"), "channel"),
    (live_group_became_a_channel, "live", names, ALL),
    (address_of_a_new_one, "rename", value("nurse", "is_published"), True),
    (address_of_a_new_one, "out", names, "Nurse live " + ALL),
    (address_of_a_changed_one, "rename", lambda n: n.named("mario").address > "", True),
    (address_of_a_changed_one, "out", value("mario", "address"), "mario"),
    (address_without_a_server_address, "rename", names, "bot " + ALL),
    (
        address_without_a_server_address,
        "out",
        value("bot", "server_address"),
        "bot@example.org",
    ),
    (order, "own", lambda natale: in_order(natale.view.buddies), "nurse first"),
    (order, "live", lambda natale: in_order(natale.view.buddies), "nurse last"),
]


def in_order(buddies: list[Buddy]) -> str:
    place = {one.name: one.position for one in buddies}
    return "nurse first" if place["nurse"] < place["house"] else "nurse last"


def post(client: Client, natale: Natale, number: int, choice: str):
    """Press a button of a card."""
    conflict = client.get(natale.url("decisions")).context["cards"][number].decision[0]
    sent = {"kind": conflict.kind, "key": conflict.key or "", "detail": conflict.detail}
    return client.post(natale.url("decisions"), {**sent, "choice": choice}, follow=True)


@pytest.mark.parametrize(("conflict", "choice", "found", "expected"), CASES)
def test_each_choice_settles_its_conflict(
    editor: Client, natale, conflict, choice, found, expected
):
    conflict(natale)
    before = rows()

    response = post(editor, natale, 0, choice)

    assert messages(response) == ["Decided."]
    assert response.redirect_chain == [(natale.url("decisions"), 302)]
    assert natale.view.conflicts == []
    assert found(natale) == expected
    assert rows() == before
    natale.publish()
    assert natale.campaign.state == "published"


SENTENCES = [
    (field, "“Romeo”: paolo changed “name” live on"),
    (schedule, "“romeo”: paolo changed “visible from” live on"),
    (parent, "“mario” is in “verona” now; Natale puts it into “house”."),
    (changed_and_gone, "paolo deleted “Romeo” live on"),
    (removed_and_changed, "Natale deletes “romeo”, but paolo changed it live on"),
    (inside_a_group_that_is_gone, "“nurse” is to be in “house”, which is deleted."),
    (inside_a_group_that_goes, "Natale deletes “house”, but “nurse” was put into it"),
    (circle, "would be in “mantua”, which would be inside “verona”."),
    (circle_through_a_new_one, "which would be inside “attic”."),
    (group_becomes_channel, "“house” is a channel, and would contain others."),
    (channel_becomes_group, "“mario” is a group, and would have a channel's message"),
    (live_group_became_a_channel, "“house” is a channel, and would contain others."),
    (address_of_a_new_one, "“nurse” and “Nurse live” have the same address."),
    (address_of_a_changed_one, "“mario” and “Nurse live” have the same address."),
    (address_without_a_server_address, "“bot” and “mario” have the same address."),
    (order, "The order in “verona” was changed live, and in Saldi."),
]


@pytest.mark.parametrize(("conflict", "sentence"), SENTENCES)
def test_each_conflict_is_a_card_in_words(editor: Client, natale, conflict, sentence):
    conflict(natale)

    page = editor.get(natale.url("decisions"))

    text = page_text(page).replace("\xa0", " ")
    assert sentence in text
    assert "%(" not in text
    assert "Nothing is settled without you." in text
    for card in page.context["cards"]:
        assert card.choices
        if card.by_hand:
            assert card.by_hand.endswith(f"{natale.query}&decide=1")
            assert editor.get(card.by_hand).status_code == 200
    assert page.context["count"] == len(natale.view.conflicts)

    editor.cookies["django_language"] = "it"
    assert "%(" not in page_text(editor.get(natale.url("decisions")))


def test_both_values_are_side_by_side(editor: Client, natale):
    field(natale)
    (card,) = editor.get(natale.url("decisions")).context["cards"]
    assert (card.decision.own, card.decision.live) == ("Romeo", "Montague")
    assert [choice.label for choice in card.choices] == [
        "Use that of Natale",
        "Keep what is live",
    ]


def test_a_conflict_settles_no_other_one(editor: Client, natale):
    field(natale)
    removed = natale.named("mario")
    natale.edits.remove([removed], "mercutio")
    change("mario", PAOLO, status="away")
    assert len(natale.view.conflicts) == 2

    post(editor, natale, 0, "live")

    assert len(natale.view.conflicts) == 1


@pytest.mark.parametrize("by", ["live", "decision"])
def test_what_was_settled_meanwhile_is_said(editor: Client, natale, by):
    field(natale)
    conflict = natale.view.conflicts[0]._asdict()
    if by == "live":
        change("Montague", PAOLO, name="romeo")
    else:
        post(editor, natale, 0, "own")
    before = natale.digest

    answer = editor.post(
        natale.url("decisions"), {**conflict, "choice": "live"}, follow=True
    )

    assert messages(answer) == ["This was decided already, or it has changed."]
    assert natale.digest == before


@pytest.mark.parametrize(
    ("conflict", "entry"),
    [
        (inside_a_group_that_is_gone, "nurse"),
        (moved_into_a_group_that_is_gone, "mario"),
        (circle, "mantua"),
        (inside_a_group_that_goes, "nurse"),
    ],
)
def test_what_the_form_shows_is_settled_when_it_is_saved(
    editor: Client, natale, conflict, entry
):
    conflict(natale)
    cards = editor.get(natale.url("decisions")).context["cards"]
    address = next(one.by_hand for one in cards if one.decision.name == entry)
    shown = natale.named(entry).parent_id

    editor.post(address, posted(natale, entry))

    assert natale.view.conflicts == []
    assert natale.named(entry).parent_id == shown


def test_the_card_names_the_group_that_is_gone(editor: Client, natale):
    group("mantua")
    natale.move("mario", "mantua")
    move("mario", "verona")
    remove("mantua")

    (card,) = editor.get(natale.url("decisions")).context["cards"]

    assert (card.decision.own, card.decision.live) == ("“mantua”", "“verona”")


@pytest.mark.parametrize("choice", ["", "edit", "delete", "x", "\x00"])
def test_what_is_not_offered_is_not_chosen(editor: Client, natale, choice):
    field(natale)
    before = natale.digest
    assert messages(post(editor, natale, 0, choice)) == ["This can't be chosen here."]
    assert natale.digest == before


def test_who_may_not_edit_sees_the_cards_without_buttons(natale):
    field(natale)
    most = ("view_buddy", "edit_campaign", "change_buddy", "add_buddy")
    looking = [viewer(), person("otto", "", *most, "edit_live")]
    for client in looking:
        page = client.get(natale.url("decisions"))
        assert "Use that of Natale" not in page_text(page)
        assert "“Romeo”: paolo changed" in page_text(page)
        assert client.post(natale.url("decisions"), {}).status_code == 403


def test_without_a_conflict_there_is_nothing_to_decide(editor: Client, natale):
    assert "Nothing has to be decided" in page_text(editor.get(natale.url("decisions")))
    making.discard(natale.pk)
    assert editor.get(natale.url("decisions")).status_code == 404


# --- A campaign that was made on one due earlier --------------------------------------


@pytest.fixture
def saldi(natale) -> Natale:
    """Natale is planned, and Saldi for later."""
    saldi = Natale("Saldi")
    moments = {natale.pk: "2098-12-01T08:00Z", saldi.pk: "2099-01-02T08:00Z"}
    for number, at in moments.items():
        Campaign.objects.filter(pk=number).update(state="planned", due_at=at)
    return saldi


@pytest.mark.parametrize(("choice", "is_there"), [("own", True), ("live", False)])
def test_what_only_a_discarded_campaign_had(
    editor: Client, natale, saldi, choice, is_there
):
    natale.add("nurse", "house", status="old")
    saldi.change("nurse", name="Nurse")
    making.discard(natale.pk)

    (card,) = editor.get(saldi.url("decisions")).context["cards"]
    words = "“Nurse” does not exist any more; Saldi changes it."
    assert card.decision.sentence == words
    assert messages(post(editor, saldi, 0, choice)) == ["Decided."]

    assert saldi.view.conflicts == []
    assert ("Nurse" in saldi.names()) == is_there
    if is_there:
        assert saldi.named("Nurse").status == "old"


def test_a_group_that_only_a_discarded_campaign_had(editor: Client, natale, saldi):
    natale.add("mantua", type="group")
    saldi.move("romeo", "mantua")
    making.discard(natale.pk)

    assert messages(post(editor, saldi, 0, "group")) == ["Decided."]

    assert saldi.view.conflicts == []
    assert group_of("romeo")(saldi) == "mantua"


def test_what_an_earlier_campaign_changes_is_ascribed_to_nobody_live(
    editor: Client, natale, saldi
):
    change("romeo", PAOLO, name="Romeo")
    Campaign.objects.filter(pk=saldi.pk).update(state="open", due_at=None)
    natale.change("Romeo", name="Babbo")
    saldi.change("Romeo", name="Montague")
    due = {"state": "planned", "due_at": "2099-01-02T08:00Z"}
    Campaign.objects.filter(pk=saldi.pk).update(**due)

    (card,) = editor.get(saldi.url("decisions")).context["cards"]

    assert card.decision.sentence == (
        "“Montague”: a campaign that is due earlier changes “name”; Saldi changes it, "
        "too."
    )
