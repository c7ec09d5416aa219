"""The form, the deletion and the history of an entry in a campaign; its doors."""

import io
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from buddies.campaigns import making
from buddies.models import Buddy, Campaign, Tree
from tests.buddies.admin.list_page import form, sent, shown_by
from tests.buddies.conftest import named, rows
from tests.buddies.pages.campaign_client import CHANNELS, ENTRIES, Natale
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import change, go_live, key, person

pytestmark = pytest.mark.django_db

VERBS = ("view_buddy", "add_buddy", "change_buddy", "delete_buddy")
GONE = "This campaign can't be edited: it is over, or gone."


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def url(natale: Natale, number: int | str, page: str = "change") -> str:
    return f"{ENTRIES}{number}/{page}/{natale.query}"


def posted(natale: Natale, entry: str, **changed: object) -> dict[str, object]:
    """Return what a browser posts of the form of an entry."""
    one = natale.named(entry)
    texts = ("type", "name", "address", "server_address", "status", "default_message")
    same = {text: getattr(one, text) for text in texts}
    flags = {"web_is_published": "on"} if one.web_is_published else {}
    here = {"parent": one.parent_id or "", "seen": natale.version}
    return form(**{**same, **flags, **here, **changed})


def picture() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(file, "PNG")
    return SimpleUploadedFile("romeo.png", file.getvalue(), "image/png")


# --- Writing -----------------------------------------------------------------------


def test_a_change_is_in_the_campaign_and_not_live(editor: Client, natale):
    before = rows()
    fields = {"status": "in love\r\nagain", "parent": ""}

    response = editor.post(
        url(natale, key("romeo")), posted(natale, "romeo", **fields), follow=True
    )

    assert response.redirect_chain == [(natale.workspace, 302)]
    assert messages(response) == ["“romeo” is saved in “Natale”, not live."]
    romeo = natale.named("romeo")
    assert (romeo.status, romeo.parent_id) == ("in love\nagain", None)
    assert rows() == before
    (row,) = natale.campaign.differences.all()
    assert {*row.fields} == {"status", "parent"}


@pytest.mark.parametrize("page", ["add", "change"])
def test_each_button_leads_to_the_campaign(editor: Client, natale, page):
    path = (
        f"{ENTRIES}add/{natale.query}" if page == "add" else url(natale, key("mario"))
    )
    fields = {"name": "Mario"} if page == "add" else posted(natale, "mario", status="s")

    again = editor.post(path, form(**fields, _continue="1"))
    number = min(natale.view.by_id) if page == "add" else key("mario")
    assert again.url == url(natale, number)
    if page == "change":
        fields = posted(natale, "mario", status="t")
    another = editor.post(path, form(**fields, _addanother="1"))
    assert another.url == f"{ENTRIES}add/{natale.query}"


def test_the_form_says_where_it_edits(editor: Client, natale):
    natale.change("romeo", status="in love")
    page = editor.get(url(natale, key("romeo")))
    assert "In “Natale”, not live" in page_text(page)
    assert page.context["adminform"].form["status"].value() == "in love"
    live = editor.get(f"{ENTRIES}{key('romeo')}/change/")
    assert "not live" not in page_text(live)
    assert live.context["adminform"].form["status"].value() == ""


@pytest.mark.parametrize("page", ["delete", "history"])
def test_each_link_of_the_form_stays_in_the_campaign(editor: Client, natale, page):
    natale.change("romeo", status="in love")
    for entry in (natale.named("romeo"), natale.add("nurse", "house")):
        shown = editor.get(url(natale, entry.pk))
        link = url(natale, entry.pk, page)
        assert f'href="{link}"' in shown.content.decode()
        assert "Natale" in page_text(editor.get(link))


def test_the_links_of_the_form_of_what_is_live_name_no_campaign(editor: Client, natale):
    page = editor.get(f"{ENTRIES}{key('romeo')}/change/").content.decode()
    for name in ("delete", "history"):
        assert f'href="{ENTRIES}{key("romeo")}/{name}/"' in page


def test_an_entry_is_added_into_a_group_that_only_the_campaign_has(
    editor: Client, natale
):
    inner = natale.add("cellar", "house", type="group")
    page = editor.get(f"{ENTRIES}add/{natale.query}")
    choices = dict(page.context["adminform"].form.fields["parent"].choices)
    assert choices[str(inner.pk)] == "verona › house › cellar"
    assert str(key("mario")) not in choices

    fields = {"name": "Nurse", "parent": inner.pk, "web_is_published": "on"}
    response = editor.post(f"{ENTRIES}add/{natale.query}", form(**fields))

    assert response.url == natale.workspace
    nurse = natale.named("Nurse")
    assert (nurse.parent_id, nurse.pk < 0) == (inner.pk, True)
    assert nurse.address
    assert not Buddy.objects.filter(name="Nurse").exists()
    shown = editor.get(url(natale, nurse.pk))
    assert shown.context["adminform"].form["parent"].value() == inner.pk


def test_an_added_entry_is_changed_and_deleted(editor: Client, natale):
    nurse = natale.add("nurse", "house")

    editor.post(url(natale, nurse.pk), posted(natale, "nurse", status="old"))
    assert natale.named("nurse").status == "old"

    asked = editor.get(url(natale, nurse.pk, "delete"))
    assert "1 item will be deleted:" in page_text(asked)
    editor.post(
        url(natale, nurse.pk, "delete"), {"post": "yes", "seen": natale.version}
    )
    assert "nurse" not in natale.names()


def test_a_group_is_deleted_with_what_the_campaign_put_into_it(editor, natale):
    natale.add("nurse", "house")
    before = rows()

    page = editor.get(url(natale, key("house"), "delete"))
    assert sorted(page.context["deleted_objects"]) == ["house", "nurse", "romeo"]
    response = editor.post(
        url(natale, key("house"), "delete"),
        {"post": "yes", "seen": page.context["seen"]},
        follow=True,
    )

    assert response.redirect_chain == [(natale.workspace, 302)]
    assert natale.names() == ["juliet", "mario", "verona"]
    assert rows() == before


def test_the_same_faults_are_said_at_their_fields(editor: Client, natale):
    natale.add("nurse")
    fields = {"address": "nurse", "name": " "}
    page = editor.post(url(natale, key("romeo")), posted(natale, "romeo", **fields))
    errors = page.context["adminform"].form.errors
    assert errors["address"] == ["This address is already taken."]
    assert errors["name"] == ["This field cannot be blank."]


def test_a_picture_is_uploaded_into_the_campaign(editor: Client, natale):
    editor.post(url(natale, key("romeo")), posted(natale, "romeo", avatar=picture()))
    romeo = natale.named("romeo")
    assert romeo.image_url.endswith("-512.webp")
    assert romeo.thumb_url.endswith("-96.webp")
    assert named("romeo").image_url == ""

    cleared = {"avatar-clear": "on", "image_url": romeo.image_url}
    editor.post(url(natale, key("romeo")), posted(natale, "romeo", **cleared))
    assert natale.campaign.differences.count() == 0


def test_a_schedule_is_set_in_the_campaign(editor: Client, natale):
    fields = {"visible_from_0": "2099-12-01", "visible_from_1": "09:00:00"}
    editor.post(url(natale, key("romeo")), posted(natale, "romeo", **fields))
    assert natale.named("romeo").visible_from == datetime(2099, 12, 1, 9, tzinfo=UTC)
    assert named("romeo").visible_from is None
    (row,) = natale.campaign.differences.all()
    assert {*row.fields} == {"schedule"}
    page = editor.get(url(natale, key("romeo")))
    assert 'value="2099-12-01"' in page.content.decode()


def test_a_value_that_another_changed_since_is_not_overwritten(editor, natale):
    stale = posted(natale, "romeo", status="mine")
    natale.change("romeo", status="theirs")

    response = editor.post(url(natale, key("romeo")), stale, follow=True)

    assert response.redirect_chain == [(natale.workspace, 302)]
    (words,) = messages(response)
    assert words.replace("\xa0", " ") == (
        "mercutio changed “romeo” just now: status text."
    )
    assert natale.named("romeo").status == "theirs"


@pytest.mark.parametrize("by", ["live", "earlier campaign"])
def test_an_old_form_takes_back_no_edit_that_is_in_the_campaign_since(
    editor: Client, natale, by
):
    early = Natale("Avvento")
    moments = {early.pk: "2098-12-01T08:00Z", natale.pk: "2099-12-24T08:00Z"}
    for number, at in moments.items():
        Campaign.objects.filter(pk=number).update(state="planned", due_at=at)
    shown = shown_by(editor.get(url(natale, key("romeo"))))
    old = {**posted(natale, "romeo", name="Romeo", status="in love"), **shown}
    if by == "live":
        change("romeo", "paolo", status="banished")
    else:
        early.change("romeo", status="banished")

    response = editor.post(url(natale, key("romeo")), old)

    errors = page_text(response).replace("\xa0", " ")
    assert "Theirs: “banished”. Save again to keep yours." in errors
    assert ("paolo changed “romeo” just now: status text." in errors) == (by == "live")
    assert natale.named("romeo").status == "banished"
    assert natale.version == 0

    old["status"] = "banished"
    assert editor.post(url(natale, key("romeo")), old).status_code == 302
    assert natale.named("Romeo").status == "banished"
    assert {*natale.campaign.differences.get().fields} == {"name"}


def test_an_address_that_apps_know_is_locked_in_a_campaign_too(editor, natale):
    go_live()
    natale.add("nurse")
    page = editor.get(url(natale, key("romeo")))
    assert "address" not in page.context["adminform"].form.fields
    new = editor.get(url(natale, natale.named("nurse").pk))
    assert "address" in new.context["adminform"].form.fields


# --- History ------------------------------------------------------------------------


def test_the_history_shows_the_campaign_then_what_is_live(editor: Client, natale):
    change("romeo", status="banished")
    natale.change("romeo", status="in love", web_is_published=False)

    page = editor.get(url(natale, key("romeo"), "history"))

    assert [one.editor for one in page.context["drafted"]] == ["mercutio"]
    assert [one.editor for one in page.context["history"]] == ["mercutio", "juliet"]
    text = page_text(page)
    assert "In “Natale”" in text
    assert "banished → in love" in text
    live = editor.get(f"{ENTRIES}{key('romeo')}/history/")
    assert "in love" not in page_text(live)


def test_what_only_a_campaign_has_has_a_history(editor: Client, natale):
    nurse = natale.add("nurse")
    assert "Added “nurse”" in page_text(editor.get(url(natale, nurse.pk, "history")))
    assert editor.get(url(natale, -(2**40), "history")).status_code == 404


# --- A campaign that is over, and permissions ---------------------------------------


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_a_campaign_that_is_over_leads_to_what_is_live(editor: Client, natale, page):
    path = url(natale, key("romeo"), page)
    making.discard(natale.pk)
    for ask in (editor.get, editor.post):
        response = ask(path, follow=True)
        assert response.redirect_chain == [(CHANNELS, 302)]
        assert messages(response) == [GONE]


@pytest.mark.parametrize("path", [ENTRIES, "/admin/", "/admin/buddies/release/"])
def test_other_pages_know_no_campaign(editor: Client, natale, path):
    making.discard(natale.pk)
    response = editor.get(path + natale.query, follow=True)
    unknown = editor.get(f"{path}?nonsense=1", follow=True)
    assert response.status_code == unknown.status_code in (200, 400)


def test_without_a_permission_no_door_edits_what_is_live(natale):
    client = person("nurse", "", *VERBS, "edit_campaign")
    change("romeo", "nurse", status="banished")
    number, seen = key("romeo"), Tree.objects.get().version
    flags = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": number}
    chosen = {"_selected_action": [number], "seen": seen, "post": "yes"}
    before = rows()

    for query in ("", natale.query):
        listed = f"{ENTRIES}{query}"
        for data in (
            {**flags, "_save": "Save"},
            {**flags, "_cut": f"cut:{number}"},
            {"_undo": str(seen)},
            *(
                {**chosen, "action": action}
                for action in ("hide_on_web", "move_up", "duplicate", "delete_selected")
            ),
        ):
            client.post(listed, data)
            assert rows() == before, (query, data)
    for page in ("change", "delete"):
        answer = client.post(f"{ENTRIES}{number}/{page}/", {"post": "yes"})
        assert answer.status_code == 403
    assert client.post(f"{ENTRIES}add/", form()).status_code == 403
    assert client.post(f"{CHANNELS}retry/").status_code in (302, 403)
    assert rows() == before


def test_without_a_permission_no_door_edits_a_campaign(natale):
    client = person("nurse", "", *VERBS, "edit_live")
    romeo = key("romeo")
    for page in ("change", "delete"):
        answer = client.post(url(natale, romeo, page), {"post": "yes"})
        assert answer.status_code == 403
    assert client.post(f"{ENTRIES}add/{natale.query}", form()).status_code == 403
    assert client.get(url(natale, romeo)).status_code == 200
    assert natale.version == 0
    # The list is of what is live, whatever its address says.
    page = client.get(ENTRIES)
    client.post(ENTRIES, sent(page, **{"form-0-mobile_is_published": "on", "_save": 1}))
    assert named("verona").mobile_is_published
