"""Campaigns go live: as one edit and one release, or not at all."""

import logging
import sys
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from buddies import tasks
from buddies.campaigns.base import base_of
from buddies.campaigns.conflict_words import LIVE, OWN
from buddies.campaigns.deciding import decide
from buddies.campaigns.ending import undo_live
from buddies.campaigns.moving import do_live
from buddies.campaigns.view import View, view_of
from buddies.document import build
from buddies.models import Buddy, Campaign, HistoricalBuddy, Release, Tree
from buddies.publishing import applying, releases
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release
from buddies.tree import edits, snapshot
from buddies.tree.lock import Stale
from buddies.tree.undo import undo
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.campaigns.test_edits import Drawn, Live, attempt
from tests.buddies.conftest import EDITOR, STORED, channel, group, named, outline, rows
from tests.buddies.publishing.drafts import HOUR, due, live_names, plan, publish
from tests.buddies.tree.records import create_verona

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tree(db) -> None:
    channel("romeo")
    channel("mario")
    releases.sync()


def natale() -> Desk:
    """Return a campaign that renames romeo and adds a channel before it."""
    desk = Desk("Natale")
    desk.edits.change([desk.named("romeo")], EDITOR, name="Babbo")
    new = desk.edits.add(Buddy(name="Mercatini", web_is_published=True), EDITOR)
    desk.edits.move([new], EDITOR, desk.named("Babbo"), "before")
    return desk


# --- At once --------------------------------------------------------------------------


def test_a_campaign_goes_live_as_one_edit_and_one_release():
    desk, before = natale(), Tree.objects.get().version

    release = publish(desk, "nurse")

    assert outline() == ["Mercatini", "Babbo", "mario"]
    assert release == live_release()
    assert live_names() == ["Mercatini", "Babbo", "mario"]
    assert (release.author, release.note, release.automatic) == (
        "nurse",
        "Natale",
        False,
    )
    tree, campaign = Tree.objects.get(), desk.campaign
    assert (tree.version, tree.built, tree.editors) == (before + 1, before + 1, {})
    assert (campaign.state, campaign.release) == ("published", release)
    records = HistoricalBuddy.objects.filter(version=tree.version)
    assert {one.history_change_reason for one in records} == {f"campaign:{desk.pk}"}
    assert not releases.is_behind()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("goes_live", ["publish", "do_live"])
def test_what_an_operator_wrote_by_hand_stays(goes_live):
    """Without an edit nothing says that what was read of the tree is outdated."""
    desk = Desk("Natale")
    desk.edits.change([named("romeo")], EDITOR, name="Babbo")
    assert desk.view.conflicts == []
    Buddy.objects.filter(name="mario").update(status="by hand")

    if goes_live == "publish":
        publish(desk)
    else:
        do_live(desk.pk, EDITOR, str(named("romeo").key), "name")

    assert (outline(), named("mario").status) == (["Babbo", "mario"], "by hand")


def test_a_new_entry_keeps_its_key():
    desk = natale()
    key = desk.named("Mercatini").key

    publish(desk)

    assert named("Mercatini").key == key


def test_what_others_edit_live_stays():
    desk = natale()
    edits.change([named("romeo")], "prince", status="banished", web_is_published=False)
    edits.add(Buddy(name="paris", web_is_published=True), "prince")

    publish(desk)

    romeo = named("Babbo")
    assert (romeo.status, romeo.is_published) == ("banished", False)
    assert live_names() == ["Mercatini", "mario", "paris"]


def test_a_campaign_that_changed_since_its_review_is_not_published():
    desk = natale()
    from_review = applying.rows.digest(desk.campaign, desk.view.stored)
    desk.edits.change([desk.named("Babbo")], "prince", status="Ho ho")

    with pytest.raises(ReleaseError, match="Someone changed the campaign"):
        applying.publish(desk.pk, "juliet", from_review)
    with pytest.raises(ReleaseError, match="Someone changed the campaign"):
        applying.plan(desk.pk, "juliet", from_review, timezone.now() + HOUR)

    assert outline() == ["romeo", "mario"]


def test_a_live_edit_between_review_and_publication_is_kept():
    desk = natale()
    from_review = applying.rows.digest(desk.campaign, desk.view.stored)
    edits.change([named("mario")], "prince", name="Mario")

    applying.publish(desk.pk, "juliet", from_review)

    assert live_names() == ["Mercatini", "Babbo", "Mario"]


def test_with_a_conflict_nothing_of_it_goes_live():
    desk = natale()
    edits.change([named("romeo")], "prince", name="Montague")
    before = rows(), Tree.objects.values().get()

    with pytest.raises(ReleaseError, match="1 decision is missing"):
        publish(desk)

    assert (rows(), Tree.objects.values().get()) == before
    assert desk.campaign.state == "open"


def test_a_document_that_is_too_large_is_refused(settings):
    desk = natale()
    before = rows(), Tree.objects.values().get(), live_release()
    settings.XMPP_STANZA_LIMIT = 300

    with pytest.raises(ReleaseError, match="the limit is 300"):
        publish(desk)

    assert (rows(), Tree.objects.values().get(), live_release()) == before


def test_two_entries_can_swap_their_addresses():
    desk = Desk("Swap")
    romeo, mario = desk.named_all("romeo mario")
    desk.edits.change([romeo], EDITOR, address="for a moment")
    desk.edits.change([mario], EDITOR, address="romeo")
    desk.edits.change([romeo], EDITOR, address="mario")
    before = rows()

    publish(desk)

    assert (named("romeo").address, named("mario").address) == ("mario", "romeo")
    undo(Tree.objects.get().version, "juliet")
    assert rows() == before


def test_a_new_entry_can_take_the_address_of_a_deleted_one():
    desk = Desk("Again")
    desk.edits.remove([desk.named("romeo")], EDITOR)
    desk.edits.add(Buddy(name="Romeo II", address="romeo"), EDITOR)

    publish(desk)

    assert named("Romeo II").address == "romeo"
    assert outline() == ["mario", "Romeo II"]


def test_a_group_may_become_a_channel_while_its_contents_move_out():
    house = group("house")
    channel("tybalt", house)
    desk = Desk("Turn")
    desk.edits.move([desk.named("tybalt")], EDITOR, None, "last")
    desk.edits.change([desk.named("house")], EDITOR, type="channel")

    publish(desk)

    assert named("house").type == "channel"
    assert outline() == ["romeo", "mario", "house", "tybalt"]


# --- At its moment --------------------------------------------------------------------


def test_a_planned_campaign_goes_live_by_itself_when_it_is_due():
    desk = natale()
    plan(desk, "juliet")
    applying.publish_due()
    assert (desk.campaign.state, live_names()) == ("planned", ["romeo", "mario"])

    due(desk)
    assert releases.is_behind()
    applying.publish_due()

    assert live_names() == ["Mercatini", "Babbo", "mario"]
    assert (live_release().author, desk.campaign.state) == ("juliet", "published")
    assert not releases.is_behind()


def test_one_with_a_conflict_is_blocked_and_the_others_go_on(caplog):
    desk, other = natale(), Desk("Saldi")
    other.edits.change([other.named("mario")], EDITOR, status="-50 %")
    plan(desk)
    plan(other)
    edits.change([named("romeo")], "prince", name="Montague")
    releases.sync()
    for one in (desk, other):
        due(one)

    applying.publish_due()
    applying.publish_due()

    blocked = desk.campaign
    assert (blocked.state, blocked.blocked) == ("planned", "conflicts")
    assert other.campaign.state == "published"
    assert live_names() == ["Montague", "mario"]
    assert named("mario").status == "-50 %"
    # Once, although it stays blocked.
    assert caplog.messages == [f"campaign {desk.pk} is blocked: conflicts"]
    assert caplog.records[0].levelno == logging.WARNING
    assert not releases.is_behind()


def test_a_late_decision_does_not_make_it_go_live_by_itself():
    desk = natale()
    plan(desk)
    edits.change([named("romeo")], "prince", name="Montague")
    due(desk)
    applying.publish_due()
    edits.change([named("Montague")], "prince", name="romeo")

    applying.publish_due()
    assert desk.campaign.state == "planned"

    publish(desk)
    assert live_names() == ["Mercatini", "Babbo", "mario"]


def test_another_moment_unblocks_it():
    desk = natale()
    plan(desk)
    Campaign.objects.update(blocked="conflicts", due_at=timezone.now() - HOUR)

    plan(desk)

    assert desk.campaign.blocked == ""
    due(desk)
    applying.publish_due()
    assert desk.campaign.state == "published"


def test_of_two_in_one_second_neither_takes_back_the_other():
    """Two plans once silently undid each other."""
    first, second = Desk("A"), Desk("B")
    first.edits.change([first.named("romeo")], EDITOR, mobile_is_published=True)
    second.edits.change([second.named("mario")], EDITOR, web_is_published=False)
    at = timezone.now() + HOUR
    plan(first, at=at)
    plan(second, at=at)
    for desk in (first, second):
        due(desk)

    applying.publish_due()

    assert named("romeo").mobile_is_published
    assert not named("mario").web_is_published
    assert [one.state for one in Campaign.objects.all()] == ["published"] * 2
    assert Release.objects.filter(automatic=False).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_between_leaves_nothing_half_done(monkeypatch):
    desk = natale()
    plan(desk)
    due(desk)
    before = rows(), Tree.objects.values().get()
    with monkeypatch.context() as patch:
        # As if it was killed before the release.
        patch.setattr(applying, "create", lambda *args, **more: sys.exit())
        with pytest.raises(SystemExit):
            applying.publish_due()
    assert (rows(), Tree.objects.values().get()) == before
    assert (desk.campaign.state, desk.campaign.blocked) == ("planned", "")

    applying.publish_due()

    assert desk.campaign.state == "published"


def test_one_that_breaks_holds_up_nothing_else(monkeypatch, caplog):
    broken, other = Desk("Natale"), Desk("Saldi")
    for desk, name in ((broken, "romeo"), (other, "mario")):
        desk.edits.change([desk.named(name)], EDITOR, name=name.title())
        plan(desk)
        due(desk)
    before = applying.release_tree

    def break_once(editor: str, note: str) -> Release:
        return before(editor, note) if note == "Saldi" else 1 / 0

    with monkeypatch.context() as patch:
        patch.setattr(applying, "release_tree", break_once)
        tasks.sync_vcard()

    states = [desk.campaign.state for desk in (broken, other)]
    assert states == ["planned", "published"]
    assert live_names() == ["romeo", "Mario"]
    assert f"campaign {broken.pk} failed" in caplog.text
    applying.publish_due()
    assert broken.campaign.state == "published"


def test_without_anything_due_no_lock_is_taken():
    plan(natale())

    with CaptureQueriesContext(
        connection,
    ) as queries:
        applying.publish_due()

    assert len(queries) == 2


def test_one_that_builds_on_another_says_so_when_published_first():
    first, second = natale(), Desk("Saldi")
    plan(first)
    plan(second, at=timezone.now() + 2 * HOUR)
    second.edits.change([second.named("Babbo")], EDITOR, name="Sconti")

    with pytest.raises(ReleaseError, match="builds on campaigns that are due before"):
        publish(second, ends_at=None)

    assert outline() == ["romeo", "mario"]


def test_one_that_missed_its_end_too_is_not_shown_for_a_moment():
    desk = natale()
    plan(desk)
    now = timezone.now()
    Campaign.objects.update(due_at=now - 2 * HOUR, ends_at=now - HOUR)

    applying.publish_due()

    assert (desk.campaign.state, desk.campaign.blocked) == ("planned", "missed")
    assert live_names() == ["romeo", "mario"]


def test_what_comes_back_has_its_number_and_history_again():
    desk, number = Desk("Natale"), named("romeo").pk
    desk.edits.remove([desk.named("romeo")], EDITOR)
    publish(desk)

    applying.take_back(desk.pk, "juliet")

    assert named("romeo").pk == number
    assert [one.history_type for one in HistoricalBuddy.objects.filter(id=number)] == [
        "+",
        "-",
        "+",
    ]


def test_a_plan_in_the_past_is_refused():
    desk = natale()

    with pytest.raises(ReleaseError, match="That time has passed"):
        plan(desk, at=timezone.now())

    assert desk.campaign.state == "open"


def test_a_campaign_that_is_not_planned_any_more_stays_as_it_is():
    desk = natale()
    plan(desk)

    applying.unplan(desk.pk)

    campaign = desk.campaign
    assert (campaign.state, campaign.due_at) == ("open", None)
    applying.publish_due()
    assert live_names() == ["romeo", "mario"]


# --- The end --------------------------------------------------------------------------


def test_what_it_did_is_taken_back_at_its_end():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    edits.change([named("mario")], "prince", status="here I am")

    applying.publish_due()
    assert desk.campaign.state == "published"
    Campaign.objects.update(ends_at=timezone.now())
    assert releases.is_behind()
    applying.publish_due()

    assert desk.campaign.state == "ended"
    assert outline() == ["romeo", "mario"]
    assert named("mario").status == "here I am"
    assert live_release().note == "“Natale” has ended"


def test_one_that_is_taken_back_early_ended_then():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)

    release = applying.take_back(desk.pk, "juliet")

    assert desk.campaign.ends_at == release.created_at


def test_what_others_edited_since_blocks_the_end():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    edits.change([named("Babbo")], "prince", name="Santa")
    releases.sync()
    Campaign.objects.update(ends_at=timezone.now())

    applying.publish_due()

    campaign = desk.campaign
    assert (campaign.state, campaign.blocked) == ("published", "conflicts")
    assert live_names() == ["Mercatini", "Santa", "mario"]


def test_an_undo_of_its_edit_ends_it_and_a_redo_makes_it_live_again():
    desk, end = natale(), timezone.now() + HOUR
    publish(desk, ends_at=end)

    undo_live(Tree.objects.get().version, "juliet")
    assert outline() == ["romeo", "mario"]
    assert desk.campaign.state == "ended"
    assert desk.campaign.ends_at < timezone.now()

    undo_live(Tree.objects.get().version, "juliet")
    assert outline() == ["Mercatini", "Babbo", "mario"]
    campaign = desk.campaign
    assert (campaign.state, campaign.ends_at) == ("published", end)
    applying.take_back(desk.pk, "juliet")
    assert outline() == ["romeo", "mario"]


def test_a_redo_after_its_end_stays_live():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    undo_live(Tree.objects.get().version, "juliet")
    Campaign.objects.update(kept_end=timezone.now())

    undo_live(Tree.objects.get().version, "juliet")

    assert (desk.campaign.state, desk.campaign.ends_at) == ("published", None)


@pytest.mark.parametrize("by", ["itself", "another"])
def test_an_undo_of_its_end_makes_it_live_again(by):
    desk = natale()
    publish(desk)
    if by == "itself":
        applying.take_back(desk.pk, "juliet")
    else:
        publish(Desk.of(applying.opposite(desk.campaign, "juliet")))
    assert (outline(), desk.campaign.state) == (["romeo", "mario"], "ended")

    undo_live(Tree.objects.get().version, "juliet")

    assert outline() == ["Mercatini", "Babbo", "mario"]
    assert desk.campaign.state == "published"
    applying.take_back(desk.pk, "juliet")
    assert outline() == ["romeo", "mario"]


def test_one_that_is_taken_back_before_its_end_is_not_drawn_as_ending():
    desk = natale()
    publish(desk, ends_at=timezone.now() + 9 * HOUR)
    edits.change([named("Babbo")], "prince", name="Santa")
    back = Desk.of(applying.opposite(desk.campaign, "juliet"))
    decide(back.pk, EDITOR, back.view.conflicts[0], LIVE)
    edits.change([named("Santa")], "prince", name="Babbo")
    plan(back, at=timezone.now() + HOUR)
    saldi = Desk("Saldi")
    saldi.edits.change([saldi.named("mario")], EDITOR, status="on sale")

    plan(saldi, at=timezone.now() + 10 * HOUR)

    assert saldi.outline() == ["Babbo", "mario"]


def test_one_that_is_due_after_that_end_is_drawn_without_it():
    """Its decisions are known weeks before, not when the other one ends."""
    desk = natale()
    Buddy.objects.filter(name="mario").update(status="here")
    desk.edits.remove([desk.named("mario")], EDITOR)
    publish(desk, ends_at=timezone.now() + HOUR)
    saldi = Desk("Saldi")
    saldi.edits.change([saldi.named("Babbo")], EDITOR, name="Sconti")
    assert saldi.view.conflicts == []

    plan(saldi, at=timezone.now() + 2 * HOUR)

    assert saldi.outline() == ["Sconti", "mario"]
    (conflict,) = saldi.view.conflicts
    assert (conflict.kind, conflict.detail) == ("field", "name")
    decide(saldi.pk, EDITOR, conflict, OWN)
    back = saldi.named("mario")
    assert -(2**53) < back.pk < 0
    saldi.edits.change([back], EDITOR, status="on sale")
    Campaign.objects.filter(pk=desk.pk).update(ends_at=timezone.now())
    due(saldi)
    applying.publish_due()
    assert (outline(), named("mario").status) == (["Sconti", "mario"], "on sale")
    assert (desk.campaign.state, saldi.campaign.state) == ("ended", "published")


def test_where_the_end_will_be_blocked_it_is_drawn_as_it_stays():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    edits.change([named("Babbo")], "prince", name="Santa")
    saldi = Desk("Saldi")
    saldi.edits.change([saldi.named("Santa")], EDITOR, status="on sale")

    plan(saldi, at=timezone.now() + 2 * HOUR)

    assert saldi.outline() == ["Mercatini", "Santa", "mario"]
    assert saldi.view.conflicts == []


def test_the_rest_is_decided_in_a_campaign_of_its_own():
    desk = natale()
    publish(desk)
    edits.change([named("Babbo")], "prince", name="Santa")

    with pytest.raises(applying.Refused) as caught:
        applying.take_back(desk.pk, "juliet")
    back = applying.opposite(desk.campaign, "juliet")

    assert caught.value.code == "conflicts"
    assert back.name == "Take back Natale"
    assert [one.kind for one in view_of(back).conflicts] == ["field"]
    assert "Mercatini" not in [b.name for b in view_of(back).buddies]
    # Asked again, it is the same one.
    assert applying.opposite(desk.campaign, "nurse") == back


@pytest.mark.parametrize("choice", [OWN, LIVE])
def test_one_that_takes_back_another_ends_it(choice):
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    edits.change([named("Babbo")], "prince", name="Santa")
    Campaign.objects.update(ends_at=timezone.now())
    applying.publish_due()
    back = Desk.of(applying.opposite(desk.campaign, "juliet"))

    decide(back.pk, "juliet", back.view.conflicts[0], choice)
    publish(back)

    assert outline() == ["romeo" if choice == OWN else "Santa", "mario"]
    assert (desk.campaign.state, desk.campaign.blocked) == ("ended", "")


def test_one_that_cannot_end_may_stay_live():
    desk = natale()
    publish(desk, ends_at=timezone.now() + HOUR)
    Campaign.objects.update(ends_at=timezone.now(), blocked="conflicts")

    applying.keep(desk.pk)

    campaign = desk.campaign
    assert (campaign.state, campaign.ends_at, campaign.blocked) == (
        "published",
        None,
        "",
    )
    applying.publish_due()
    assert desk.campaign.state == "published"


def test_a_campaign_that_changed_nothing_takes_nothing_back():
    desk = Desk("Nothing")
    edits.change([named("romeo")], "prince", name="Montague")
    publish(desk)

    applying.take_back(desk.pk, "juliet")

    assert outline() == ["Montague", "mario"]


def test_an_end_before_the_beginning_is_refused():
    desk = natale()

    with pytest.raises(ReleaseError, match="must end after it goes live"):
        publish(desk, ends_at=timezone.now() - HOUR)


# --- One change alone -----------------------------------------------------------------


def test_one_change_can_go_live_before_the_rest():
    desk = natale()
    key = str(named("romeo").key)

    do_live(desk.pk, "juliet", key, "name")

    assert outline() == ["Babbo", "mario"]
    assert desk.outline() == ["Mercatini", "Babbo", "mario"]
    assert desk.view.differences.changed == {}
    with pytest.raises(Stale, match="can't go live without the rest"):
        do_live(desk.pk, "juliet", key, "name")


# --- In the database as in memory -----------------------------------------------------


def property_test(count: int) -> Callable[..., None]:
    """Return a test that publishes and undoes ``count`` campaigns."""

    @settings(STORED, max_examples=count)
    @given(
        mine=st.lists(st.integers(0, 10**6), max_size=6),
        theirs=st.lists(st.integers(0, 10**6), max_size=3),
    )
    def check(mine, theirs):
        with transaction.atomic():
            create_verona_anew()
            campaign = Drawn()
            for number, seed in enumerate(mine):
                attempt(campaign, number, seed)
            for number, seed in enumerate(theirs, 50):
                attempt(Live(), number, seed)
            view = View(campaign.desk.campaign, base_of())
            assume(not view.conflicts)
            before, version = rows(), Tree.objects.get().version
            wanted = build.published(view.buddies, timezone.now())

            release = publish(campaign.desk)

            assert snapshot.of(Buddy.objects.all()) == view.tree
            assert release.body == build.dumps(wanted)
            if Tree.objects.get().version > version:
                undo(version + 1, "juliet")
            assert rows() == before
            transaction.set_rollback(True)

    return check


def create_verona_anew() -> None:
    edits.remove(Buddy.objects.all(), EDITOR)
    create_verona()


# tests/slow runs more examples.
test_the_stored_tree_is_the_merged_one_and_can_be_undone = property_test(25)
