"""The switches of the list, and undo."""

import pytest

from buddies.models import Buddy, Tree
from buddies.tree import edits
from tests.buddies.admin.list_page import (
    ENTRIES,
    FLAGS,
    act,
    messages,
    row_prefix,
    sent,
)
from tests.buddies.conftest import named, rows

pytestmark = pytest.mark.django_db


def test_the_list_names_the_version_that_it_shows(admin_client, verona):
    html = admin_client.get(ENTRIES).content.decode()
    version = Tree.objects.get().version
    assert f'<input type="hidden" name="seen" value="{version}">' in html


def test_a_stale_switch_in_the_list_is_refused_with_all_others(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save")
    post[f"{row_prefix(page, 'mario')}-mobile_is_published"] = "on"
    post[f"{row_prefix(page, 'romeo')}-mobile_is_published"] = "on"
    del post[f"{row_prefix(page, 'romeo')}-web_is_published"]
    edits.change([named("romeo")], "mercutio", mobile_is_published=True)
    before = rows()

    response = admin_client.post(ENTRIES, post, follow=True)

    assert messages(response) == ["mercutio changed “romeo” just now: mobile."]
    assert rows() == before


def test_the_list_writes_only_what_was_switched_in_it(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save")
    post[f"{row_prefix(page, 'mario')}-mobile_is_published"] = "on"
    post[f"{row_prefix(page, 'romeo')}-mobile_is_published"] = "on"
    edits.change([named("romeo"), named("juliet")], "mercutio", web_is_published=False)

    admin_client.post(ENTRIES, post)

    switched = [named(name) for name in ("mario", "romeo", "juliet")]
    flags = [(one.mobile_is_published, one.web_is_published) for one in switched]
    assert flags == [(True, True), (True, False), (False, False)]


def test_a_row_deleted_meanwhile_is_named(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save")
    post[f"{row_prefix(page, 'mario')}-mobile_is_published"] = "on"
    edits.remove([named("romeo")], "mercutio")
    before = rows()

    response = admin_client.post(ENTRIES, post, follow=True)

    assert messages(response) == ["mercutio deleted “romeo” just now."]
    assert rows() == before


def test_a_full_page_of_the_list_can_be_saved(admin_client):
    on = dict.fromkeys(FLAGS, True)
    Buddy.objects.bulk_create(
        Buddy(name=f"{number}", address=f"{number}", **on) for number in range(600)
    )
    page = admin_client.get(ENTRIES)
    keys = [buddy.pk for buddy in page.context["cl"].result_list]
    post = sent(page, _save="Save", _selected_action=keys)
    del post["form-0-mobile_is_published"]

    assert admin_client.post(ENTRIES, post).status_code == 302
    assert Buddy.objects.filter(mobile_is_published=False).count() == 1


def test_a_list_that_is_saved_unchanged_makes_no_version(admin_client, verona):
    post = sent(admin_client.get(ENTRIES), _save="Save")
    edits.change([named("romeo")], "mercutio", status="banished")
    before = Tree.objects.get().version

    assert admin_client.post(ENTRIES, post).status_code == 302

    assert Tree.objects.get().version == before


@pytest.mark.parametrize("seen", ["", "abc", "-1", "9" * 5_000, str(10**30)])
def test_an_invalid_seen_version_is_answered(admin_client, verona, seen):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save", seen=seen)
    post[f"{row_prefix(page, 'mario')}-mobile_is_published"] = "on"
    assert admin_client.post(ENTRIES, post).status_code == 302


def test_the_last_edit_can_be_undone_in_the_list(admin_client, verona):
    assert b"_undo" not in admin_client.get(ENTRIES).content
    act(admin_client, "hide_on_web", "romeo")
    version = Tree.objects.get().version
    html = admin_client.get(ENTRIES).content.decode()
    assert (
        f'name="_undo" value="{version}">'
        "Undo: Changed the visibility of “romeo”</button>" in html
    )

    response = admin_client.post(ENTRIES, {"_undo": version}, follow=True)

    assert named("romeo").web_is_published
    assert "Redo: Changed the visibility of “romeo”" in response.content.decode()


def test_the_list_says_why_an_edit_cannot_be_undone(admin_client, verona):
    before = rows()
    for version in ("", "abc", "0", "1", str(10**30), "9" * 5_000):
        response = admin_client.post(ENTRIES, {"_undo": version}, follow=True)
        assert messages(response) == ["There is nothing to undo."]

    act(admin_client, "hide_on_web", "romeo")
    mine = Tree.objects.get().version
    edits.change([named("romeo")], "mercutio", web_is_published=True)
    response = admin_client.post(ENTRIES, {"_undo": mine}, follow=True)
    assert messages(response) == ["mercutio changed “romeo” just now: web."]
    assert rows() == before
