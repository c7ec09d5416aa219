"""Importing an export again changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.document.text import NORMAL, normal
from buddies.models import Buddy
from buddies.spreadsheet import files
from buddies.spreadsheet.files import FORMATS
from buddies.spreadsheet.plan import plan_import, run_import
from buddies.tree.lock import editing
from tests.buddies.conftest import EDITOR, STORED, named, rows
from tests.buddies.spreadsheet.tables import cells, import_rows, version
from xmppservice.protocol.xml import illegal_character

pytestmark = pytest.mark.django_db

KINDS = list(FORMATS)


PIECES = [
    *["=1+1", "+39", "-", "@SUM(A1)", "'", "''=", "\t", "\n", "\r\n", "\r", " ", "  "],
    *[
        ";",
        ",",
        '"',
        '""',
        "\\n",
        "&amp;",
        "<b>",
        "_x000D_",
        "_x005F_",
        "x005F_",
        "#N/A",
    ],
    *["00393471111111", "1e5", "3.0", "2026-01-01", "01/02/2026", "TRUE", "null", "😀"],
    *[
        "＝1",
        "\ufeff",
        "\u2028",
        "\x85",
        "à",
        "long " * 200,
        "http://a/b?c=d",
        "|",
        "%",
    ],
]
LETTERS = st.characters(codec="utf-8").filter(lambda one: not illegal_character(one))
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(LETTERS, max_size=3), max_size=4)
TEXT = TEXTS.map("".join)
MOMENTS = st.none() | st.datetimes(
    datetime(2000, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)
)


@st.composite
def forests(draw: st.DrawFn) -> list[Buddy]:
    """Draw entries with texts of every kind, groups before their children."""
    forest: list[Buddy] = []
    for key in range(1, draw(st.integers(0, 7)) + 1):
        groups = [buddy for buddy in forest if buddy.type == "group"]
        begin, end = draw(MOMENTS), draw(MOMENTS)
        buddy = Buddy(
            parent=draw(st.sampled_from([None, *groups, *groups])),
            position=draw(st.integers(0, 3)),
            address=f"{draw(TEXT)[:200]}{key}",
            type=draw(st.sampled_from(["group", "channel"])),
            name=f"{draw(TEXT)[:254]}n",
            status=draw(TEXT)[:1000],
            image_url=draw(TEXT)[:2000],
            thumb_url=draw(TEXT)[:2000],
            mobile_is_published=draw(st.booleans()),
            web_is_published=draw(st.booleans()),
            visible_from=begin,
            visible_until=end if begin and end and begin < end else None,
        )
        if buddy.type == "channel":
            buddy.server_address = draw(TEXT)[:255]
            buddy.default_message = draw(TEXT)
        for name in NORMAL:
            setattr(buddy, name, normal(name, getattr(buddy, name)))
        forest.append(buddy)
    return forest


def save_forest(forest: list[Buddy]) -> None:
    with editing(EDITOR) as edit:
        for buddy in forest:
            buddy.parent_id = buddy.parent and buddy.parent.pk
            edit.create([buddy])


def reimport_test(count: int) -> Callable[..., None]:
    """Return a test: reimporting ``count`` exports in each format changes nothing."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("language", ["en", "it"])
    @settings(STORED, max_examples=count)
    @given(forest=forests())
    def check(kind, language, forest):
        with transaction.atomic(), translation.override(language):
            save_forest(forest)
            before, seen = rows(), version()

            read = files.read(files.export(kind)).rows
            plan = plan_import(read)
            run_import(read, EDITOR, plan.version, plan.digest)

            assert plan.problems == []
            assert [outcome.kind for outcome in plan.outcomes] == ["same"] * len(forest)
            assert rows() == before
            assert version() == seen
            transaction.set_rollback(True)

    return check


def import_into_empty_tree_test(count: int) -> Callable[..., None]:
    """Return a test: an export restores an emptied tree, in any order of its rows."""

    @pytest.mark.parametrize("kind", KINDS)
    @settings(STORED, max_examples=count)
    @given(forest=forests(), random=st.randoms(use_true_random=False))
    def check(kind, forest, random):
        with transaction.atomic():
            save_forest(forest)
            exported = cells(of=kind)
            read = files.read(files.export(kind)).rows
            random.shuffle(read)
            Buddy.objects.all().delete()

            plan = plan_import(read)
            run_import(read, EDITOR, plan.version, plan.digest)

            assert plan.problems == []
            assert cells(of=kind) == exported
            transaction.set_rollback(True)

    return check


# tests/slow runs more examples.
test_an_export_imported_again_changes_nothing = reimport_test(10)
test_an_export_makes_an_empty_tree_what_it_was = import_into_empty_tree_test(10)


# As an older version stored them, or somebody by SQL
OLD = [
    *({"name": text} for text in (" ", "a\x07b\x1f", "a\ufffe\uffff", " a ", "a\tb")),
    *({"status": text} for text in ("a\rb", "a\r\nb", "_x0007_\x07")),
    *({"address": text} for text in ("cafe\u0301", " romeo ", "ro\x07meo")),
    {"type": "channel", "server_address": "cafe\u0301 "},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fields", OLD)
def test_an_entry_stored_before_a_rule_stays_as_it_is(kind, fields):
    old = {"address": "romeo", "name": "Romeo", "type": "group", **fields}
    group = Buddy.objects.create(**old)
    if group.type == Buddy.Type.GROUP:
        Buddy.objects.create(address="juliet", name="Juliet", parent=group)

    plan = plan_import(files.read(files.export(kind)).rows)

    assert (plan.problems, plan.has_changes) == ([], False)


def test_an_entry_stored_before_a_rule_is_corrected_by_a_file_that_changes_it():
    Buddy.objects.create(address="romeo", name=" Romeo ")

    import_rows({"address": "romeo", "name": "Romeo"})

    assert named("Romeo").address == "romeo"
