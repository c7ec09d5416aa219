"""Imports into a campaign; older versions that come back, live or as a campaign."""

import json
import re

import pytest
from django.test import Client

from buddies.campaigns import making
from buddies.document.shape import EMPTY
from buddies.models import Buddy, Campaign, Release, Tree
from buddies.publishing import draft, releases
from buddies.publishing.live import live_release
from buddies.tree import edits
from tests.buddies.conftest import channel, named, outline, rows
from tests.buddies.pages.campaign_client import CHANNELS, Natale
from tests.buddies.pages.transfer_client import CONFIRM, PAGE, PREVIEW, upload
from tests.buddies.pages.versions_client import RELEASES, messages, numbers, page_text
from tests.buddies.pages.workspace_client import VERONA, change, go_live, person, send

pytestmark = pytest.mark.django_db

TABLE = (
    "address,name,type,parent\nromeo,Roméo,channel,house\nnurse,Nurse,channel,house\n"
)
DOCUMENT = """{"items":[{"address":"mario","type":"channel","mobileIsPublished":false,
"webIsPublished":true,"info":{"name":"Super Mario"}}]}"""
FILES = [(TABLE, "table"), (DOCUMENT, "document")]


@pytest.fixture
def natale(verona) -> Natale:
    natale = Natale()
    go_live()
    return natale


def preview(client: Client, natale: Natale, content: str, what: str):
    upload(client, content, what)
    return client.get(PREVIEW + natale.query)


def button(page) -> dict[str, str]:
    """Return what the button of the preview sends."""
    html = page.content.decode()
    form = html[html.index(f'action="{CONFIRM}') :]
    return dict(re.findall('name="([a-z]+)" value="([^"]*)"', form))


def confirm(client: Client, natale: Natale, page):
    return client.post(CONFIRM + natale.query, button(page), follow=True)


# --- Imports -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what", "names"),
    [
        (TABLE, "table", ["Nurse", "Roméo", "house", "juliet", "mario", "verona"]),
        (DOCUMENT, "document", ["Super Mario", "house", "juliet", "romeo", "verona"]),
    ],
)
def test_a_file_is_imported_into_the_campaign(editor, natale, content, what, names):
    before = rows()
    page = preview(editor, natale, content, what)
    text = page_text(page)
    assert "It goes into “Natale”, not live." in text
    assert "It goes live immediately." not in text
    assert natale.version == 0

    response = confirm(editor, natale, page)

    assert response.redirect_chain == [(natale.workspace, 302)]
    assert messages(response) == ["Imported. Use “Undo” to revert it."]
    assert natale.names() == names
    assert rows() == before
    assert response.context["state"]["undo"]["words"].startswith("Undo: Changed ")
    natale.send(editor, "undo", seen=natale.version)
    assert natale.campaign.differences.count() == 0


def test_the_preview_offers_the_other_places(editor: Client, natale):
    page = preview(editor, natale, TABLE, "table")
    assert [one.address for one in page.context["desks"]] == [
        PREVIEW,
        PREVIEW + natale.query,
    ]
    live = editor.get(PREVIEW)
    assert "It goes live immediately." in page_text(live)


@pytest.mark.parametrize(("content", "what"), FILES)
def test_an_edit_since_the_preview_needs_another_one(editor, natale, content, what):
    page = preview(editor, natale, content, what)
    natale.change("romeo", status="in love")
    natale.change("mario", status="away")
    before = natale.digest

    response = confirm(editor, natale, page)

    assert response.redirect_chain == [(PREVIEW + natale.query, 302)]
    assert len(messages(response)) == 1
    assert natale.digest == before
    again = confirm(editor, natale, editor.get(PREVIEW + natale.query))
    assert again.redirect_chain == [(natale.workspace, 302)]


def test_a_live_edit_since_the_preview_of_a_document_needs_another_one(editor, natale):
    page = preview(editor, natale, DOCUMENT, "document")
    channel("paris")

    response = confirm(editor, natale, page)

    assert response.redirect_chain == [(PREVIEW + natale.query, 302)]
    assert natale.version == 0
    again = confirm(editor, natale, editor.get(PREVIEW + natale.query))
    assert again.redirect_chain == [(natale.workspace, 302)]


def test_a_file_that_was_imported_leads_to_the_campaign(editor: Client, natale):
    page = preview(editor, natale, TABLE, "table")
    confirm(editor, natale, page)
    response = confirm(editor, natale, page)
    assert response.redirect_chain == [(PAGE + natale.query, 302)]


def test_an_address_that_another_changed_in_the_campaign_is_no_fault(editor, natale):
    natale.change("romeo", server_address="bots")
    page = preview(editor, natale, "address,name\nmario,Mario\n", "table")
    response = confirm(editor, natale, page)
    assert response.redirect_chain == [(natale.workspace, 302)]
    assert natale.named("romeo").server_address == "bots"


@pytest.mark.parametrize(
    ("content", "what", "words"),
    [
        ("address,name,type\nnurse,,channel\n", "table", "This field cannot be blank."),
        (DOCUMENT.replace("Super Mario", " "), "document", "cannot be blank."),
    ],
)
def test_a_file_with_a_fault_is_not_imported(editor, natale, content, what, words):
    page = preview(editor, natale, content, what)
    assert words in page_text(page)
    confirm(editor, natale, page)
    assert natale.version == 0


@pytest.mark.parametrize(("content", "what"), FILES)
def test_each_place_has_its_permission(natale, content, what):
    verbs = ("view_buddy", "add_buddy", "change_buddy")
    before = rows()
    live = person("otto", "", *verbs, "edit_live")
    upload(live, content, what)
    sent = button(live.get(PREVIEW))
    for ask in (live.get, live.post):
        assert ask(PREVIEW + natale.query).status_code in (403, 405)
    assert live.post(CONFIRM + natale.query, sent).status_code == 403
    assert natale.version == 0

    drafting = person("nurse", "", *verbs, "edit_campaign")
    file = {"what": what, f"{what}-text": content}
    assert drafting.post(PAGE, file).status_code == 403
    drafting.post(PAGE + natale.query, {"what": "document", "document-text": DOCUMENT})
    sent = button(drafting.get(PREVIEW + natale.query))
    assert drafting.post(CONFIRM, sent).status_code == 403
    assert rows() == before


def test_a_campaign_that_is_over_takes_no_file(editor: Client, natale):
    page = preview(editor, natale, TABLE, "table")
    making.discard(natale.pk)
    response = confirm(editor, natale, page)
    assert response.redirect_chain == [(CHANNELS, 302)]
    assert natale.version == 0
    assert not Buddy.objects.filter(name="Nurse").exists()


def test_a_server_address_that_apps_know_is_kept(editor: Client, natale):
    table = "address,server_address\nromeo,bots\n"
    page = preview(editor, natale, table, "table")
    response = confirm(editor, natale, page)
    assert messages(response) == [
        "Apps already use the server address of “romeo”, so it was not changed."
    ]
    assert natale.version == 0


# --- Older versions ----------------------------------------------------------------


@pytest.fixture
def first(natale) -> Release:
    """The first version; since then romeo got another name, and nurse came."""
    release = live_release()
    change("romeo", "paolo", name="Montague")
    channel("nurse", named("verona"))
    go_live()
    return release


def version_url(release: Release, page: str) -> str:
    return f"{RELEASES}{release.number}/{page}/"


def test_going_back_is_one_edit_and_one_release(publisher: Client, first):
    version, count = Tree.objects.get().version, len(numbers())
    before = rows()

    response = publisher.post(version_url(first, "again"), follow=True)

    new = live_release()
    assert response.redirect_chain == [(CHANNELS, 302)]
    assert messages(response) == [
        f"Version {first.number} is live again, as version {new.number}. Use “Undo” "
        "to revert it."
    ]
    assert (new.body, new.author, new.automatic) == (first.body, "prince", False)
    assert new.note == f"version {first.number} again"
    assert draft.current_draft().body == new.body
    assert (Tree.objects.get().version, len(numbers())) == (version + 1, count + 1)
    assert releases.sync() is None
    # What came later is hidden, not deleted.
    assert outline() == [*VERONA[:4], "  nurse", "mario"]

    assert send(publisher, "undo", seen=version + 1).status_code == 200
    assert rows() == before
    assert releases.sync().body != first.body


def test_the_live_version_does_not_come_back(publisher: Client, first):
    before = (rows(), numbers())
    url = version_url(live_release(), "again")
    assert messages(publisher.post(url, follow=True)) == ["This version is live."]
    assert (rows(), numbers()) == before


def test_a_version_is_restored_as_a_campaign(editor: Client, first):
    before = (rows(), numbers())

    response = editor.post(version_url(first, "restore"), follow=True)

    made = Campaign.objects.get(created_by="tybalt")
    assert response.redirect_chain == [(f"{CHANNELS}?campaign={made.pk}", 302)]
    assert messages(response) == [
        f"This campaign brings version {first.number} back. What came later is hidden "
        "in it, not deleted."
    ]
    assert made.name == f"Version {first.number}"
    assert (rows(), numbers()) == before
    shown = response.context["state"]
    assert shown["headline"] == f"You are editing “Version {first.number}”"
    document = editor.get(f"{CHANNELS}document/?campaign={made.pk}").json()["document"]
    assert document == json.loads(first.body)

    editor.post(version_url(first, "restore"))
    names = Campaign.objects.filter(created_by="tybalt").values_list("name", flat=True)
    assert {*names} == {f"Version {first.number}", f"Version {first.number} (2)"}


def test_the_empty_version_is_restored_by_hiding_everything(publisher: Client):
    empty = releases.sync()
    channel("romeo")
    go_live()

    publisher.post(version_url(empty, "restore"))
    publisher.post(version_url(empty, "again"))

    assert outline() == ["romeo"]
    assert draft.current_draft().body == EMPTY


def test_a_version_with_an_entry_deleted_since_brings_it_back(publisher, first):
    edits.remove([named("house")], "paolo")
    releases.sync()
    publisher.post(version_url(first, "again"))
    assert live_release().body == first.body
    assert named("romeo").parent == named("house")


def test_an_export_of_a_campaign_has_what_the_campaign_has(editor, natale):
    natale.change("romeo", name="Romeo di Natale")
    natale.change("Romeo di Natale", web_is_published=True)

    for kind in ("export/csv/", "document/"):
        address = f"/admin/buddies/buddy/transfer/{kind}"
        live, own = (
            editor.get(address + end).content.decode() for end in ("", natale.query)
        )
        assert "Romeo di Natale" in own
        assert "Romeo di Natale" not in live
