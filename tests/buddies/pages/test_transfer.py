"""Importing a table."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from buddies.models import Buddy, Tree
from buddies.publishing import review
from buddies.spreadsheet.files import FORMATS
from buddies.tree import edits
from tests.buddies.conftest import EDITOR, channel, group, named, outline, rows
from tests.buddies.pages.transfer_client import (
    CONFIRM,
    DOCUMENT,
    PAGE,
    PREVIEW,
    button,
    confirm,
    person,
    said,
    shown,
    upload,
    words,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


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
    assert "1 added · 1 edited · 1 unchanged" in page
    assert "edited Roméo row 2 name Romeo → Roméo" in page
    assert "added Juliet row 3 inside Verona" in page
    assert "It goes live immediately" in page
    assert outline() == ["Verona", "  Romeo"]

    response = confirm(editor)

    assert response.redirect_chain == [("/admin/buddies/buddy/channels/", 302)]
    assert words(response) == ["Imported. Use “Undo” to revert it."]
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

    assert "Nothing to import" in page
    assert "2 unchanged" in page


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

    assert "Nothing was imported. Correct this" in page
    for problem in (
        "Row 2, column “mobile”: Enter yes or no.",
        "Row 2, column “name”: This field cannot be blank.",
        "Row 2, column “parent”: There is no group with the address “Padua”.",
    ):
        assert problem in page
    assert 'class="button primary"' not in page
    assert words(confirm(editor)) == ["Row 2, column “mobile”: Enter yes or no."]
    assert not Buddy.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\x00", "The file could not be read"),
        (b"name\nRomeo\n", "The column “address” is missing"),
        (b"x" * (10 * 1024 * 1024 + 1), "the limit is 10.0\xa0MB"),
        (b"", "The submitted file is empty."),
    ],
    ids=["a picture", "no address", "too large", "empty"],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(editor, content, said):
    response = upload(editor, content)

    assert response.status_code == 200
    assert said in response.content.decode()
    assert words(editor.get(PREVIEW, follow=True)) == [
        "This import has expired. Choose the file again."
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


def test_a_file_waits_for_its_own_person(editor):
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    other = person("add", "change", "view")

    assert other.get(PREVIEW)["Location"] == PAGE
    assert other.post(CONFIRM)["Location"] == PAGE
    assert not Buddy.objects.exists()
    assert "1 added" in shown(editor)


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
    assert message.startswith("This is not the file you reviewed")
    assert not Buddy.objects.exists()
    confirm(editor)
    assert named("Romeo").default_message[-1] == "c"


@pytest.mark.parametrize(
    ("what", "content", "reason"),
    [
        ("table", '[{"address": "a", "name": "\\ud800"}]', "an invalid character"),
        ("table", '[{"address": "a", "\\ud800": ""}]', "an invalid character"),
        (
            "document",
            DOCUMENT.format("\\ud800"),
            "items[0].info.defaultMessage: contains",
        ),
        (
            "document",
            '{"items":[],"\\ud800":1}',
            "document: the name of a field contains",
        ),
        (
            "document",
            DOCUMENT.format("b").replace('"name"', '"\\udc00"'),
            "items[0].info: the name of a field contains an invalid character",
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

    assert "column “visible_until”: Choose a date between 2000" in shown(editor)
