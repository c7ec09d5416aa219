"""Cut and paste in the list."""

import pytest

from buddies.models import Buddy, Tree
from buddies.tree import edits
from tests.buddies.admin.list_page import (
    ENTRIES,
    cut,
    messages,
    paste,
    row_prefix,
    sent,
)
from tests.buddies.conftest import named, outline, rows
from tests.buddies.pages.workspace_client import person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("names", "where", "target", "order"),
    [
        ("romeo", "before", "mario", "romeo mario verona _juliet _house"),
        ("romeo", "after", "mario", "mario romeo verona _juliet _house"),
        ("romeo", "last", "verona", "mario verona _juliet _house _romeo"),
        ("romeo", "last", "", "mario verona _juliet _house romeo"),
        ("house", "before", "verona", "mario house _romeo verona _juliet"),
        ("mario romeo", "before", "juliet", "verona _mario _romeo _juliet _house"),
    ],
)
def test_cut_entries_are_pasted(admin_client, verona, names, where, target, order):
    chosen = names.split()
    cut(admin_client, *chosen)
    page = admin_client.get(ENTRIES)
    assert [buddy.name for buddy in page.context["cut"]] == chosen
    assert f"Cut: {', '.join(chosen)}." in page.content.decode()

    response = paste(admin_client, where, target)

    assert messages(response) == [f"Moved {', '.join(f'“{name}”' for name in chosen)}."]
    found = [line.replace("  ", "_") for line in outline()]
    assert found == order.split()
    assert "Cut:" not in response.content.decode()
    assert b"_paste" not in admin_client.get(ENTRIES).content


def test_only_groups_can_be_pasted_into(admin_client, verona):
    cut(admin_client, "juliet")
    html = admin_client.get(ENTRIES).content.decode()
    inside = [f"last:{b.pk}" for b in Buddy.objects.all() if f"last:{b.pk}" in html]
    assert inside == [f"last:{named(name).pk}" for name in ("verona", "house")]
    assert html.count('name="_paste" value="before:') == 5
    assert 'name="_cut"' not in html


def test_a_cut_can_be_cancelled(admin_client, verona):
    cut(admin_client, "romeo")
    before = (rows(), Tree.objects.get().version)

    admin_client.post(ENTRIES, sent(admin_client.get(ENTRIES), _drop="1"))

    html = admin_client.get(ENTRIES).content.decode()
    assert "Cut:" not in html
    assert 'name="_cut"' in html
    assert (rows(), Tree.objects.get().version) == before


def test_a_cut_is_visible_only_to_its_user(admin_client, verona):
    cut(admin_client, "romeo")
    other = person("tybalt", "Editor")
    assert b"_paste" not in other.get(ENTRIES).content


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (
            lambda romeo: edits.remove([romeo], "mercutio"),
            "mercutio deleted “romeo” just now.",
        ),
        (
            lambda romeo: edits.move([romeo], "mercutio", None, "first"),
            "mercutio changed “romeo” just now: place.",
        ),
    ],
    ids=["deleted", "moved"],
)
def test_an_entry_moved_since_the_cut_is_not_pasted(
    admin_client, verona, meanwhile, reason
):
    cut(admin_client, "romeo")
    page = admin_client.get(ENTRIES)
    meanwhile(named("romeo"))
    before = rows()

    post = sent(page, _paste=f"before:{named('mario').pk}")
    response = admin_client.post(ENTRIES, post, follow=True)

    assert messages(response) == [reason]
    assert rows() == before
    assert b"_paste" not in admin_client.get(ENTRIES).content


def test_no_paste_is_offered_after_the_cut_entry_is_deleted(admin_client, verona):
    cut(admin_client, "romeo")
    edits.remove([named("romeo")], "mercutio")

    html = admin_client.get(ENTRIES).content.decode()

    assert "Cut:" not in html
    assert "_paste" not in html
    assert 'name="_cut"' in html


def test_a_paste_into_an_invalid_place_is_refused(admin_client, verona):
    before = outline()
    for where, target, reason in (
        ("last", "house", "You can't move a group into itself."),
        ("before", "romeo", "You can't move a group into itself."),
        ("last", "mario", "Only a group can contain channels and groups."),
        ("inside", "mario", "Unknown position."),
    ):
        cut(admin_client, "verona")
        assert messages(paste(admin_client, where, target)) == [reason]
    assert outline() == before


def test_a_paste_without_a_cut_changes_nothing(admin_client, verona):
    before = outline()
    response = paste(admin_client, "before", "mario")
    assert response.status_code == 200
    assert outline() == before


@pytest.mark.parametrize(
    "word", ["cut:", "cut:abc", "cut", "", f"cut:{10**30}", f"cut:{'9' * 5_000}"]
)
def test_the_list_is_shown_after_an_invalid_cut(admin_client, verona, word):
    page = admin_client.get(ENTRIES)
    assert admin_client.post(ENTRIES, sent(page, _cut=word)).status_code == 302
    assert admin_client.get(ENTRIES).status_code == 200


@pytest.mark.parametrize("target", ["abc", "-1", f"{10**30}", "9" * 5_000, "10000000"])
def test_a_paste_beside_an_unknown_entry_is_refused(admin_client, verona, target):
    cut(admin_client, "romeo")
    before = outline()

    post = sent(admin_client.get(ENTRIES), _paste=f"before:{target}")
    response = admin_client.post(ENTRIES, post, follow=True)

    assert messages(response) == ["Someone deleted this in the meantime."]
    assert outline() == before


def test_a_cut_or_a_paste_also_saves_the_switches(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _cut=f"cut:{named('romeo').pk}")
    post[f"{row_prefix(page, 'juliet')}-mobile_is_published"] = "on"
    admin_client.post(ENTRIES, post)
    assert named("juliet").mobile_is_published

    page = admin_client.get(ENTRIES)
    post = sent(page, _paste=f"before:{named('mario').pk}")
    del post[f"{row_prefix(page, 'juliet')}-mobile_is_published"]
    admin_client.post(ENTRIES, post)
    assert not named("juliet").mobile_is_published
    assert outline()[0] == "romeo"


@pytest.mark.parametrize("moment", ["cut", "paste"])
def test_switching_a_cut_entry_does_not_block_the_paste(admin_client, verona, moment):
    page = admin_client.get(ENTRIES)
    post = sent(page, _cut=f"cut:{named('romeo').pk}")
    if moment == "cut":
        post[f"{row_prefix(page, 'romeo')}-mobile_is_published"] = "on"
    admin_client.post(ENTRIES, post)
    page = admin_client.get(ENTRIES)
    post = sent(page, _paste=f"before:{named('mario').pk}")
    if moment == "paste":
        post[f"{row_prefix(page, 'romeo')}-mobile_is_published"] = "on"

    response = admin_client.post(ENTRIES, post, follow=True)

    assert "Moved “romeo”." in messages(response)
    assert outline()[0] == "romeo"
    assert named("romeo").mobile_is_published
