"""Exporting the tree, and the permissions for it."""

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
    messages,
    person,
    upload,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


@pytest.mark.parametrize("kind", list(FORMATS))
def test_viewers_can_export_the_tree(kind):
    channel("Romeo")

    response = person("view").get(f"{PAGE}export/{kind}/")

    assert [row.cells["name"] for row in files.read(response.content).rows] == ["Romeo"]
    disposition = response["Content-Disposition"]
    assert disposition.startswith('attachment; filename="channels-')
    assert disposition.endswith(f'.{kind}"')


def test_viewers_can_export_the_document():
    channel("Romeo")

    response = person("view").get(f"{PAGE}document/")

    assert response.content.decode() == draft.current_draft().body
    assert response["Content-Type"] == "application/json"


def test_an_unknown_format_is_not_found(editor):
    assert editor.get(f"{PAGE}export/exe/").status_code == 404


def test_a_text_too_long_for_xlsx_is_reported(editor):
    channel("Romeo", default_message="a" * 32_768)

    response = editor.get(f"{PAGE}export/xlsx/", follow=True)

    (message,) = messages(response)
    assert "Export as CSV or JSON" in message


def test_a_tree_too_deep_for_clients_is_reported(editor):
    verona = group("Verona")
    for level in range(200):
        verona = group(f"{level}", verona) if level < 199 else verona
    # No edit makes it too deep.
    Buddy.objects.filter(name="Verona").update(parent=group("top"))
    channel("Romeo", None)
    edits.change([named("Romeo")], EDITOR, parent=None)
    Buddy.objects.filter(name="Romeo").update(parent=named("198"))

    response = editor.get(f"{PAGE}document/", follow=True)

    assert messages(response) == [
        "The tree has more than 200 levels. Move some groups up.",
    ]


def test_chosen_entries_are_exported_from_the_list(editor):
    channel("Romeo")
    juliet = channel("Juliet")
    chosen = {"action": "export", "_selected_action": [juliet.pk], "index": 0}

    response = editor.post("/admin/buddies/buddy/", chosen)

    assert [row.cells["name"] for row in files.read(response.content).rows] == [
        "Juliet"
    ]


def test_chosen_entries_with_a_text_too_long_for_xlsx_are_reported(editor):
    romeo = channel("Romeo", default_message="a" * 32_768)
    chosen = {"action": "export", "_selected_action": [romeo.pk], "index": 0}

    response = editor.post("/admin/buddies/buddy/", chosen, follow=True)

    assert "Export as CSV or JSON" in messages(response)[0]


@pytest.mark.parametrize("verbs", [("view",), ("view", "add"), ("view", "change")])
def test_importing_needs_the_permissions_to_add_and_change(verbs):
    client = person(*verbs)

    page = client.get(PAGE).content.decode()

    assert "You can view everything here" in page
    assert '<form method="post" enctype' not in page
    assert upload(client, "address,name\nromeo,Romeo\n").status_code == 403
    assert client.get(PREVIEW).status_code == 403
    assert client.post(CONFIRM).status_code == 403


@pytest.mark.parametrize("path", ["", "export/csv/", "document/", "preview/"])
def test_every_page_needs_the_permission_to_view(path):
    assert person("add", "change").get(PAGE + path).status_code == 403
    assert Client().get(PAGE + path).status_code == 302


def test_a_get_request_imports_nothing(editor):
    upload(editor, "address,name\nromeo,Romeo\n")

    assert editor.get(CONFIRM).status_code == 405
    assert not Buddy.objects.exists()
