"""Import & export, as a browser sees it."""

import json
import re
from datetime import timedelta
from io import BytesIO

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as examples

from buddies.models import Buddy, Tree
from buddies.publishing import draft, releases, review
from buddies.spreadsheet import files
from buddies.spreadsheet.files import FORMATS
from buddies.tree import edits
from tests.buddies.conftest import EDITOR, STORED, channel, group, named, outline, rows
from tests.buddies.spreadsheet.test_round_trip import forests, plant
from tests.processes import ROOT

pytestmark = pytest.mark.django_db

PAGE = "/admin/buddies/buddy/transfer/"
PREVIEW, CONFIRM = f"{PAGE}preview/", f"{PAGE}confirm/"
SEED = ROOT / "tests" / "payloads" / "bots.json"


def person(*verbs: str) -> Client:
    """Somebody who may do this with entries."""
    user = User.objects.create_user("-".join(verbs), password="pw", is_staff=True)
    names = [f"{verb}_buddy" for verb in verbs]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


def upload(client: Client, content: bytes | str, what: str = "table"):
    content = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("file", content)
    return client.post(PAGE, {"what": what, f"{what}-file": file})


def shown(client: Client) -> str:
    """The words of the preview."""
    page = client.get(PREVIEW)
    assert page.status_code == 200
    return said(page)


def said(response) -> str:
    """The words of a page."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def confirm(client: Client):
    """Press the button of the preview."""
    return client.post(CONFIRM, button(client), follow=True)


def button(client: Client) -> dict[str, str]:
    """What the button of the preview sends: the fields of its form."""
    page = client.get(PREVIEW).content.decode()
    form = page[page.index(f'action="{CONFIRM}"') :]
    fields = dict(re.findall('name="([a-z]+)" value="([^"]*)"', form))
    assert fields.keys() >= {"seen", "digest", "content"}
    return fields


def words(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- Export ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(FORMATS))
def test_who_may_look_takes_the_tree_out(kind):
    channel("Romeo")

    response = person("view").get(f"{PAGE}export/{kind}/")

    assert [row.cells["name"] for row in files.read(response.content)] == ["Romeo"]
    disposition = response["Content-Disposition"]
    assert disposition.startswith('attachment; filename="channels-')
    assert disposition.endswith(f'.{kind}"')


def test_who_may_look_takes_the_document_out():
    channel("Romeo")

    response = person("view").get(f"{PAGE}document/")

    assert response.content.decode() == draft.current_draft().body
    assert response["Content-Type"] == "application/json"


def test_there_is_no_other_kind_of_file(editor):
    assert editor.get(f"{PAGE}export/exe/").status_code == 404


def test_what_no_spreadsheet_can_hold_is_said(editor):
    channel("Romeo", default_message="a" * 32_768)

    response = editor.get(f"{PAGE}export/xlsx/", follow=True)

    (said,) = words(response)
    assert "choose CSV or JSON" in said


def test_what_no_client_could_read_is_said(editor):
    verona = group("Verona")
    for level in range(200):
        verona = group(f"{level}", verona) if level < 199 else verona
    # Deeper by a move of a whole branch, which only counts the levels above it.
    edits.move([named("Verona")], EDITOR, group("top"), "last")
    channel("Romeo", None)
    edits.change([named("Romeo")], EDITOR, parent=None)
    Buddy.objects.filter(name="Romeo").update(parent=named("198"))

    response = editor.get(f"{PAGE}document/", follow=True)

    assert words(response) == [
        "The tree has more than 200 levels: move entries up.",
    ]


def test_chosen_entries_are_taken_out_of_the_list(editor):
    channel("Romeo")
    juliet = channel("Juliet")
    chosen = {"action": "export", "_selected_action": [juliet.pk], "index": 0}

    response = editor.post("/admin/buddies/buddy/", chosen)

    assert [row.cells["name"] for row in files.read(response.content)] == ["Juliet"]


def test_chosen_entries_that_no_spreadsheet_can_hold_stay_in_the_list(editor):
    romeo = channel("Romeo", default_message="a" * 32_768)
    chosen = {"action": "export", "_selected_action": [romeo.pk], "index": 0}

    response = editor.post("/admin/buddies/buddy/", chosen, follow=True)

    assert "choose CSV or JSON" in words(response)[0]


# --- Who may do what ------------------------------------------------------------


@pytest.mark.parametrize("verbs", [("view",), ("view", "add"), ("view", "change")])
def test_who_may_not_add_and_change_may_look_but_not_import(verbs):
    client = person(*verbs)

    page = client.get(PAGE).content.decode()

    assert "You may look at everything here" in page
    assert '<form method="post" enctype' not in page
    assert upload(client, "address,name\nromeo,Romeo\n").status_code == 403
    assert client.get(PREVIEW).status_code == 403
    assert client.post(CONFIRM).status_code == 403


@pytest.mark.parametrize("path", ["", "export/csv/", "document/", "preview/"])
def test_who_may_not_look_sees_nothing(path):
    assert person("add", "change").get(PAGE + path).status_code == 403
    assert Client().get(PAGE + path).status_code == 302


def test_a_link_imports_nothing(editor):
    upload(editor, "address,name\nromeo,Romeo\n")

    assert editor.get(CONFIRM).status_code == 405
    assert not Buddy.objects.exists()


# --- A table --------------------------------------------------------------------


def test_an_import_is_shown_and_then_done(editor):
    verona = group("Verona")
    channel("Romeo", verona)
    table = (
        "\ufeffaddress;name;type;parent\r\n"
        "Romeo;Roméo;channel;Verona\r\n"
        "juliet;Juliet;channel;Verona\r\n"
        "Verona;Verona;group;\r\n"
    )

    response = upload(editor, table)

    assert response.status_code == 302
    assert response["Location"] == PREVIEW
    page = shown(editor)
    assert "1 entry added · 1 edited · 1 left as it is" in page
    assert "edited Roméo row 2 name Romeo → Roméo" in page
    assert "added Juliet row 3 inside Verona" in page
    assert "It goes live by itself" in page
    assert outline() == ["Verona", "  Romeo"]

    response = confirm(editor)

    assert response.redirect_chain == [("/admin/buddies/buddy/channels/", 302)]
    assert words(response) == ["Imported. “Undo” takes all of it back."]
    assert outline() == ["Verona", "  Roméo", "  Juliet"]


def test_an_import_on_hold_is_said_to_stay_a_draft(editor):
    review.hold(EDITOR)
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")

    assert "Changes are on hold" in shown(editor)


@pytest.mark.parametrize("kind", list(FORMATS))
def test_an_export_brought_back_has_nothing_to_import(editor, kind):
    channel("Romeo", group("Verona"))
    upload(editor, editor.get(f"{PAGE}export/{kind}/").content)

    page = shown(editor)

    assert "there is nothing to import" in page
    assert "2 left as they are" in page


def test_undo_takes_back_a_whole_import(editor):
    channel("Romeo", group("Verona"))
    before = rows()
    upload(editor, "address,name,type\nRomeo,Roméo,channel\ntybalt,Tybalt,channel\n")
    confirm(editor)
    assert rows() != before

    response = editor.post(
        "/admin/buddies/buddy/channels/undo/",
        json.dumps({"seen": Tree.locked().version}),
        content_type="application/json",
    )

    assert response.status_code == 200
    assert rows() == before


def test_bad_rows_are_named_and_there_is_no_button(editor):
    upload(editor, "address,name,parent,mobile\nromeo,,Padua,perhaps\n")

    page = editor.get(PREVIEW).content.decode()

    assert "Nothing is imported until this is mended" in page
    for problem in (
        "Row 2, column “mobile”: Write yes or no.",
        "Row 2, column “name”: This field cannot be blank.",
        "Row 2, column “parent”: There is no entry with the address “Padua”.",
    ):
        assert problem in page
    assert 'class="button primary"' not in page
    assert words(confirm(editor)) == ["Row 2, column “mobile”: Write yes or no."]
    assert not Buddy.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\x00", "This is no spreadsheet"),
        (b"name\nRomeo\n", "There is no column “address”"),
        (b"x" * (10 * 1024 * 1024 + 1), "10.0\xa0MB are allowed"),
        (b"", "The submitted file is empty."),
    ],
    ids=["a picture", "no address", "too large", "empty"],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(editor, content, said):
    response = upload(editor, content)

    assert response.status_code == 200
    assert said in response.content.decode()
    assert words(editor.get(PREVIEW, follow=True)) == [
        "This import is over or too old: choose the file again."
    ]


@pytest.mark.parametrize("what", ["table", "document", "nonsense"])
def test_nothing_chosen_is_nothing_kept(editor, what):
    response = editor.post(PAGE, {"what": what})

    assert response.status_code == 200
    assert ("Choose a file." in response.content.decode()) == (what != "nonsense")


def test_somebody_was_faster_so_it_is_looked_at_again(editor):
    romeo = channel("Romeo")
    upload(editor, "address,name\nRomeo,Roméo\n")
    seen = button(editor)
    edits.change([romeo], "nurse", name="Rómeo")

    response = editor.post(CONFIRM, seen, follow=True)

    assert response.redirect_chain == [(PREVIEW, 302)]
    assert "nurse changed “Rómeo”" in words(response)[0]
    assert outline() == ["Rómeo"]
    assert "Rómeo → Roméo" in said(response)
    confirm(editor)
    assert outline() == ["Roméo"]


@pytest.mark.parametrize("said", [{}, {"seen": "x", "digest": "y"}])
def test_a_confirmation_of_nothing_seen_is_refused(editor, said):
    channel("Romeo")
    upload(editor, "address,name\nRomeo,Roméo\n")

    editor.post(CONFIRM, said)
    editor.post(CONFIRM, {"content": button(editor)["content"], **said})

    assert outline() == ["Romeo"]


# --- In between -----------------------------------------------------------------


def test_a_file_waits_for_its_own_person(editor):
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    other = person("add", "change", "view")

    assert other.get(PREVIEW)["Location"] == PAGE
    assert other.post(CONFIRM)["Location"] == PAGE
    assert not Buddy.objects.exists()
    assert "1 entry added" in shown(editor)


def test_a_file_is_kept_until_it_is_imported_and_only_the_last_one(editor):
    own = Session.objects.count()
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    upload(editor, "address,name,type\njuliet,Juliet,channel\n")
    assert Session.objects.count() == own + 1

    confirm(editor)

    assert Session.objects.count() == own
    assert outline() == ["Juliet"]
    assert editor.post(CONFIRM)["Location"] == PAGE


def test_a_file_is_kept_for_half_an_hour_and_swept_by_the_next_one(editor):
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    kept = Session.objects.order_by("expire_date").first()
    left = kept.expire_date - timezone.now()
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    Session.objects.filter(pk=kept.pk).update(expire_date=timezone.now())

    assert editor.get(PREVIEW)["Location"] == PAGE
    upload(person("view", "change", "add"), "address,name\nromeo,Romeo\n")
    assert not Session.objects.filter(pk=kept.pk).exists()


LONG = "a" * 300
TABLE = "address,name,type,default_message\nromeo,Romeo,channel,{}\n"
DOCUMENT = """{{"items":[{{"address":"romeo","type":"channel","mobileIsPublished":true,
"webIsPublished":true,"info":{{"name":"Romeo","defaultMessage":"{}"}}}}]}}"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("table", TABLE.format("b")), ("document", DOCUMENT.format("c"))),
        (("document", DOCUMENT.format("b")), ("document", DOCUMENT.format("c"))),
        (("table", TABLE.format(LONG + "b")), ("table", TABLE.format(LONG + "c"))),
    ],
    ids=["a table and a document", "two documents", "tables alike for 300 letters"],
)
def test_what_another_tab_uploaded_is_not_imported_by_this_one(editor, one, other):
    upload(editor, one[1], one[0])
    first = button(editor)
    upload(editor, other[1], other[0])
    button(editor)

    response = editor.post(CONFIRM, first, follow=True)

    assert response.redirect_chain == [(PREVIEW, 302)]
    (message,) = words(response)
    assert message.startswith("This is another file than the one you looked at")
    assert not Buddy.objects.exists()
    confirm(editor)
    assert named("Romeo").default_message[-1] == "c"


@pytest.mark.parametrize(
    ("what", "content", "reason"),
    [
        ("table", '[{"address": "a", "name": "\\ud800"}]', "half a character"),
        ("table", '[{"address": "a", "\\ud800": ""}]', "half a character"),
        ("document", DOCUMENT.format("\\ud800"), "items[0].info.defaultMessage: has"),
        ("document", '{"items":[],"\\ud800":1}', "document: the name of a field has"),
        (
            "document",
            DOCUMENT.format("b").replace('"name"', '"\\udc00"'),
            "items[0].info: the name of a field has half a character",
        ),
    ],
)
def test_half_a_character_is_refused_at_once(editor, what, content, reason):
    response = upload(editor, content, what)

    assert response.status_code == 200
    assert reason in response.content.decode()


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_moment_that_no_calendar_converts_is_named(editor, moment):
    upload(editor, f"address,name,type,visible_until\nromeo,R,channel,{moment}\n")

    assert "column “visible_until”: Choose a moment between 2000" in shown(editor)


# --- The document -----------------------------------------------------------------


def test_a_document_is_shown_and_then_what_clients_read(editor):
    channel("Romeo")
    text = SEED.read_text(encoding="utf-8")

    upload(editor, text, "document")

    page = shown(editor)
    assert "changes for clients" in page
    assert "removed Romeo" in page
    assert outline() == ["Romeo"]

    confirm(editor)

    assert draft.current_draft().document == json.loads(text)
    assert not named("Romeo").is_published


def test_a_document_is_pasted(editor):
    channel("Romeo")
    text = draft.current_draft().body.replace('"name":"Romeo"', '"name":"Roméo"')

    editor.post(PAGE, {"what": "document", "document-text": text})

    assert "1 change for clients" in shown(editor)
    assert "“Romeo” → “Roméo”" in shown(editor)
    confirm(editor)
    assert outline() == ["Roméo"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "line 1, column 1: not JSON"),
        ('{"items": [{"type": "folder"}]}', "items[0].type: must be group or channel"),
        (b"\xff", "its letters are not in UTF-8"),
    ],
)
def test_what_is_no_document_is_refused_with_the_place(editor, text, said):
    response = upload(editor, text, "document")

    assert said in response.content.decode()


def test_a_document_of_too_many_entries_is_refused_at_once(editor):
    item = json.loads(DOCUMENT.format(""))["items"]
    most = json.dumps({"items": item * 20_000})
    more = json.dumps({"items": item * 20_001})

    assert upload(editor, most, "document").status_code == 302
    page = upload(editor, more, "document").content.decode()

    assert "The document has more than 20000 entries." in page


def test_what_the_tree_refuses_of_a_document_is_said_with_its_path(editor):
    channel("Romeo")
    text = draft.current_draft().body.replace('"name":"Romeo"', '"name":""')
    before = rows()

    upload(editor, text, "document")

    page = shown(editor)
    assert "document: items[0]: This field cannot be blank. (name)" in page
    assert words(confirm(editor)) == [
        "document: items[0]: This field cannot be blank. (name)"
    ]
    assert rows() == before


def test_a_document_does_not_undo_what_came_since(editor):
    romeo = channel("Romeo")
    upload(editor, '{"items":[]}', "document")
    seen = button(editor)
    edits.change([romeo], "nurse", status="hunted")

    response = editor.post(CONFIRM, seen, follow=True)

    assert "look at the changes again" in words(response)[0]
    assert named("Romeo").is_published


@examples(STORED, max_examples=15)
@given(forest=forests())
def test_a_document_brought_back_changes_nothing(editor, forest):
    with transaction.atomic():
        for place, buddy in enumerate(forest):
            buddy.position = place
        plant(forest)
        before = rows()

        upload(editor, editor.get(f"{PAGE}document/").content, "document")

        assert "there is nothing to import" in shown(editor)
        assert rows() == before
        transaction.set_rollback(True)


def test_a_preview_neither_writes_nor_rings(editor, django_capture_on_commit_callbacks):
    channel("Romeo")
    version = Tree.locked().version
    upload(editor, '{"items":[]}', "document")

    with django_capture_on_commit_callbacks() as rung:
        shown(editor)

    assert rung == []
    assert Tree.locked().version == version
    assert named("Romeo").is_published


def test_the_page_has_no_script_or_style_of_its_own(editor):
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")

    for path in (PAGE, PREVIEW):
        page = editor.get(path).content.decode()
        assert "style=" not in page
        assert "onclick" not in page


def test_ten_megabytes_of_text_are_read_and_kept(editor):
    text = "address,name,type,default_message\nromeo,Romeo,channel," + "ab " * 3_000_000
    file = BytesIO(text.encode())

    response = editor.post(PAGE, {"what": "table", "table-file": file})

    assert response.status_code == 302
    confirm(editor)
    assert len(named("Romeo").default_message) == 9_000_000


@pytest.mark.parametrize("what", ["table", "document"])
def test_an_import_does_not_open_a_known_server_address(editor, what):
    channel("Romeo", server_address="bots")
    releases.sync()
    if what == "table":
        content = "address,server_address\nRomeo,elsewhere\n"
    else:
        content = draft.current_draft().body.replace('"bots"', '"elsewhere"')
    upload(editor, content, what)

    response = confirm(editor)

    text = "Clients know the server address of “Romeo”, so it stays."
    assert words(response) == [text]
    assert named("Romeo").server_address == "bots"
