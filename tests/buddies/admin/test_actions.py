"""The actions of the list, and the history of an entry."""

import pytest
from django.test import Client

from buddies.models import Buddy, Tree
from buddies.tree import edits
from tests.buddies.admin.list_page import (
    ENTRIES,
    FLAGS,
    act,
    change_url,
    cut,
    form,
    messages,
    paste,
)
from tests.buddies.conftest import channel, named, outline, rows

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "chosen", "order"),
    [
        ("move_up", "c", "a c b d"),
        ("move_up", "c d", "a c d b"),
        ("move_up", "a", "a b c d"),
        ("move_down", "b", "a c b d"),
        ("move_down", "a b", "c a b d"),
        ("move_down", "d", "a b c d"),
    ],
)
def test_chosen_entries_move_among_their_neighbours(
    admin_client, action, chosen, order
):
    for name in "abcd":
        channel(name)

    act(admin_client, action, *chosen.split())

    assert outline() == order.split()
    has_moved = order != "a b c d"
    assert ("admin" in Tree.objects.get().editors) == has_moved


@pytest.mark.parametrize(
    ("action", "flags"),
    [
        ("show_on_mobile", (True, True)),
        ("hide_on_mobile", (False, True)),
        ("show_on_web", (False, True)),
        ("hide_on_web", (False, False)),
    ],
)
def test_chosen_entries_are_shown_and_hidden(admin_client, verona, action, flags):
    before = Tree.objects.get().version

    act(admin_client, action, "verona", "romeo")

    chosen = Buddy.objects.filter(name__in=("verona", "romeo"))
    assert list(chosen.values_list(*FLAGS)) == [flags, flags]
    others = Buddy.objects.exclude(name__in=("verona", "romeo"))
    assert set(others.values_list(*FLAGS)) == {(False, True)}
    changes = flags != (False, True)
    assert Tree.objects.get().version == before + changes


def test_an_action_on_an_entry_changed_meanwhile_is_refused(admin_client, verona):
    seen = admin_client.get(ENTRIES).context["seen"]
    edits.change([named("romeo")], "mercutio", web_is_published=False)
    before = rows()

    response = act(admin_client, "hide_on_web", "juliet", "romeo", seen=str(seen))

    assert messages(response) == ["mercutio changed “romeo” just now: web."]
    assert rows() == before


def test_a_chosen_branch_is_duplicated_as_drafts(admin_client, verona):
    act(admin_client, "duplicate", "house")

    assert outline()[-2:] == ["  house", "    romeo"]
    assert Buddy.objects.filter(name="romeo").count() == 2
    assert Buddy.objects.filter(name="romeo", web_is_published=False).count() == 1


def test_chosen_entries_are_deleted_with_their_descendants(admin_client, verona):
    before = Tree.objects.get().version

    asked = act(admin_client, "delete_selected", "verona", "romeo")
    assert "house" in asked.content.decode()
    assert len(outline()) == 5
    act(admin_client, "delete_selected", "verona", "romeo", post="yes")

    assert outline() == ["mario"]
    assert Tree.objects.get().version > before


def test_an_entry_is_deleted_with_its_descendants(admin_client, verona):
    before = Tree.objects.get().version

    admin_client.post(f"{ENTRIES}{verona.pk}/delete/", {"post": "yes"})

    assert outline() == ["mario"]
    assert Tree.objects.get().version > before


def history(client: Client, key: object):
    return client.get(f"{ENTRIES}{key}/history/")


def test_the_history_shows_who_did_what(admin_client, verona):
    romeo = named("romeo")
    act(admin_client, "hide_on_web", "romeo")
    cut(admin_client, "romeo")
    paste(admin_client, "before", "mario")
    same = {"address": "romeo", "name": "Romeo"}
    admin_client.post(change_url(romeo), form(**same))
    admin_client.post(ENTRIES, {"_undo": Tree.objects.get().version})

    response = history(admin_client, romeo.pk)

    shown = response.context["history"]
    assert [(one.editor, one.words) for one in shown] == [
        ("admin", "Undone: Edited “romeo”"),
        ("admin", "Edited “Romeo”"),
        ("admin", "Moved “romeo”"),
        ("admin", "Changed the visibility of “romeo”"),
        ("juliet", "Added “romeo”"),
    ]
    told = [[tuple(each)[:3] for each in one.differences] for one in shown]
    assert told[1] == [("name", "romeo", "Romeo")]
    assert ("place", "house", "top level") in told[2]
    assert told[3] == [("web", "on", "off")]
    html = response.content.decode()
    assert "History of “romeo”" in html
    assert "house → top level" in html


def test_a_deleted_entry_has_a_history(admin_client, verona):
    key = named("romeo").pk
    edits.remove([verona], "mercutio")

    response = history(admin_client, key)

    shown = [(one.editor, one.words) for one in response.context["history"]]
    assert shown == [("mercutio", "Deleted “romeo”"), ("juliet", "Added “romeo”")]


def test_names_in_a_history_are_escaped(admin_client):
    romeo = channel("<script>alert(1)</script>")
    assert b"<script>alert" not in history(admin_client, romeo.pk).content


STRANGE = ["abc", "0", "-1", "²", 2**63 - 1, 2**63, 10**30, "9" * 5_000, "_"]


def test_an_unknown_entry_has_no_history(admin_client, verona):
    for key in STRANGE:
        assert history(admin_client, key).status_code == 404, key


@pytest.mark.parametrize("page", ["change", "delete"])
def test_an_unknown_entry_redirects_or_is_not_found(admin_client, verona, page):
    for key in STRANGE:
        for ask in (admin_client.get, admin_client.post):
            response = ask(f"{ENTRIES}{key}/{page}/")
            assert response.status_code in (302, 404), key
