"""The editor of the tree, as a browser sees it."""

import re
import uuid

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from buddies.models import Buddy, Release, Tree
from buddies.publishing import live, releases
from buddies.tree import edits
from tests.buddies.conftest import channel, group, named, outline, rows
from tests.buddies.pages.test_workspace import looker, person

pytestmark = pytest.mark.django_db

ENTRIES = "/admin/buddies/buddy/"
RELEASES = "/admin/buddies/release/"
CHANNELS = f"{ENTRIES}channels/"
FLAGS = ("mobile_is_published", "web_is_published")


def form(**changed: object) -> dict[str, object]:
    """What a browser posts: every field, and a flag only when it is ticked."""
    empty = dict.fromkeys(
        (
            "parent",
            "address",
            "server_address",
            "status",
            "image_url",
            "thumb_url",
            "default_message",
        ),
        "",
    )
    return {"type": "channel", "name": "Romeo", **empty, **changed}


def of(buddy: Buddy) -> str:
    return f"{ENTRIES}{buddy.pk}/change/"


def listed(response) -> list[str]:
    """Entries as they are listed, two spaces for each level."""
    entries = response.context["cl"].result_list
    return ["  " * entry.tree_depth + entry.name for entry in entries]


def errors(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def said(response) -> list[str]:
    """The messages on a page, with plain spaces."""
    texts = [str(message) for message in response.context["messages"]]
    return [text.replace("\xa0", " ") for text in texts]


@pytest.fixture
def verona() -> Buddy:
    """mario, and behind it verona (juliet, house (romeo))."""
    channel("mario")
    verona = group("verona")
    channel("juliet", verona)
    channel("romeo", group("house", verona))
    return verona


# --- Reading ------------------------------------------------------------------


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


def test_the_list_says_why_clients_do_not_see_an_entry_or_not_well(admin_client):
    channel("hidden", web_is_published=False)
    group("hollow")
    channel("escaped", default_message="one\\ntwo")
    channel("romeo", group("verona"))

    response = admin_client.get(ENTRIES)

    said = {
        entry.name: response.context["cl"].model_admin.remarks(entry)
        for entry in response.context["cl"].result_list
    }
    assert said == {
        "hidden": "draft: shown nowhere",
        "hollow": "empty group: not shown",
        "escaped": "looks double-escaped",
        "verona": "",
        "romeo": "",
    }


def test_only_groups_are_offered_as_parents(admin_client: Client, verona):
    wanted = {"app_label": "buddies", "model_name": "buddy", "field_name": "parent"}
    answer = admin_client.get("/admin/autocomplete/", {**wanted, "term": ""})
    assert {one["text"] for one in answer.json()["results"]} == {"verona", "house"}


def test_the_list_says_what_is_live(admin_client: Client, verona):
    def said() -> str:
        html = admin_client.get(ENTRIES).content.decode()
        return " ".join(strip_tags(html).split())

    assert "version" not in said()

    number = releases.sync().number
    assert f"Live: version {number}, " in said()
    assert ", by juliet" in said()
    assert "on the XMPP server since" not in said()

    live.mark_live(number)
    assert "on the XMPP server since" in said()


def test_the_list_says_why_the_newest_state_is_not_live(admin_client, verona, settings):
    settings.XMPP_STANZA_LIMIT = 100
    releases.sync()
    html = admin_client.get(ENTRIES).content.decode()
    assert "and 100 are allowed: hide or remove entries." in html


# --- Writing ------------------------------------------------------------------


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
        of(juliet),
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
            "form-1-id": juliet.pk,
            "form-1-web_is_published": "on",
            "_save": "Save",
        },
    )

    flags = Buddy.objects.values_list("name", "mobile_is_published", "web_is_published")
    assert list(flags) == [("romeo", True, False), ("juliet", False, True)]
    assert "admin" in Tree.objects.get().editors


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"name": ""}, "name", "This field is required."),
        (
            {"name": "bell\x07"},
            "name",
            "Contains the control character U+0007, which XMPP cannot carry.",
        ),
        (
            {"default_message": "bell\x07"},
            "default_message",
            "Contains the control character U+0007, which XMPP cannot carry.",
        ),
        ({"name": "nul\x00"}, "name", "Null characters are not allowed."),
        ({"address": "mario"}, "address", "Another entry has this address."),
        (
            {"type": "group", "server_address": "bots"},
            "__all__",
            "A group has no server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "__all__",
            "A group has no default message.",
        ),
    ],
)
def test_the_form_says_what_is_wrong(admin_client, verona, changed, field, reason):
    before = outline()

    response = admin_client.post(f"{ENTRIES}add/", form(**changed))

    assert reason in errors(response)[field]
    assert outline() == before


def test_the_form_refuses_places_where_nothing_can_stand(admin_client, verona):
    house, mario = (Buddy.objects.get(name=name) for name in ("house", "mario"))
    below = {"type": "group", "name": "verona", "address": "verona"}

    circle = admin_client.post(of(verona), form(**below, parent=house.pk))
    itself = admin_client.post(of(verona), form(**below, parent=verona.pk))
    channel = admin_client.post(of(verona), form(**below, parent=mario.pk))
    turned = admin_client.post(of(verona), form(**{**below, "type": "channel"}))

    for response in (circle, itself):
        assert errors(response) == {"parent": ["An entry cannot stand below itself."]}
    assert errors(channel) == {"parent": ["Only a group can hold entries."]}
    assert list(errors(turned)) == ["type"]
    assert outline() == ["mario", "verona", "  juliet", "  house", "    romeo"]


@pytest.mark.parametrize("query", ["?from=workspace", "?from=elsewhere", ""])
def test_who_came_from_the_workspace_gets_back_there(admin_client, verona, query):
    mario = named("mario")
    back = CHANNELS if query == "?from=workspace" else ENTRIES
    same = {"name": "mario", "address": "mario"}

    added = admin_client.post(f"{ENTRIES}add/{query}", form(name="benvolio"))
    changed = admin_client.post(f"{of(mario)}{query}", form(**same, status="x"))
    on = admin_client.post(f"{of(mario)}{query}", form(**same, _continue="1"))

    assert (added.status_code, added.url) == (302, back)
    assert (changed.status_code, changed.url) == (302, back)
    assert on.url.startswith(of(mario))


def test_a_stale_form_is_refused_and_keeps_what_was_typed(admin_client, verona):
    romeo = named("romeo")
    page = admin_client.get(of(romeo))
    seen = page.context["adminform"].form["seen"].value()
    assert f'name="seen" value="{seen}"' in page.content.decode()
    edits.change([romeo], "mercutio", status="banished", web_is_published=False)
    before = rows()

    typed = form(name="My <Romeo>", address="romeo", parent=romeo.parent_id, seen=seen)
    response = admin_client.post(of(romeo), typed)

    reasons = [text.replace("\xa0", " ") for text in errors(response)["__all__"]]
    assert reasons == [
        "mercutio changed “romeo” just now: web and status text.",
        "Nothing was saved: load the page again to see how it stands.",
    ]
    assert 'value="My &lt;Romeo&gt;"' in response.content.decode()
    assert rows() == before


def test_a_form_of_what_was_deleted_meanwhile_says_so(admin_client, verona):
    romeo = named("romeo")
    edits.remove([romeo], "mercutio")
    response = admin_client.post(of(romeo), form(), follow=True)
    assert "doesn’t exist" in said(response)[0]


def test_saving_a_form_without_a_change_makes_no_version(admin_client, verona):
    mario = named("mario")
    before = Tree.objects.get().version
    same = form(name="mario", address="mario", web_is_published="on")
    assert admin_client.post(of(mario), same).status_code == 302
    assert Tree.objects.get().version == before


# --- The list's switches --------------------------------------------------------


def sent(page, **more: object) -> dict[str, object]:
    """What a browser sends of a list: its rows with their switches, and ``seen``."""
    formset = page.context["cl"].formset
    total = len(formset.forms)
    data: dict[str, object] = {"form-TOTAL_FORMS": total, "form-INITIAL_FORMS": total}
    for row in formset.forms:
        data[f"{row.prefix}-id"] = row.instance.pk
        on = [flag for flag in FLAGS if getattr(row.instance, flag)]
        data.update({f"{row.prefix}-{flag}": "on" for flag in on})
    return {**data, "seen": page.context["seen"], **more}


def place(page, name: str) -> str:
    """What the switches of an entry are called in the list."""
    forms = page.context["cl"].formset.forms
    return next(row.prefix for row in forms if row.instance.name == name)


def test_the_list_names_the_version_that_it_shows(admin_client, verona):
    html = admin_client.get(ENTRIES).content.decode()
    version = Tree.objects.get().version
    assert f'<input type="hidden" name="seen" value="{version}">' in html


def test_a_stale_switch_in_the_list_is_refused_with_all_others(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save")
    post[f"{place(page, 'mario')}-mobile_is_published"] = "on"
    post[f"{place(page, 'romeo')}-mobile_is_published"] = "on"
    edits.change([named("romeo")], "mercutio", status="banished")
    before = rows()

    response = admin_client.post(ENTRIES, post, follow=True)

    assert said(response) == ["mercutio changed “romeo” just now: status text."]
    assert rows() == before


def test_a_row_that_somebody_deleted_meanwhile_is_named(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save")
    post[f"{place(page, 'mario')}-mobile_is_published"] = "on"
    edits.remove([named("romeo")], "mercutio")
    before = rows()

    response = admin_client.post(ENTRIES, post, follow=True)

    assert said(response) == ["mercutio deleted “romeo” just now."]
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
def test_whatever_a_list_has_seen_is_answered(admin_client, verona, seen):
    page = admin_client.get(ENTRIES)
    post = sent(page, _save="Save", seen=seen)
    post[f"{place(page, 'mario')}-mobile_is_published"] = "on"
    assert admin_client.post(ENTRIES, post).status_code == 302


# --- Undo in the list -----------------------------------------------------------


def test_the_last_edit_is_taken_back_in_the_list(admin_client, verona):
    assert b"_undo" not in admin_client.get(ENTRIES).content
    act(admin_client, "hide_on_web", "romeo")
    version = Tree.objects.get().version
    html = admin_client.get(ENTRIES).content.decode()
    assert f'name="_undo" value="{version}">Undo: Switched “romeo”</button>' in html

    response = admin_client.post(ENTRIES, {"_undo": version}, follow=True)

    assert named("romeo").web_is_published
    assert "Redo: Switched “romeo”" in response.content.decode()


def test_what_cannot_be_taken_back_is_said_in_the_list(admin_client, verona):
    before = rows()
    for version in ("", "abc", "0", "1", str(10**30), "9" * 5_000):
        response = admin_client.post(ENTRIES, {"_undo": version}, follow=True)
        assert said(response) == ["There is nothing to take back."]

    act(admin_client, "hide_on_web", "romeo")
    mine = Tree.objects.get().version
    edits.change([named("romeo")], "mercutio", web_is_published=True)
    response = admin_client.post(ENTRIES, {"_undo": mine}, follow=True)
    assert said(response) == ["mercutio changed “romeo” just now: web."]
    assert rows() == before


# --- Cut and paste --------------------------------------------------------------


def cut(client: Client, *names: str) -> None:
    """Cut one entry with its button, several with the action."""
    page = client.get(ENTRIES)
    if len(names) == 1:
        key = named(names[0]).pk
        client.post(ENTRIES, sent(page, _cut=f"cut:{key}"))
    else:
        keys = [named(name).pk for name in names]
        chosen = {"action": "cut", "_selected_action": keys, "index": "0"}
        client.post(ENTRIES, sent(page, **chosen))


def paste(client: Client, where: str, target: str = ""):
    key = named(target).pk if target else ""
    page = client.get(ENTRIES)
    return client.post(ENTRIES, sent(page, _paste=f"{where}:{key}"), follow=True)


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
def test_what_was_cut_is_pasted(admin_client, verona, names, where, target, order):
    chosen = names.split()
    cut(admin_client, *chosen)
    page = admin_client.get(ENTRIES)
    assert [buddy.name for buddy in page.context["cut"]] == chosen
    assert f"Cut: {', '.join(chosen)}." in page.content.decode()

    response = paste(admin_client, where, target)

    assert said(response) == [f"Moved {', '.join(f'“{name}”' for name in chosen)}."]
    found = [line.replace("  ", "_") for line in outline()]
    assert found == order.split()
    assert "Cut:" not in response.content.decode()
    assert b"_paste" not in admin_client.get(ENTRIES).content


def test_only_a_group_is_pasted_into(admin_client, verona):
    cut(admin_client, "juliet")
    html = admin_client.get(ENTRIES).content.decode()
    inside = [f"last:{b.pk}" for b in Buddy.objects.all() if f"last:{b.pk}" in html]
    assert inside == [f"last:{named(name).pk}" for name in ("verona", "house")]
    assert html.count('name="_paste" value="before:') == 5
    assert 'name="_cut"' not in html


def test_what_was_cut_is_left_where_it_is(admin_client, verona):
    cut(admin_client, "romeo")
    before = (rows(), Tree.objects.get().version)

    admin_client.post(ENTRIES, sent(admin_client.get(ENTRIES), _drop="1"))

    html = admin_client.get(ENTRIES).content.decode()
    assert "Cut:" not in html
    assert 'name="_cut"' in html
    assert (rows(), Tree.objects.get().version) == before


def test_a_cut_is_a_person_s_own(admin_client, verona):
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
            lambda romeo: edits.change([romeo], "mercutio", status="banished"),
            "mercutio changed “romeo” just now: status text.",
        ),
        (
            lambda romeo: edits.move([romeo], "mercutio", None, "first"),
            "mercutio changed “romeo” just now: place.",
        ),
    ],
    ids=["deleted", "changed", "moved"],
)
def test_what_was_changed_since_it_was_cut_is_not_pasted(
    admin_client, verona, meanwhile, reason
):
    cut(admin_client, "romeo")
    page = admin_client.get(ENTRIES)
    meanwhile(named("romeo"))
    before = rows()

    post = sent(page, _paste=f"before:{named('mario').pk}")
    response = admin_client.post(ENTRIES, post, follow=True)

    assert said(response) == [reason]
    assert rows() == before
    assert b"_paste" not in admin_client.get(ENTRIES).content


def test_after_what_was_cut_is_gone_nothing_is_offered_to_be_pasted(
    admin_client, verona
):
    cut(admin_client, "romeo")
    edits.remove([named("romeo")], "mercutio")

    html = admin_client.get(ENTRIES).content.decode()

    assert "Cut:" not in html
    assert "_paste" not in html
    assert 'name="_cut"' in html


def test_where_nothing_can_stand_nothing_is_pasted(admin_client, verona):
    before = outline()
    for where, target, reason in (
        ("last", "house", "An entry cannot stand below itself."),
        ("before", "romeo", "An entry cannot stand below itself."),
        ("last", "mario", "Only a group can hold entries."),
        ("inside", "mario", "There is no such place."),
    ):
        cut(admin_client, "verona")
        assert said(paste(admin_client, where, target)) == [reason]
    assert outline() == before


def test_a_paste_of_nothing_changes_nothing(admin_client, verona):
    before = outline()
    response = paste(admin_client, "before", "mario")
    assert response.status_code == 200
    assert outline() == before


@pytest.mark.parametrize(
    "word", ["cut:", "cut:abc", "cut", "", f"cut:{10**30}", f"cut:{'9' * 5_000}"]
)
def test_whatever_is_cut_the_list_is_shown(admin_client, verona, word):
    page = admin_client.get(ENTRIES)
    assert admin_client.post(ENTRIES, sent(page, _cut=word)).status_code == 302
    assert admin_client.get(ENTRIES).status_code == 200


@pytest.mark.parametrize("target", ["abc", "-1", f"{10**30}", "9" * 5_000, "10000000"])
def test_a_paste_beside_what_is_not_there_is_refused(admin_client, verona, target):
    cut(admin_client, "romeo")
    before = outline()

    post = sent(admin_client.get(ENTRIES), _paste=f"before:{target}")
    response = admin_client.post(ENTRIES, post, follow=True)

    assert said(response) == ["Somebody deleted this entry in the meantime."]
    assert outline() == before


def test_what_was_switched_before_a_cut_or_a_paste_is_saved_too(admin_client, verona):
    page = admin_client.get(ENTRIES)
    post = sent(page, _cut=f"cut:{named('romeo').pk}")
    post[f"{place(page, 'juliet')}-mobile_is_published"] = "on"
    admin_client.post(ENTRIES, post)
    assert named("juliet").mobile_is_published

    page = admin_client.get(ENTRIES)
    post = sent(page, _paste=f"before:{named('mario').pk}")
    del post[f"{place(page, 'juliet')}-mobile_is_published"]
    admin_client.post(ENTRIES, post)
    assert not named("juliet").mobile_is_published
    assert outline()[0] == "romeo"


@pytest.mark.parametrize("moment", ["cut", "paste"])
def test_one_s_own_switch_of_what_is_cut_is_not_in_the_way(
    admin_client, verona, moment
):
    page = admin_client.get(ENTRIES)
    post = sent(page, _cut=f"cut:{named('romeo').pk}")
    if moment == "cut":
        post[f"{place(page, 'romeo')}-mobile_is_published"] = "on"
    admin_client.post(ENTRIES, post)
    page = admin_client.get(ENTRIES)
    post = sent(page, _paste=f"before:{named('mario').pk}")
    if moment == "paste":
        post[f"{place(page, 'romeo')}-mobile_is_published"] = "on"

    response = admin_client.post(ENTRIES, post, follow=True)

    assert "Moved “romeo”." in said(response)
    assert outline()[0] == "romeo"
    assert named("romeo").mobile_is_published


# --- Actions ------------------------------------------------------------------


def act(client: Client, action: str, *buddies: str, **more: str):
    chosen = Buddy.objects.filter(name__in=buddies).values_list("pk", flat=True)
    fields = {"action": action, "_selected_action": list(chosen), **more}
    return client.post(ENTRIES, fields, follow=True)


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


def test_an_action_on_what_somebody_changed_meanwhile_is_refused(admin_client, verona):
    seen = admin_client.get(ENTRIES).context["seen"]
    edits.change([named("romeo")], "mercutio", status="banished")
    before = rows()

    response = act(admin_client, "hide_on_web", "juliet", "romeo", seen=str(seen))

    assert said(response) == ["mercutio changed “romeo” just now: status text."]
    assert rows() == before


def test_a_chosen_branch_is_duplicated_as_drafts(admin_client, verona):
    act(admin_client, "duplicate", "house")

    assert outline()[-2:] == ["  house", "    romeo"]
    assert Buddy.objects.filter(name="romeo").count() == 2
    assert Buddy.objects.filter(name="romeo", web_is_published=False).count() == 1


def test_chosen_entries_are_deleted_with_all_below(admin_client, verona):
    before = Tree.objects.get().version

    asked = act(admin_client, "delete_selected", "verona", "romeo")
    assert "house" in asked.content.decode()
    assert len(outline()) == 5
    act(admin_client, "delete_selected", "verona", "romeo", post="yes")

    assert outline() == ["mario"]
    assert Tree.objects.get().version > before


def test_one_entry_is_deleted_with_all_below_through_the_tree(admin_client, verona):
    before = Tree.objects.get().version

    admin_client.post(f"{ENTRIES}{verona.pk}/delete/", {"post": "yes"})

    assert outline() == ["mario"]
    assert Tree.objects.get().version > before


# --- History --------------------------------------------------------------------


def history(client: Client, key: object):
    return client.get(f"{ENTRIES}{key}/history/")


def test_the_history_tells_who_did_what(admin_client, verona):
    romeo = named("romeo")
    act(admin_client, "hide_on_web", "romeo")
    cut(admin_client, "romeo")
    paste(admin_client, "before", "mario")
    same = {"address": "romeo", "name": "Romeo"}
    admin_client.post(of(romeo), form(**same))
    admin_client.post(ENTRIES, {"_undo": Tree.objects.get().version})

    response = history(admin_client, romeo.pk)

    told = response.context["told"]
    assert [(one.editor, one.words) for one in told] == [
        ("admin", "Took back: Edited “romeo”"),
        ("admin", "Edited “Romeo”"),
        ("admin", "Moved “romeo”"),
        ("admin", "Switched “romeo”"),
        ("juliet", "Added “romeo”"),
    ]
    assert told[1].differences == [("name", "romeo", "Romeo")]
    assert ("place", "house", "top level") in told[2].differences
    assert told[3].differences == [("web", "on", "off")]
    html = response.content.decode()
    assert "History of “romeo”" in html
    assert "house → top level" in html


def test_a_deleted_entry_has_a_history(admin_client, verona):
    key = named("romeo").pk
    edits.remove([verona], "mercutio")

    response = history(admin_client, key)

    told = [(one.editor, one.words) for one in response.context["told"]]
    assert told == [("mercutio", "Deleted “romeo”"), ("juliet", "Added “romeo”")]


def test_names_in_a_history_are_no_markup(admin_client):
    romeo = channel("<script>alert(1)</script>")
    assert b"<script>alert" not in history(admin_client, romeo.pk).content


STRANGE = ["abc", "0", "-1", "²", 2**63 - 1, 2**63, 10**30, "9" * 5_000, "_"]


def test_what_never_was_has_no_history(admin_client, verona):
    for key in STRANGE:
        assert history(admin_client, key).status_code == 404, key


@pytest.mark.parametrize("page", ["change", "delete"])
def test_an_entry_that_is_not_there_leads_elsewhere(admin_client, verona, page):
    for key in STRANGE:
        for ask in (admin_client.get, admin_client.post):
            response = ask(f"{ENTRIES}{key}/{page}/")
            assert response.status_code in (302, 404), key


# --- Permissions --------------------------------------------------------------


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("nurse", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_who_is_not_logged_in_is_sent_to_the_login(client: Client, verona):
    for name in ("buddies_buddy_changelist", "buddies_release_changelist"):
        response = client.get(reverse(f"admin:{name}"))
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_who_is_no_staff_is_sent_to_the_login(client: Client, verona):
    client.force_login(User.objects.create_user("mario"))
    assert client.get(ENTRIES).status_code == 302


@pytest.mark.parametrize(
    "path", [ENTRIES, f"{ENTRIES}add/", RELEASES, "/admin/buddies/buddy/1/change/"]
)
def test_staff_without_a_permission_get_403(path):
    Buddy.objects.create(pk=1, name="romeo", address="romeo")
    assert staff().get(path).status_code == 403


def test_who_may_only_look_changes_nothing(verona):
    romeo = Buddy.objects.get(name="romeo")
    client = staff("view_buddy")
    before = list(Buddy.objects.values())

    assert client.get(ENTRIES).status_code == 200
    assert client.get(of(romeo)).status_code == 200
    assert client.post(of(romeo), form()).status_code == 403
    assert client.post(f"{ENTRIES}add/", form()).status_code == 403
    assert (
        client.post(f"{ENTRIES}{romeo.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    for action in ("move_up", "move_down", "duplicate", "delete_selected"):
        act(client, action, "romeo", "house", post="yes")
    flags = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": romeo.pk}
    assert client.post(ENTRIES, {**flags, "_save": "Save"}).status_code == 403

    assert list(Buddy.objects.values()) == before


LOGIN = "/admin/login/"
ROMEO, LIVE = "{romeo}", "{live}"
# What is asked for, with GET or, when there is data, with POST; and what looker,
# Editor and Publisher get.
MAY = [
    (CHANNELS, None, 200, 200, 200),
    *(
        (f"{CHANNELS}{view}/", None, 200, 200, 200)
        for view in ("state", "tree", "document", "changes")
    ),
    (f"{CHANNELS}fate/?id={ROMEO}", None, 200, 200, 200),
    *(
        (f"{CHANNELS}{view}/", {}, 405, 405, 405)
        for view in ("state", "tree", "document", "changes", "fate")
    ),
    *(
        (f"{CHANNELS}{view}/", data, *statuses)
        for view in ("move", "switch", "duplicate", "remove", "undo")
        for data, statuses in ((None, (405, 405, 405)), ({}, (403, 400, 400)))
    ),
    (f"{CHANNELS}hold/", None, 403, 403, 405),
    (f"{CHANNELS}hold/", {"on": "1"}, 403, 403, 302),
    (f"{CHANNELS}hold/", {}, 403, 403, 302),
    (f"{CHANNELS}retry/", None, 403, 405, 405),
    (f"{CHANNELS}retry/", {}, 403, 302, 302),
    (ENTRIES, None, 200, 200, 200),
    (ENTRIES, {"_undo": "1"}, 403, 302, 302),
    (ENTRIES, {"_cut": "cut:1"}, 403, 200, 200),
    (ENTRIES, {"_paste": "last:"}, 403, 200, 200),
    (ENTRIES, {"_drop": "1"}, 403, 200, 200),
    (ENTRIES, {"_save": "1"}, 403, 200, 200),
    (f"{ENTRIES}add/", None, 403, 200, 200),
    (f"{ENTRIES}add/", {}, 403, 200, 200),
    (f"{ENTRIES}{ROMEO}/change/", None, 200, 200, 200),
    (f"{ENTRIES}{ROMEO}/change/", {}, 403, 200, 200),
    (f"{ENTRIES}{ROMEO}/delete/", None, 403, 200, 200),
    (f"{ENTRIES}{ROMEO}/delete/", {"post": "yes"}, 403, 302, 302),
    (f"{ENTRIES}{ROMEO}/history/", None, 200, 200, 200),
    (RELEASES, None, 200, 200, 200),
    (f"{RELEASES}{LIVE}/change/", None, 200, 200, 200),
    (f"{RELEASES}{LIVE}/change/", {}, 403, 403, 403),
    (f"{RELEASES}add/", None, 403, 403, 403),
    (f"{RELEASES}add/", {}, 403, 403, 403),
    (f"{RELEASES}{LIVE}/delete/", None, 403, 403, 403),
    (f"{RELEASES}{LIVE}/delete/", {"post": "yes"}, 403, 403, 403),
    (f"{RELEASES}review/", None, 403, 403, 200),
    (f"{RELEASES}review/", {}, 403, 403, 200),
    (f"{RELEASES}planned/1/cancel/", None, 403, 403, 405),
    (f"{RELEASES}planned/1/cancel/", {}, 403, 403, 302),
    (f"{RELEASES}{LIVE}/compare/?with={LIVE}", None, 200, 200, 200),
    (f"{RELEASES}{LIVE}/compare/?with={LIVE}", {}, 405, 405, 405),
    (f"{RELEASES}{LIVE}/again/", None, 403, 403, 405),
    (f"{RELEASES}{LIVE}/again/", {}, 403, 403, 302),
    (f"{RELEASES}{LIVE}/restore/", None, 403, 403, 405),
    (f"{RELEASES}{LIVE}/restore/", {}, 403, 403, 302),
    (f"{RELEASES}{LIVE}/download/", None, 200, 200, 200),
    (f"{RELEASES}{LIVE}/download/", {}, 405, 405, 405),
]


@pytest.mark.parametrize(
    ("path", "data", "looking", "editing", "publishing"),
    MAY,
    ids=[f"{'GET' if row[1] is None else 'POST'} {row[0]}" for row in MAY],
)
def test_who_may_what(verona, path, data, looking, editing, publishing):
    path = path.format(romeo=named("romeo").pk, live=releases.sync().number)

    def status(client: Client) -> int:
        response = client.get(path) if data is None else client.post(path, data)
        is_login = response.status_code == 302 and response.url.startswith(LOGIN)
        return 0 if is_login else response.status_code

    before = (rows(), Tree.objects.values().get(), Release.objects.count())
    # Who has no permission is told so, or that it is asked for in a wrong way.
    assert status(Client()) == 0
    assert status(person("mario")) in (403, 405)
    assert status(looker()) == looking
    assert (rows(), Tree.objects.values().get(), Release.objects.count()) == before

    assert status(person("tybalt", "Editor")) == editing
    assert status(person("prince", "Publisher")) == publishing


def test_who_may_only_look_sees_the_list_without_its_buttons(verona):
    client = looker()
    edits.change([named("romeo")], "nurse", status="banished")

    html = client.get(ENTRIES).content.decode()

    for text in ("_cut", "_paste", "_undo", "_save", "show_on_web", "/add/"):
        assert text not in html
    assert "romeo" in html
    assert listed(client.get(ENTRIES)) == outline()


def test_an_editor_sees_the_list_with_its_buttons(verona):
    client = person("tybalt", "Editor")
    edits.change([named("romeo")], "tybalt", status="banished")

    html = client.get(ENTRIES).content.decode()
    for text in ("_cut", "_undo", "_save", "show_on_web", "/add/"):
        assert text in html


# --- Releases -----------------------------------------------------------------


def test_releases_are_to_read_only(admin_client: Client, verona):
    release = releases.sync()
    page = f"{RELEASES}{release.number}/change/"

    assert "juliet" in admin_client.get(RELEASES).content.decode()
    assert admin_client.get(page).status_code == 200
    assert admin_client.get(f"{RELEASES}add/").status_code == 403
    assert admin_client.post(page, {"body": "{}"}).status_code == 403
    delete = f"{RELEASES}{release.number}/delete/"
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    assert Release.objects.get() == release
    assert Release.objects.get().body == release.body


def test_saving_another_field_keeps_texts_byte_for_byte(admin_client):
    text = "\none\ntwo \n"
    romeo = channel("romeo", default_message=text, status=" as it is ")
    sent = {"default_message": text.replace("\n", "\r\n"), "status": " as it is "}
    same = {"name": "romeo", "address": "romeo"}

    admin_client.post(of(romeo), form(mobile_is_published="on", **same, **sent))

    stored = Buddy.objects.get()
    assert stored.mobile_is_published
    assert (stored.default_message, stored.status) == (text, " as it is ")


def test_a_deep_branch_can_be_deleted(admin_client):
    above = None
    for number in range(1, 301):
        name = f"{number}"
        above = Buddy(pk=number, parent=above, name=name, address=name, type="group")
        Buddy.objects.bulk_create([above])
    delete = f"{ENTRIES}1/delete/"

    assert b"300" in admin_client.get(delete).content
    admin_client.post(delete, {"post": "yes"})

    assert not Buddy.objects.exists()


def test_a_search_of_thousands_of_words_is_answered(admin_client):
    assert admin_client.get(ENTRIES, {"q": "x " * 3_000}).status_code == 200


# --- Stale deletions ------------------------------------------------------------


def test_a_deletion_takes_only_what_its_page_showed(admin_client, verona):
    page = f"{ENTRIES}{verona.pk}/delete/"
    html = admin_client.get(page).content.decode()
    seen = re.search(r'name="seen" value="(\d+)"', html).group(1)
    channel("mercutio", verona)

    response = admin_client.post(page, {"post": "yes", "seen": seen}, follow=True)

    assert said(response) == ["juliet added “mercutio” just now."]
    assert "  juliet" in outline()


def test_chosen_ones_are_deleted_as_their_page_showed_them(admin_client, verona):
    seen = str(Tree.objects.get().version)
    asked = act(admin_client, "delete_selected", "verona", seen=seen)
    assert f'name="seen" value="{seen}"' in asked.content.decode()
    channel("mercutio", verona)

    response = act(admin_client, "delete_selected", "verona", post="yes", seen=seen)

    assert "juliet added “mercutio” just now." in said(response)
    assert "  juliet" in outline()
