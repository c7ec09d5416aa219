"""Exporting the tree, and who may do it."""

import pytest
from django.test import Client

from buddies.models import Buddy
from buddies.publishing import draft
from buddies.spreadsheet import files
from buddies.spreadsheet.files import FORMATS
from buddies.tree import edits
from tests.buddies.conftest import EDITOR, channel, group, named
from tests.buddies.pages.transfer_client import (
    CONFIRM,
    PAGE,
    PREVIEW,
    person,
    upload,
    words,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


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
    assert "Export as CSV or JSON" in said


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
        "The tree has more than 200 levels. Move some groups up.",
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

    assert "Export as CSV or JSON" in words(response)[0]


@pytest.mark.parametrize("verbs", [("view",), ("view", "add"), ("view", "change")])
def test_who_may_not_add_and_change_may_look_but_not_import(verbs):
    client = person(*verbs)

    page = client.get(PAGE).content.decode()

    assert "You can view everything here" in page
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
