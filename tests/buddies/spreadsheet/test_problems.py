"""What a reviewer is told about the rows of a table."""

from typing import Any

import pytest
from django.utils import translation

from buddies.models import Buddy
from buddies.spreadsheet.plan import Plan
from buddies.spreadsheet.problems import Problem, in_sentences
from tests.buddies.conftest import channel, group, named
from tests.buddies.spreadsheet.tables import import_rows, in_verona, planned

pytestmark = pytest.mark.django_db


def warnings(*table: dict[str, Any]) -> list[str]:
    plan = planned(*table)
    assert plan.problems == []
    return in_sentences(plan.warnings)


def problems(plan: Plan) -> list[str]:
    return in_sentences(plan.problems)


def test_thirty_rows_with_the_same_fault_are_one_sentence():
    table = [{"address": f"{n}x", "name": "x", "web": "maybe"} for n in range(30)]
    del table[3:5]

    assert problems(planned(*table, {"address": "b", "name": ""})) == [
        "Rows 1–28, column “web”: Enter yes or no.",
        "Row 29, column “name”: This field cannot be blank.",
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([2], "Row 2, column “a”: b"),
        ([2, 4, 5], "Rows 2, 4–5, column “a”: b"),
        (range(2, 64, 2), "58, 60 … (31 in total), column “a”: b"),
        (range(1, 20_001), "Rows 1–20000, column “a”: b"),
    ],
)
def test_rows_are_named_as_ranges(rows, words):
    (sentence,) = in_sentences(Problem(row, "a", "b") for row in rows)

    assert sentence.endswith(words)


def test_an_italian_reads_the_rows_in_italian():
    found = [Problem(row, "web", "x") for row in (2, 3)]

    with translation.override("it"):
        assert in_sentences(found) == ["Righe 2–3, colonna «web»: x"]


# --- A group by its name ------------------------------------------------------------


@pytest.fixture
def named_groups() -> None:
    group("Verona", address="g1")
    group("Padua  Città", address="g2")
    group("Mantua", address="g3")
    group("Mantua", address="g\xa04")


@pytest.mark.usefixtures("named_groups")
@pytest.mark.parametrize(
    ("parent", "expected"),
    [("g1", "g1"), ("Verona", "g1"), (" VERONA ", "g1"), ("padua citta\u0300", "g2")],
)
def test_a_group_is_found_by_its_address_or_name(parent, expected):
    plan = import_rows({"address": "a", "name": "A", "parent": parent})

    assert named("A").parent.address == expected
    assert len(plan.notes) == (parent != expected)


@pytest.mark.usefixtures("named_groups")
def test_the_review_names_a_group_that_was_found_by_its_name():
    plan = planned({"address": "a", "name": "A", "parent": "verona"})

    assert plan.notes == ["The group “verona” was found by its name: “g1”."]


@pytest.mark.usefixtures("named_groups")
def test_an_ambiguous_name_is_refused_with_the_addresses():
    assert problems(planned({"address": "a", "name": "A", "parent": "Mantua"})) == [
        "Row 1, column “parent”: Several groups are named “Mantua”. "
        "Use an address: “g3”, “g[no-break space]4”."
    ]


@pytest.mark.usefixtures("named_groups")
@pytest.mark.parametrize("parent", ["Verona", "Bari"])
def test_a_file_that_renames_a_group_may_use_both_names(parent):
    import_rows(
        {"address": "a", "name": "A", "parent": parent},
        {"address": "g1", "name": "Bari", "type": "group", "parent": ""},
    )

    assert named("A").parent.address == "g1"


def test_a_new_group_without_an_address_is_found_by_its_name():
    table = [
        {"address": "", "name": "A", "type": "channel", "parent": "Padua"},
        {"address": "", "name": "Padua", "type": "group", "parent": ""},
    ]
    assert problems(planned(*table, table[1])) == [
        "Row 1, column “parent”: Several groups are named “Padua”. "
        "Use an address: row 2, row 3."
    ]

    import_rows(*table)

    assert named("A").parent.name == "Padua"


def test_an_address_comes_before_a_name():
    group("Verona", address="g1")
    group("Mantua", address="Verona")

    import_rows({"address": "a", "name": "A", "parent": "Verona"})

    assert named("A").parent.name == "Mantua"


@in_verona
@pytest.mark.parametrize(
    ("parent", "words"),
    [
        (
            "Vero\u200bna",
            "“Vero[zero-width space]na”. “Verona” only looks like it.",
        ),
        ("Ver\u043ena", "“Ver\u043e[U+043E]na”. “Verona” only looks like it."),
        ("Padua", "name “Padua”."),
    ],
)
def test_a_name_that_only_looks_like_a_group_is_shown(parent, words):
    (problem,) = problems(planned({"address": "Romeo", "parent": parent}))

    assert problem.endswith(words)


# --- Warnings -----------------------------------------------------------------------


@in_verona
@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("Rome\u043e", "“Rome\u043e[U+043E]” is new, but looks like “Romeo”"),
    ],
)
def test_a_new_address_that_looks_like_another_is_named(address, shown):
    (warning,) = warnings({"address": address, "name": "New"})

    assert warning == f"Row 1, column “address”: {shown}, another address."


def test_an_address_that_lost_its_zeros_in_a_spreadsheet_is_named():
    channel("Romeo", address="00393471111111")

    (warning,) = warnings(
        {"address": "393471111111", "name": "R"}, {"address": "39347", "name": "x"}
    )

    assert "“393471111111” is new, but looks like “00393471111111”" in warning


@in_verona
def test_a_look_alike_of_megabytes_is_named_in_one_sentence():
    """Normalizing all of it would take hours."""
    unordered = "\u0344\u0316" * 500_000
    address = "Romeo" + "\u200b" * 300 + unordered

    (warning,) = planned({"address": address, "name": "New"}).warnings

    assert len(warning.words) < 10_000


def test_two_new_addresses_that_look_alike_are_named():
    (warning,) = warnings(
        {"address": "bot", "name": "a"}, {"address": "b0t", "name": "b"}
    )

    assert warning.startswith("Row 2, column “address”: “b0t” is new")


def test_known_look_alikes_raise_no_warning():
    channel("a", address="bot")
    channel("b", address="b0t")

    assert warnings({"address": "bot", "name": "x"}, {"address": "b0t"}) == []


@in_verona
@pytest.mark.parametrize("text", ["#N/A", "#RIF!", "#NOME?", " #DIV/0! ", "Err:502"])
def test_a_text_that_may_be_an_error_is_named_and_imported(text):
    table = {"address": "Romeo", "status": text}

    (warning,) = warnings(table)
    import_rows(table)

    assert f"The text “{text.strip()}” may be an error" in warning
    assert named("Romeo").status.strip() == text.strip()
    assert warnings(table) == []


@in_verona
def test_a_warning_is_part_of_what_was_reviewed():
    table = {"address": "Rome0", "name": "New"}
    before = planned(table).digest

    Buddy.objects.filter(address="Romeo").update(address="Tybalt")

    assert planned(table).digest != before


# --- Differences ----------------------------------------------------------------------


@in_verona
@pytest.mark.parametrize(
    ("new", "shown"),
    [
        ("Rom\u0435o", ("Romeo", "Rom\u0435[U+0435]o")),
        ("Romeo\xa0M", ("Romeo", "Romeo[no-break space]M")),
        ("Romeo\u200b", ("Romeo", "Romeo[zero-width space]")),
    ],
)
def test_a_difference_that_cannot_be_seen_is_named(new, shown):
    (outcome,) = planned({"address": "Romeo", "name": new}).outcomes

    assert outcome.differences == [("name", *shown)]


@in_verona
def test_two_long_texts_are_shown_from_their_difference():
    import_rows({"address": "Romeo", "default_message": "a" * 400 + "b" + "c" * 400})

    (outcome,) = planned(
        {"address": "Romeo", "default_message": "a" * 400 + "x" + "c" * 400}
    ).outcomes

    ((_label, old, new),) = outcome.differences
    assert old == "…" + "a" * 20 + "b" + "c" * 279 + "…"
    assert new == "…" + "a" * 20 + "x" + "c" * 279 + "…"
