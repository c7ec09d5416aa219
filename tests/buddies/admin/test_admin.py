"""The list and the form: reading and writing."""

import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils.html import strip_tags

from buddies.models import Buddy, Tree
from buddies.publishing import live, releases
from buddies.tree import edits
from tests.buddies.admin.list_page import (
    CHANNELS,
    ENTRIES,
    act,
    change_url,
    form,
    listed,
    messages,
    shown_by,
)
from tests.buddies.conftest import channel, group, named, outline, rows

pytestmark = pytest.mark.django_db


def errors(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_entries_are_listed_in_the_order_of_the_tree(admin_client: Client, verona):
    edits.move([Buddy.objects.get(name="mario")], "juliet", verona, "after")

    response = admin_client.get(ENTRIES)

    assert listed(response) == outline()
    assert outline() == ["verona", "  juliet", "  house", "    romeo", "mario"]


def test_names_are_escaped(admin_client: Client):
    channel("<script>alert(1)</script>")
    html = admin_client.get(ENTRIES).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_search_finds_entries(admin_client: Client, verona):
    response = admin_client.get(ENTRIES, {"q": "juliet"})
    assert listed(response) == ["  juliet"]


def test_the_list_says_why_an_entry_is_hidden_or_flawed(admin_client):
    channel("hidden", web_is_published=False)
    group("hollow")
    channel("escaped", default_message="one\\ntwo")
    channel("romeo", group("verona"))

    response = admin_client.get(ENTRIES)

    remarks = {
        entry.name: response.context["cl"].model_admin.remarks(entry)
        for entry in response.context["cl"].result_list
    }
    assert remarks == {
        "hidden": "draft: not published anywhere",
        "hollow": "empty group: not shown to apps",
        "escaped": "contains escaped text such as &amp;",
        "verona": "",
        "romeo": "",
    }


def test_only_groups_are_offered_as_parents(admin_client: Client, verona):
    wanted = {"app_label": "buddies", "model_name": "buddy", "field_name": "parent"}
    answer = admin_client.get("/admin/autocomplete/", {**wanted, "term": ""})
    assert {one["text"] for one in answer.json()["results"]} == {"verona", "house"}


def test_the_list_says_what_is_live(admin_client: Client, verona):
    def page_text() -> str:
        html = admin_client.get(ENTRIES).content.decode()
        return " ".join(strip_tags(html).split())

    assert "version" not in page_text()

    number = releases.sync().number
    assert f"Live: version {number}, " in page_text()
    assert ", by juliet" in page_text()
    assert "on the XMPP server since" not in page_text()

    live.mark_live(number)
    assert "on the XMPP server since" in page_text()


def test_the_list_says_why_the_newest_state_is_not_live(admin_client, verona, settings):
    settings.XMPP_STANZA_LIMIT = 100
    releases.sync()
    html = admin_client.get(ENTRIES).content.decode()
    assert "the limit is 100. Hide or delete some channels." in html


def test_an_entry_added_without_an_address_gets_a_uuid(admin_client: Client, verona):
    house = Buddy.objects.get(name="house")

    response = admin_client.post(
        f"{ENTRIES}add/", form(name="benvolio", parent=house.pk, web_is_published="on")
    )

    assert response.status_code == 302
    benvolio = Buddy.objects.get(name="benvolio")
    assert uuid.UUID(benvolio.address)
    assert (benvolio.mobile_is_published, benvolio.web_is_published) == (False, True)
    assert outline()[-1] == "    benvolio"
    assert "admin" in Tree.objects.get().editors


def test_an_edit_changes_the_entry_and_keeps_its_place(admin_client: Client, verona):
    juliet = Buddy.objects.get(name="juliet")

    admin_client.post(
        change_url(juliet),
        form(name="Juliet", address="capulet", parent=verona.pk, status="fair"),
    )

    juliet.refresh_from_db()
    assert (juliet.address, juliet.status) == ("capulet", "fair")
    assert outline() == ["mario", "verona", "  Juliet", "  house", "    romeo"]


def test_the_flags_are_edited_in_the_list(admin_client: Client):
    romeo, juliet = channel("romeo"), channel("juliet")

    admin_client.post(
        ENTRIES,
        {
            "form-TOTAL_FORMS": "2",
            "form-INITIAL_FORMS": "2",
            "form-0-id": romeo.pk,
            "form-0-mobile_is_published": "on",
            "initial-form-0-web_is_published": "True",
            "form-1-id": juliet.pk,
            "form-1-web_is_published": "on",
            "initial-form-1-web_is_published": "True",
            "_save": "Save",
        },
    )

    flags = Buddy.objects.values_list("name", "mobile_is_published", "web_is_published")
    assert list(flags) == [("romeo", True, False), ("juliet", False, True)]
    assert "admin" in Tree.objects.get().editors


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"name": ""}, "name", "This field cannot be blank."),
        (
            {"name": "bell\x07"},
            "name",
            "Contains the control character U+0007, which XMPP can't transmit.",
        ),
        (
            {"default_message": "bell\x07"},
            "default_message",
            "Contains the control character U+0007, which XMPP can't transmit.",
        ),
        ({"name": " \u200b"}, "name", "This field cannot be blank."),
        ({"address": "mario"}, "address", "This address is already taken."),
        (
            {"type": "group", "server_address": "bots"},
            "server_address",
            "A group can't have a server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "default_message",
            "A group can't have a default message.",
        ),
    ],
)
def test_the_form_says_what_is_wrong(admin_client, verona, changed, field, reason):
    before = outline()

    response = admin_client.post(f"{ENTRIES}add/", form(**changed))

    assert reason in errors(response)[field]
    assert outline() == before


def test_the_form_refuses_invalid_places(admin_client, verona):
    house, mario = (Buddy.objects.get(name=name) for name in ("house", "mario"))
    below = {"type": "group", "name": "verona", "address": "verona"}

    circle = admin_client.post(change_url(verona), form(**below, parent=house.pk))
    itself = admin_client.post(change_url(verona), form(**below, parent=verona.pk))
    channel = admin_client.post(change_url(verona), form(**below, parent=mario.pk))
    turned = admin_client.post(change_url(verona), form(**{**below, "type": "channel"}))

    for response in (circle, itself):
        assert errors(response) == {"parent": ["You can't move a group into itself."]}
    assert errors(channel) == {
        "parent": ["Only a group can contain channels and groups."]
    }
    assert list(errors(turned)) == ["type"]
    assert outline() == ["mario", "verona", "  juliet", "  house", "    romeo"]


@pytest.mark.parametrize("parent", ["romeo", "-1", "9" * 30, "1\0", "1.5"])
def test_the_form_refuses_a_group_that_is_no_key(admin_client, verona, parent):
    refused = admin_client.post(f"{ENTRIES}add/", form(parent=parent))

    assert list(errors(refused)) == ["parent"]


@pytest.mark.parametrize("query", ["?from=workspace", "?from=elsewhere", ""])
def test_the_form_returns_to_the_page_that_opened_it(admin_client, verona, query):
    mario = named("mario")
    back = CHANNELS if query == "?from=workspace" else ENTRIES
    same = {"name": "mario", "address": "mario"}

    added = admin_client.post(f"{ENTRIES}add/{query}", form(name="benvolio"))
    changed = admin_client.post(f"{change_url(mario)}{query}", form(**same, status="x"))
    on = admin_client.post(f"{change_url(mario)}{query}", form(**same, _continue="1"))

    assert (added.status_code, added.url) == (302, back)
    assert (changed.status_code, changed.url) == (302, back)
    assert on.url.startswith(change_url(mario))


def test_a_form_keeps_what_others_changed_meanwhile(admin_client, verona):
    romeo = named("romeo")
    typed = shown_form(admin_client, romeo, name="My <Romeo>")
    edits.change([romeo], "mercutio", status="banished", web_is_published=False)
    edits.change([romeo], "mercutio", parent=None, visible_from=MOMENT)

    assert admin_client.post(change_url(romeo), typed).status_code == 302

    romeo = named("My <Romeo>")
    kept = (romeo.status, romeo.web_is_published, romeo.parent, romeo.visible_from)
    assert kept == ("banished", False, None, MOMENT)


MOMENT = datetime(2026, 12, 24, 9, tzinfo=UTC)


def shown_form(client, buddy, **typed: object) -> dict[str, object]:
    """Return what a browser posts of the form that it shows now."""
    shown = shown_by(client.get(change_url(buddy)))
    assert f'value="{shown["seen"]}"' in client.get(change_url(buddy)).content.decode()
    same = {"name": buddy.name, "address": buddy.address, "parent": buddy.parent_id}
    return form(**{**same, "web_is_published": "on", **shown, **typed})


@pytest.mark.parametrize(
    ("theirs", "mine", "field", "words"),
    [
        ({"status": "banished"}, {"status": "<in love>"}, "status", "banished"),
        ({"parent": None}, {"parent": "house"}, "parent", "top level"),
        (
            {"visible_from": MOMENT},
            {"visible_until_0": "2026-12-26", "visible_until_1": "09:00"},
            "visible_from",
            "24 Dec 2026, 09:00",
        ),
    ],
)
def test_a_value_of_two_people_is_shown_with_both(
    admin_client, verona, theirs, mine, field, words
):
    juliet = named("juliet")
    if "parent" in mine:
        mine = {"parent": named(mine["parent"]).pk}
    typed = shown_form(admin_client, juliet, name="Giulietta", **mine)
    edits.change([juliet], "mercutio", web_is_published=False, **theirs)
    before = rows()

    response = admin_client.post(change_url(juliet), typed)

    who, text = (one.replace("\xa0", " ") for one in errors(response)[field])
    assert who.startswith("mercutio changed “juliet” just now: ")
    assert "Theirs: “" in text
    assert words in text
    assert text.endswith("Save again to keep yours.")
    assert rows() == before

    again = {**typed, **shown_by(response)}
    assert admin_client.post(change_url(juliet), again).status_code == 302
    juliet = named("Giulietta")
    assert not juliet.web_is_published
    if field == "status":
        assert juliet.status == "<in love>"


def test_what_two_people_changed_alike_is_no_conflict(admin_client, verona):
    romeo = named("romeo")
    typed = shown_form(admin_client, romeo, status="banished")
    edits.change([romeo], "mercutio", status="banished")
    before = rows()

    assert admin_client.post(change_url(romeo), typed).status_code == 302
    assert rows() == before


BASES = ["", "x", "[]", "{}", '{"live": 1}', "null", "[" * 100_000, "1" * 5000]


@pytest.mark.parametrize("base", BASES, ids=lambda base: base[:9])
def test_a_form_without_what_it_showed_is_saved_as_it_is(admin_client, verona, base):
    romeo = named("romeo")
    typed = shown_form(admin_client, romeo, status="banished", base=base)
    response = admin_client.post(change_url(romeo), typed)
    assert response.status_code == 302
    assert named("romeo").status == "banished"


@pytest.mark.parametrize(
    "flaw", [{"live": 2**70}, {"schedule": ["x", {}]}, {"name": []}, {"live": "1"}]
)
def test_what_a_form_showed_may_be_nonsense(admin_client, verona, flaw):
    romeo = named("romeo")
    base = json.loads(shown_by(admin_client.get(change_url(romeo)))["base"])
    typed = shown_form(admin_client, romeo, base=json.dumps({**base, **flaw}))
    edits.change([romeo], "mercutio", name="Romeo!", visible_from=MOMENT)
    assert admin_client.post(change_url(romeo), typed).status_code in (200, 302)


def test_a_moment_of_less_than_a_second_is_no_change(admin_client, verona):
    romeo = named("romeo")
    edits.change([romeo], "mercutio", visible_from=MOMENT.replace(microsecond=7))
    shown = {"visible_from_0": "2026-12-24", "visible_from_1": "09:00:00"}
    before = rows()
    typed = shown_form(admin_client, romeo, **shown)
    assert admin_client.post(change_url(romeo), typed).status_code == 302
    assert rows() == before


def test_a_form_of_an_entry_deleted_meanwhile_says_so(admin_client, verona):
    romeo = named("romeo")
    edits.remove([romeo], "mercutio")
    response = admin_client.post(change_url(romeo), form(), follow=True)
    assert "doesn’t exist" in messages(response)[0]


def test_saving_a_form_without_a_change_makes_no_version(admin_client, verona):
    mario = named("mario")
    before = Tree.objects.get().version
    same = form(name="mario", address="mario", web_is_published="on")
    assert admin_client.post(change_url(mario), same).status_code == 302
    assert Tree.objects.get().version == before


def test_a_deletion_is_refused_if_its_page_is_outdated(admin_client, verona):
    page = f"{ENTRIES}{verona.pk}/delete/"
    html = admin_client.get(page).content.decode()
    seen = re.search(r'name="seen" value="(\d+)"', html).group(1)
    channel("mercutio", verona)

    response = admin_client.post(page, {"post": "yes", "seen": seen}, follow=True)

    assert messages(response) == ["juliet added “mercutio” just now."]
    assert "  juliet" in outline()


def test_a_bulk_deletion_is_refused_if_its_page_is_outdated(admin_client, verona):
    seen = str(Tree.objects.get().version)
    asked = act(admin_client, "delete_selected", "verona", seen=seen)
    assert f'name="seen" value="{seen}"' in asked.content.decode()
    channel("mercutio", verona)

    response = act(admin_client, "delete_selected", "verona", post="yes", seen=seen)

    assert "juliet added “mercutio” just now." in messages(response)
    assert "  juliet" in outline()
