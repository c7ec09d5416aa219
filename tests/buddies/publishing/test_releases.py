"""Releases of the tree, and when they are made."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from buddies.document.shape import EMPTY
from buddies.models import (
    MAX_LEVELS,
    Buddy,
    Campaign,
    HistoricalBuddy,
    Release,
    Tree,
)
from buddies.publishing import draft, releases
from buddies.publishing.live import live_release, mark_live, newer_than, size_of
from buddies.tree import edits
from tests.buddies.conftest import channel, group
from tests.buddies.publishing.drafts import HOUR, add, live_names, text
from xmppservice.protocol import vcard

pytestmark = pytest.mark.django_db


def test_nothing_is_live_before_the_first_release():
    assert live_release() is None
    assert newer_than(None) is None
    assert releases.seconds_until_due(60) == 0
    assert releases.is_behind()


def test_the_first_release_of_an_empty_tree_is_the_empty_document():
    release = releases.sync()

    assert release is not None
    assert (release.body, release.author, release.note) == (EMPTY, "", "")


def test_a_release_holds_the_document_with_its_size_and_digest():
    channel("perché <&>")

    release = releases.sync()

    assert release == live_release() == Release.objects.get()
    assert release.body == text()
    assert Tree.objects.get().size == release.size
    assert release.digest == hashlib.sha256(release.body.encode()).hexdigest()
    assert release.size == len(vcard.of_document(release.body).encode())
    assert release.live_at is None


def test_an_unchanged_tree_makes_no_second_release():
    channel("romeo")

    assert releases.sync() is not None
    assert releases.sync() is None
    assert Release.objects.count() == 1


def test_an_edit_invisible_to_clients_makes_no_release():
    channel("romeo")
    releases.sync()
    channel("draft", web_is_published=False)
    assert releases.is_behind()

    assert releases.sync() is None

    assert not releases.is_behind()
    assert Release.objects.count() == 1


def test_a_return_to_an_earlier_state_makes_a_new_release():
    romeo = channel("romeo")
    bodies = [releases.sync().body]
    for shown in (False, True):
        edits.change([romeo], "juliet", web_is_published=shown)
        bodies.append(releases.sync().body)

    assert bodies[0] == bodies[2] != bodies[1]
    assert live_release().body == bodies[2]


def test_an_old_release_keeps_its_body():
    romeo = channel("romeo")
    old = releases.sync()
    body = old.body
    edits.change([romeo], "juliet", name="Romeo")

    new = releases.sync()

    old.refresh_from_db()
    assert old.body == body != new.body
    assert new.number > old.number


def test_the_author_is_the_last_editor_and_the_note_names_the_others():
    for name, editor in (
        ("a", "romeo"),
        ("b", "mario"),
        ("c", "juliet"),
        ("d", "mario"),
    ):
        add(name, editor)

    release = releases.sync()

    assert release.author == "mario"
    assert release.remark == "includes edits by romeo, juliet"


def test_a_release_names_only_editors_since_the_previous_one():
    add("a", "romeo")
    releases.sync()
    add("b", "juliet")

    release = releases.sync()

    assert (release.author, release.note) == ("juliet", "")


def test_a_note_with_many_editors_is_truncated():
    for number in range(80):
        add(f"{number}", f"editor-{number:010d}")

    assert len(releases.sync().note) == 1000


def test_a_document_above_the_limit_is_refused_and_the_old_one_stays(settings):
    settings.XMPP_STANZA_LIMIT = 2_000
    romeo = channel("romeo")
    old = releases.sync()
    edits.change([romeo], "juliet", default_message="x" * 2_000)
    size = size_of(text())

    assert releases.sync() is None

    assert live_release() == old
    assert not releases.is_behind()
    state = Tree.objects.get()
    assert (state.refused, state.size) == (Tree.Refused.TOO_LARGE, size)
    assert draft.refusal_in_words(state.refused, state.size) == (
        f"The document is {size:,} bytes; the limit is 2,000. Hide or delete some "
        "channels. The previous version stays live."
    )


@pytest.mark.parametrize(("room", "released"), [(0, True), (-1, False)])
def test_the_limit_is_inclusive(settings, room, released):
    channel("romeo <&> 🎭")
    body = text()
    settings.XMPP_STANZA_LIMIT = len(vcard.of_document(body).encode()) + room

    assert (releases.sync() is not None) == released


@pytest.mark.parametrize("back", ["romeo", "shorter"])
def test_the_error_is_cleared_by_the_next_state_that_fits(settings, back):
    settings.XMPP_STANZA_LIMIT = 2_000
    romeo = channel("romeo")
    releases.sync()
    edits.change([romeo], "mario", name="Romeo", default_message="x" * 2_000)
    releases.sync()
    assert Tree.objects.get().refused

    edits.change([romeo], "juliet", name=back, default_message="")
    release = releases.sync()

    assert Tree.objects.get().refused == ""
    assert Tree.objects.get().size == live_release().size
    # A return to the live document needs no release.
    assert (release is None) == (back == "romeo")
    if release:
        assert (release.author, release.note) == ("juliet", "mario")


def test_a_tree_that_is_too_deep_is_refused():
    above = group("top")
    rows = []
    for number in range(above.pk + 1, above.pk + MAX_LEVELS + 1):
        name = str(number)
        fields = {"name": name, "address": name, "web_is_published": True}
        rows.append(Buddy(pk=number, parent=above, type="group", **fields))
        above = rows[-1]
    rows[-1].type = "channel"
    Buddy.objects.bulk_create(rows)

    assert releases.sync() is None

    state = Tree.objects.get()
    assert state.refused == Tree.Refused.TOO_DEEP
    error = f"The tree has more than {MAX_LEVELS} levels. Move some groups up."
    assert draft.refusal_in_words(state.refused, state.size) == error


def test_newer_than_returns_the_live_release_unless_known():
    channel("romeo")
    first = releases.sync()
    channel("juliet")
    second = releases.sync()

    assert newer_than(None) == second
    assert newer_than(first.number) == second
    assert newer_than(second.number) is None


def test_a_release_is_marked_live_once():
    channel("romeo")
    number = releases.sync().number

    mark_live(number)
    since = live_release().live_at
    mark_live(number)

    assert since is not None
    assert live_release().live_at == since


def test_lag_counts_from_the_edit_and_then_from_the_release():
    assert releases.lag() == 0
    channel("romeo")
    assert 0 < releases.lag() < 60
    ago = timezone.now() - HOUR
    HistoricalBuddy.objects.update(history_date=ago)
    assert 3600 <= releases.lag() < 3700

    release = releases.sync()
    assert 0 < releases.lag() < 60
    Release.objects.update(created_at=ago)
    assert 3600 <= releases.lag() < 3700
    mark_live(release.number)
    assert releases.lag() == 0


def test_lag_counts_from_the_time_of_a_schedule_or_a_campaign():
    mark_live(releases.sync().number)
    ago = timezone.now() - HOUR
    Tree.objects.update(next_at=ago)
    assert 3600 <= releases.lag() < 3700

    Tree.objects.update(next_at=timezone.now() + HOUR)
    assert releases.lag() == 0
    for name, at in (("Natale", ago - HOUR), ("Saldi", ago)):
        Campaign.objects.create(name=name, state="planned", due_at=at)
    assert 7200 <= releases.lag() < 7300

    # A blocked one waits for a person, so no alarm rings.
    Campaign.objects.update(blocked="conflicts")
    assert releases.lag() == 0
    assert not releases.is_behind()


def test_the_next_release_is_due_an_interval_after_the_newest():
    channel("romeo")
    number = releases.sync().number
    made = Release.objects.filter(number=number)

    made.update(created_at=timezone.now() - timedelta(hours=1))
    assert releases.seconds_until_due(3_599) == 0
    assert 0 < releases.seconds_until_due(7_200) <= 3_600

    made.update(created_at=timezone.now() + timedelta(hours=1))
    assert releases.seconds_until_due(0) > 0


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("visible_from", ["mario"], ["romeo", "mario"]),
        ("visible_until", ["romeo", "mario"], ["mario"]),
    ],
)
def test_a_release_is_made_when_a_schedule_begins_or_ends(field, before, after):
    moment = timezone.now() + HOUR
    channel("romeo", **{field: moment})
    channel("mario")
    releases.sync()
    assert live_names() == before
    assert Tree.objects.get().next_at == moment
    assert not releases.is_behind()

    over = timezone.now() - timedelta(seconds=1)
    Buddy.objects.filter(name="romeo").update(**{field: over})
    Tree.objects.update(next_at=over)
    assert releases.is_behind()
    release = releases.sync()

    assert live_names() == after
    assert (release.author, release.note, release.automatic) == ("", "", True)
    assert Tree.objects.get().next_at is None
    assert not releases.is_behind()


def test_a_schedule_that_changes_nothing_makes_no_release():
    moment = timezone.now() + HOUR
    channel("romeo", group("verona", web_is_published=False), visible_from=moment)
    channel("mario")
    releases.sync()
    over = timezone.now() - timedelta(seconds=1)
    Buddy.objects.filter(name="romeo").update(visible_from=over)
    Tree.objects.update(next_at=over)

    assert releases.sync() is None

    assert not releases.is_behind()


def create_release(days: float, **fields: object) -> int:
    """Create a release of ``days`` ago; return its number."""
    values = {"body": "{}", "digest": "", "size": 0, **fields}
    release = Release.objects.create(**values)
    noon = timezone.now().replace(hour=12, minute=0, second=0)
    moment = noon - timedelta(days=days)
    Release.objects.filter(pk=release.pk).update(created_at=moment)
    return release.number


def test_old_automatic_releases_are_thinned_to_the_last_one_of_a_day():
    first = create_release(200.2)
    last_of_a_day = create_release(200.1)
    published = create_release(200, automatic=False)
    alone = create_release(150)
    young = [create_release(88.2), create_release(88.1), create_release(0)]

    assert releases.thin() == 1

    kept = set(Release.objects.values_list("number", flat=True))
    assert kept == {last_of_a_day, published, alone, *young}
    assert first not in kept
    assert releases.thin() == 0


def test_the_live_release_is_kept_however_old_it_is():
    # By the clock, the live one was created first.
    create_release(200)
    live = create_release(200.1)

    assert releases.thin() == 1
    assert live_release().number == live
