"""The editor of the tree, as a browser sees it."""

import uuid

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from buddies import releases, tree
from buddies.models import Buddy, Release, Tree
from tests.buddies.conftest import channel, group, outline

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_passwords")]

ENTRIES = "/admin/buddies/buddy/"
RELEASES = "/admin/buddies/release/"


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
    tree.move([Buddy.objects.get(name="mario")], "juliet", verona, "after")

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

    releases.mark_live(number)
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
