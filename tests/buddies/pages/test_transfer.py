"""Importing a table."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client
from django.utils import timezone

from buddies.models import Buddy, Tree
from buddies.spreadsheet.files import FORMATS
from buddies.tree import edits
from tests.buddies.conftest import channel, group, named, outline, rows
from tests.buddies.pages.transfer_client import (
    CONFIRM,
    DOCUMENT,
    PAGE,
    PREVIEW,
    button,
    confirm,
    messages,
    page_text,
    person,
    preview_text,
    upload,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> Client:
    return person("view", "add", "change")


def test_an_import_is_previewed_and_then_done(editor):
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
    page = preview_text(editor)
    assert "1 added · 1 edited · 1 unchanged" in page
    assert "edited Roméo row 2 name Romeo → Roméo" in page
    assert "added Juliet row 3 inside Verona" in page
    assert "It goes live immediately" in page
    assert outline() == ["Verona", "  Romeo"]

    response = confirm(editor)

    assert response.redirect_chain == [("/admin/buddies/buddy/channels/", 302)]
    assert messages(response) == ["Imported. Use “Undo” to revert it."]
    assert outline() == ["Verona", "  Roméo", "  Juliet"]


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_reimported_export_has_nothing_to_import(editor, kind):
    channel("Romeo", group("Verona"))
    upload(editor, editor.get(f"{PAGE}export/{kind}/").content)

    page = preview_text(editor)

    assert "Nothing to import" in page
    assert "2 unchanged" in page


def test_undo_reverts_a_whole_import(editor):
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
        "Row 2, column “parent”: There is no group with the address or name “Padua”.",
    ):
        assert problem in page
    assert 'class="button primary"' not in page
    assert messages(confirm(editor)) == ["Row 2, column “mobile”: Enter yes or no."]
    assert not Buddy.objects.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\x00", "The file could not be read"),
        (b"name\nRomeo\n", "The column “address” is missing"),
        (b"x" * (10 * 1024 * 1024 + 1), "the limit is 10.0\xa0MB"),
        (b"", "The submitted file is empty."),
    ],
    ids=["a picture", "no address", "too large", "empty"],
)
def test_an_unreadable_file_is_refused_at_once(editor, content, message):
    response = upload(editor, content)

    assert response.status_code == 200
    assert message in response.content.decode()
    assert messages(editor.get(PREVIEW, follow=True)) == [
        "This file was imported already, or it has expired. To import it now, choose "
        "it again."
    ]


@pytest.mark.parametrize("what", ["table", "document", "nonsense"])
def test_an_upload_without_a_file_is_refused(editor, what):
    response = editor.post(PAGE, {"what": what})

    assert response.status_code == 200
    assert ("Choose a file." in response.content.decode()) == (what != "nonsense")


def test_a_conflicting_edit_requires_a_new_review(editor):
    romeo = channel("Romeo")
    upload(editor, "address,name\nRomeo,Roméo\n")
    seen = button(editor)
    edits.change([romeo], "nurse", name="Rómeo")

    response = editor.post(CONFIRM, seen, follow=True)

    assert response.redirect_chain == [(PREVIEW, 302)]
    assert "nurse changed “Rómeo”" in messages(response)[0]
    assert outline() == ["Rómeo"]
    assert "Rómeo → Roméo" in page_text(response)
    confirm(editor)
    assert outline() == ["Roméo"]


@pytest.mark.parametrize("fields", [{}, {"seen": "x", "digest": "y"}])
def test_a_confirmation_without_a_preview_is_refused(editor, fields):
    channel("Romeo")
    upload(editor, "address,name\nRomeo,Roméo\n")

    editor.post(CONFIRM, fields)
    editor.post(CONFIRM, {"content": button(editor)["content"], **fields})

    assert outline() == ["Romeo"]


def test_a_file_is_kept_for_its_user_only(editor):
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    other = person("add", "change", "view")

    assert other.get(PREVIEW)["Location"] == PAGE
    assert other.post(CONFIRM)["Location"] == PAGE
    assert not Buddy.objects.exists()
    assert "1 added" in preview_text(editor)


def test_only_the_last_file_is_kept_until_it_is_imported(editor):
    own = Session.objects.count()
    upload(editor, "address,name,type\nromeo,Romeo,channel\n")
    upload(editor, "address,name,type\njuliet,Juliet,channel\n")
    assert Session.objects.count() == own + 1

    confirm(editor)

    assert Session.objects.count() == own
    assert outline() == ["Juliet"]
    assert editor.post(CONFIRM)["Location"] == PAGE


def test_a_file_expires_after_half_an_hour_and_is_then_deleted(editor):
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
    ids=["a table and a document", "two documents", "tables equal for 300 letters"],
)
def test_a_file_uploaded_in_another_tab_is_not_imported(editor, one, other):
    upload(editor, one[1], one[0])
    first = button(editor)
    upload(editor, other[1], other[0])
    button(editor)

    response = editor.post(CONFIRM, first, follow=True)

    assert response.redirect_chain == [(PREVIEW, 302)]
    (message,) = messages(response)
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
def test_a_lone_surrogate_is_refused_at_once(editor, what, content, reason):
    response = upload(editor, content, what)

    assert response.status_code == 200
    assert reason in response.content.decode()


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_out_of_range_is_named(editor, moment):
    upload(editor, f"address,name,type,visible_until\nromeo,R,channel,{moment}\n")

    page = preview_text(editor)
    assert "column “visible_until”: Choose a date between 2000" in page


ITALIAN = (
    "Indirizzo;Nome;Tipo;Gruppo;Visibile da\r\n"
    "00393471111111;Città – «più»;Canale;Verona;03/04/2027 10:00\r\n"
)


def test_an_italian_file_is_imported_after_the_review_says_so(editor):
    group("Verona", address="group-1")
    upload(editor, ITALIAN.encode("cp1252"))

    page = preview_text(editor)

    for words in (
        "Encoding: Windows-1252. Cells are separated by semicolons.",
        "The column “Gruppo” was read as “parent”.",
        "The group “Verona” was found by its name: “group-1”.",
        "inside Verona",
        "visible from 3 Apr 2027, 10:00",
    ):
        assert words in page
    confirm(editor)
    assert outline() == ["Verona", "  Città – «più»"]


def test_a_look_alike_is_named_before_the_import(editor):
    channel("Romeo")
    upload(editor, "address,name,type\nRome\u043e,Romeo,channel\n")

    assert "looks like “Romeo”, another address." in preview_text(editor)
    confirm(editor)
    assert Buddy.objects.count() == 2


@pytest.mark.parametrize("value", ["NaN", "1e400", "-Infinity"])
def test_a_number_that_is_none_is_refused_with_its_place(editor, value):
    channel("Romeo")
    upload(editor, f'[{{"address": "Romeo", "name": {value}, "web": {value}}}]')

    page = preview_text(editor)

    for column in ("name", "web"):
        assert f"Row 1, column “{column}”: This is not a finite number." in page
    confirm(editor)
    assert named("Romeo").is_published


@pytest.mark.django_db(transaction=True)
def test_two_clicks_import_a_file_once(editor):
    """Rows without an address are new each time, so that nothing else tells."""

    def click(fields: dict[str, str]) -> None:
        browser = Client()
        browser.cookies = editor.cookies
        try:
            browser.post(CONFIRM, fields)
        finally:
            connections.close_all()

    for number in range(1, 6):
        upload(editor, f"address;name\n;Romeo {number}\n")
        with ThreadPoolExecutor(2) as clicks:
            list(clicks.map(click, [button(editor)] * 2))

        assert Buddy.objects.count() == number
