"""When a release is made, what it says, and when it is refused."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from buddies import document, releases, tree
from buddies.models import MOST_LEVELS, Buddy, Release, Tree
from tests.buddies.conftest import channel, group
from xmppservice import stanzas

pytestmark = pytest.mark.django_db


def add(name: str, editor: str, **fields: object) -> Buddy:
    return tree.add(Buddy(name=name, web_is_published=True, **fields), editor)


def test_nothing_is_live_before_the_first_release():
    assert releases.live() is None
    assert releases.newer_than(None) is None
    assert releases.due_in(60) == 0
    assert releases.behind()


def test_the_first_release_of_an_empty_tree_is_the_empty_document():
    release = releases.sync()

    assert release is not None
    assert (release.body, release.author, release.note) == (document.EMPTY, "", "")


def test_a_release_holds_the_document_with_its_size_and_digest():
    channel("perché <&>")

    release = releases.sync()

    assert release == releases.live() == Release.objects.get()
    assert release.body == document.dumps(document.build(Buddy.objects.all()))
    assert release.digest == hashlib.sha256(release.body.encode()).hexdigest()
    assert release.size == len(stanzas.vcard(release.body).encode())
    assert release.live_at is None


def test_there_is_one_release_of_a_state():
    channel("romeo")

    assert releases.sync() is not None
    assert releases.sync() is None
    assert Release.objects.count() == 1


def test_an_edit_that_no_client_sees_makes_no_release_but_is_not_behind_either():
    channel("romeo")
    releases.sync()
    channel("draft", web_is_published=False)
    assert releases.behind()

    assert releases.sync() is None

    assert not releases.behind()
    assert Release.objects.count() == 1


def test_a_state_that_was_live_before_gets_a_release_of_its_own():
    romeo = channel("romeo")
    bodies = [releases.sync().body]
    for shown in (False, True):
        tree.change(romeo, "juliet", web_is_published=shown)
        bodies.append(releases.sync().body)

    assert bodies[0] == bodies[2] != bodies[1]
    assert releases.live().body == bodies[2]


def test_an_old_release_keeps_its_body():
    romeo = channel("romeo")
    old = releases.sync()
    body = old.body
    tree.change(romeo, "juliet", name="Romeo")

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
    assert release.note == "with edits of romeo, juliet"


def test_a_release_names_nobody_whose_edits_are_in_the_one_before():
    add("a", "romeo")
    releases.sync()
    add("b", "juliet")

    release = releases.sync()

    assert (release.author, release.note) == ("juliet", "")


def test_a_note_of_very_many_editors_is_cut():
    for number in range(80):
        add(f"{number}", f"editor-{number:010d}")

    assert len(releases.sync().note) == 1000


def test_a_document_above_the_limit_is_refused_in_words_and_the_old_one_stays(settings):
    settings.XMPP_STANZA_LIMIT = 2_000
    romeo = channel("romeo")
    old = releases.sync()
    tree.change(romeo, "juliet", default_message="x" * 2_000)
    size = releases.size_of(document.dumps(document.build(Buddy.objects.all())))

    assert releases.sync() is None

    assert releases.live() == old
    assert not releases.behind()
    assert Tree.objects.get().error == (
        f"The document needs {size:,} bytes as a stanza, and 2,000 are allowed: "
        "hide or remove entries. The release before it stays live."
    )


@pytest.mark.parametrize(("room", "released"), [(0, True), (-1, False)])
def test_the_limit_is_the_last_size_that_fits(settings, room, released):
    channel("romeo <&> 🎭")
    body = document.dumps(document.build(Buddy.objects.all()))
    settings.XMPP_STANZA_LIMIT = len(stanzas.vcard(body).encode()) + room

    assert (releases.sync() is not None) == released


@pytest.mark.parametrize("back", ["romeo", "shorter"])
def test_the_error_goes_with_the_next_state_that_fits(settings, back):
    settings.XMPP_STANZA_LIMIT = 2_000
    romeo = channel("romeo")
    releases.sync()
    tree.change(romeo, "mario", name="Romeo", default_message="x" * 2_000)
    releases.sync()
    assert Tree.objects.get().error

    tree.change(romeo, "juliet", name=back, default_message="")
    release = releases.sync()

    assert Tree.objects.get().error == ""
    # The way back to what is live needs no release.
    assert (release is None) == (back == "romeo")
    if release:
        assert (release.author, release.note) == ("juliet", "with edits of mario")


def test_a_tree_too_deep_is_refused_in_words():
    above = group("top")
    rows = []
    for number in range(above.pk + 1, above.pk + MOST_LEVELS + 1):
        name = str(number)
        fields = {"name": name, "address": name, "web_is_published": True}
        rows.append(Buddy(pk=number, parent=above, type="group", **fields))
        above = rows[-1]
    rows[-1].type = "channel"
    Buddy.objects.bulk_create(rows)

    assert releases.sync() is None

    error = f"The tree has more than {MOST_LEVELS} levels."
    assert Tree.objects.get().error == error


def test_newer_than_is_the_live_release_unless_it_is_known():
    channel("romeo")
    first = releases.sync()
    channel("juliet")
    second = releases.sync()

    assert releases.newer_than(None) == second
    assert releases.newer_than(first.number) == second
    assert releases.newer_than(second.number) is None


def test_a_release_is_marked_live_once():
    channel("romeo")
    number = releases.sync().number

    releases.mark_live(number)
    since = releases.live().live_at
    releases.mark_live(number)

    assert since is not None
    assert releases.live().live_at == since


def test_the_next_release_is_due_so_long_after_the_newest():
    channel("romeo")
    number = releases.sync().number
    made = Release.objects.filter(number=number)

    made.update(created_at=timezone.now() - timedelta(hours=1))
    assert releases.due_in(3_599) == 0
    assert 0 < releases.due_in(7_200) <= 3_600

    made.update(created_at=timezone.now() + timedelta(hours=1))
    assert releases.due_in(0) > 0
