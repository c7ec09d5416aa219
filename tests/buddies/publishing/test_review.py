"""The review of a campaign: what it changes, and what speaks against it."""

import pytest
from django.utils import timezone

from buddies.models import Buddy, Campaign, Tree
from buddies.publishing import releases
from buddies.publishing.draft import draft_of_view
from buddies.publishing.live import live_release, size_of
from buddies.tree import edits
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, channel, group, named, rows
from tests.buddies.publishing.drafts import HOUR, plan, publish, reviewed

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db) -> Desk:
    channel("romeo", image_url="i")
    releases.sync()
    return Desk("Natale")


def test_a_review_compares_what_is_live_with_what_will_be(desk):
    desk.edits.change([desk.named("romeo")], "mario", name="Romeo")
    new = Buddy(name="mario", web_is_published=True, image_url="i")
    desk.edits.add(new, "mario")
    desk.edits.add(Buddy(name="draft", image_url="i"), "mario")

    found = reviewed(desk)

    words = [f"{one.kind} {one.name}: {one.words}" for one in found.changes]
    assert words == ["added mario: at the top", "edited Romeo: name: “romeo” → “Romeo”"]
    # Also what apps do not see.
    assert [f"{one.kind} {one.name}" for one in found.lines] == [
        "added mario",
        "added draft",
        "edited Romeo",
    ]
    assert (found.errors, found.warnings) == ([], [])
    assert found.draft.size == size_of(found.draft.body)
    assert publish(desk).body == found.draft.body


def test_a_review_makes_no_edit_and_no_release(desk):
    desk.edits.remove([desk.named("romeo")], EDITOR)
    before = Tree.objects.values().get(), rows(), live_release()

    reviewed(desk)

    assert (Tree.objects.values().get(), rows(), live_release()) == before


def test_it_is_drawn_at_its_moment(desk):
    later = timezone.now() + 2 * HOUR
    edits.change([named("romeo")], EDITOR, visible_from=later)
    desk.edits.change([desk.named("romeo")], EDITOR, name="Romeo")
    assert reviewed(desk).draft.document == {"items": []}

    plan(desk, at=later + HOUR)

    assert len(reviewed(desk).draft.document["items"]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_draft_is_built_once_between_two_moments_of_schedules(desk):
    now = timezone.now()
    edits.change([named("romeo")], EDITOR, visible_from=now + 3 * HOUR)
    view = desk.view

    before, same, after = (draft_of_view(view, now + n * HOUR) for n in (1, 2, 3))

    assert before is same
    assert before.document == {"items": []}
    assert [one["info"]["name"] for one in after.document["items"]] == ["romeo"]


def test_it_is_compared_with_what_is_due_earlier(desk):
    desk.edits.change([desk.named("romeo")], EDITOR, name="Romeo")
    saldi = Desk("Saldi")
    saldi.edits.change([saldi.named("romeo")], EDITOR, status="-50 %")
    plan(desk)
    plan(saldi, at=timezone.now() + 2 * HOUR)

    words = [f"{one.name}: {one.words}" for one in reviewed(saldi).changes]

    assert words == ["Romeo: status text: “” → “-50 %”"]


def test_errors_are_in_words(desk, settings):
    desk.edits.change([desk.named("romeo")], EDITOR, name="Romeo")
    edits.change([named("romeo")], "mario", name="Montague")
    settings.XMPP_STANZA_LIMIT = 100

    found = reviewed(desk)

    assert found.errors == [
        "1 decision is missing.",
        f"The document is {found.draft.size} bytes; the limit is 100. Hide or delete "
        "some channels. The previous version stays live.",
    ]


def test_a_tree_that_grew_too_deep_together_is_an_error(desk):
    parent = group("0")
    for number in range(1, 198):
        parent = group(str(number), parent)
    new = Buddy(name="deep", type="group", parent=desk.named("197"))
    inside = Buddy(name="deeper", parent=desk.edits.add(new, EDITOR))
    desk.edits.add(inside, EDITOR)
    edits.move([named("0")], EDITOR, group("above"), "last")

    assert reviewed(desk).errors == [
        "“deeper”, inside: A tree can have at most 200 levels."
    ]


def test_warnings_are_of_what_the_campaign_touches(desk):
    channel("live without a picture")
    desk.edits.add(Buddy(name="no picture", web_is_published=True), EDITOR)
    escaped = {"default_message": "a\\nb", "image_url": "i", "web_is_published": True}
    desk.edits.add(Buddy(name="twice", **escaped), EDITOR)
    empty = Buddy(name="empty", type="group", web_is_published=True)
    desk.edits.add(empty, EDITOR)

    assert reviewed(desk).warnings == [
        "No picture: “no picture”.",
        "Contains escaped text such as &amp;: “twice”.",
        "Empty groups, not shown to apps: “empty”.",
    ]


@pytest.mark.parametrize(
    ("shows", "ending"), [(True, "Natale switches it on"), (False, "it stays off")]
)
def test_what_was_switched_off_urgently_since_is_a_warning(desk, shows, ending):
    edits.change([named("romeo")], EDITOR, web_is_published=False)
    fields = {"web_is_published": True} if shows else {"status": "Ho ho"}
    desk.edits.change([desk.named("romeo")], EDITOR, **fields)
    edits.change([named("romeo")], "prince", web_is_published=True)
    edits.change([named("romeo")], "prince", web_is_published=False)

    found = reviewed(desk)

    # By value there is no conflict.
    assert found.errors == []
    (warning,) = found.warnings
    assert warning.startswith("“romeo” was switched off live by prince on ")
    assert warning.endswith(f"; {ending}.")


def test_what_was_switched_off_before_it_was_prepared_is_none(desk):
    edits.change([named("romeo")], "prince", web_is_published=False)
    desk.edits.change([desk.named("romeo")], EDITOR, name="Romeo")

    assert reviewed(desk).warnings == []


def test_the_digest_is_of_the_campaign_not_of_what_is_live(desk):
    desk.edits.change([desk.named("romeo")], EDITOR, name="Romeo")
    digests = [reviewed(desk).digest]

    edits.change([named("romeo")], "prince", status="banished")
    assert reviewed(desk).digest == digests[0]

    desk.edits.change([desk.named("Romeo")], EDITOR, status="in love")
    digests.append(reviewed(desk).digest)
    plan(desk)
    digests.append(reviewed(desk).digest)
    Campaign.objects.update(ends_at=timezone.now() + 2 * HOUR)
    digests.append(reviewed(desk).digest)
    assert len(set(digests)) == 4
