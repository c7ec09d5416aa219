"""Importing a document."""

import json
from io import BytesIO

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given
from hypothesis import settings as examples

from buddies.models import Tree
from buddies.publishing import draft, releases
from buddies.tree import edits
from tests.buddies.conftest import STORED, channel, named, outline, rows
from tests.buddies.pages.transfer_client import (
    CONFIRM,
    DOCUMENT,
    PAGE,
    PREVIEW,
    button,
    confirm,
    messages,
    person,
    preview_text,
    upload,
)
from tests.buddies.spreadsheet.test_round_trip import forests, save_forest
from tests.processes import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


SEED = ROOT / "tests" / "payloads" / "bots.json"


def test_a_document_is_previewed_and_then_imported(editor):
    channel("Romeo")
    text = SEED.read_text(encoding="utf-8")

    upload(editor, text, "document")

    page = preview_text(editor)
    assert "changes for apps" in page
    assert "hidden Romeo" in page
    assert outline() == ["Romeo"]

    confirm(editor)

    assert draft.current_draft().document == json.loads(text)
    assert not named("Romeo").is_published


def test_a_document_can_be_pasted(editor):
    channel("Romeo")
    text = draft.current_draft().body.replace('"name":"Romeo"', '"name":"Roméo"')

    editor.post(PAGE, {"what": "document", "document-text": text})

    assert "1 change for apps" in preview_text(editor)
    assert "“Romeo” → “Roméo”" in preview_text(editor)
    confirm(editor)
    assert outline() == ["Roméo"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "line 1, column 1: not JSON"),
        ('{"items": [{"type": "folder"}]}', "items[0].type: must be group or channel"),
        (b"\xff", "it is not UTF-8 text"),
        (
            DOCUMENT.format("b").replace('"b"', "NaN"),
            "items[0].info.defaultMessage: must be text",
        ),
        (
            DOCUMENT.format("").replace('"romeo"', "1e400"),
            "items[0].address: must be text",
        ),
        (
            DOCUMENT.format("").replace("true", "NaN", 1),
            "items[0].mobileIsPublished: must be",
        ),
    ],
)
def test_an_invalid_document_is_refused_with_the_place(editor, text, message):
    response = upload(editor, text, "document")

    assert message in response.content.decode()


def test_a_document_of_too_many_entries_is_refused_at_once(editor):
    item = json.loads(DOCUMENT.format(""))["items"]
    most = json.dumps({"items": item * 20_000})
    more = json.dumps({"items": item * 20_001})

    assert upload(editor, most, "document").status_code == 302
    page = upload(editor, more, "document").content.decode()

    assert "The document has more than 20000 channels and groups." in page


def test_validation_errors_name_the_path_in_the_document(editor):
    channel("Romeo")
    text = draft.current_draft().body.replace('"name":"Romeo"', '"name":""')
    before = rows()

    upload(editor, text, "document")

    page = preview_text(editor)
    assert "document: items[0]: This field cannot be blank. (name)" in page
    assert messages(confirm(editor)) == [
        "document: items[0]: This field cannot be blank. (name)"
    ]
    assert rows() == before


def test_an_import_does_not_overwrite_later_edits(editor):
    romeo = channel("Romeo")
    upload(editor, '{"items":[]}', "document")
    seen = button(editor)
    edits.change([romeo], "nurse", status="hunted")

    response = editor.post(CONFIRM, seen, follow=True)

    assert "Review the changes again" in messages(response)[0]
    assert named("Romeo").is_published


@examples(STORED, max_examples=15)
@given(forest=forests())
def test_a_reimported_document_changes_nothing(editor, forest):
    with transaction.atomic():
        for place, buddy in enumerate(forest):
            buddy.position = place
        save_forest(forest)
        before = rows()

        upload(editor, editor.get(f"{PAGE}document/").content, "document")

        assert "Nothing to import" in preview_text(editor)
        assert rows() == before
        transaction.set_rollback(True)


def test_a_preview_writes_nothing_and_sends_no_wake_up(
    editor, django_capture_on_commit_callbacks
):
    channel("Romeo")
    version = Tree.locked().version
    upload(editor, '{"items":[]}', "document")

    with django_capture_on_commit_callbacks() as callbacks:
        preview_text(editor)

    assert callbacks == []
    assert Tree.locked().version == version
    assert named("Romeo").is_published


def test_the_page_has_no_inline_script_or_style(editor):
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
def test_an_import_cannot_change_a_known_server_address(editor, what):
    channel("Romeo", server_address="bots")
    releases.sync()
    if what == "table":
        content = "address,server_address\nRomeo,elsewhere\n"
    else:
        content = draft.current_draft().body.replace('"bots"', '"elsewhere"')
    upload(editor, content, what)

    response = confirm(editor)

    text = "Apps already use the server address of “Romeo”, so it was not changed."
    assert messages(response) == [text]
    assert named("Romeo").server_address == "bots"
