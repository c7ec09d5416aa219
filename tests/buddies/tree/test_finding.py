"""Finding entries: pure, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from buddies.models import Buddy
from buddies.tree.finding import NAMES, find, fold

NOW = datetime(2026, 12, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

ENTRIES = [
    Buddy(pk=1, type="group", name="Caffè & Tè", status="Al mattino", address="bar"),
    Buddy(
        pk=2,
        parent_id=1,
        name="Straße",
        address="strasse",
        default_message="Il caffè è pronto.\nVieni!" + " x" * 80,
        mobile_is_published=True,
        web_is_published=True,
        image_url="/media/a.webp",
    ),
    Buddy(
        pk=3,
        name="Natale",
        status="Regali",
        address="ufficio-42",
        web_is_published=True,
        visible_until=NOW + HOUR,
    ),
    Buddy(pk=4, type="group", name="Vuoto", address="4", mobile_is_published=True),
]


def found(words: str = "", *kinds: str, changed: tuple[int, ...] = ()) -> list[int]:
    return [one.number for one in find(ENTRIES, words, kinds, NOW, changed)]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("caffe", [1, 2]),
        ("CAFFÈ tè", [1]),
        ("te caffe mattino", [1]),  # in any order, in several fields
        ("strasse", [2]),
        ("STRASSE pronto", [2]),
        ("ufficio", [3]),
        ("natale 42", [3]),
        ("natale 43", []),
        ("al\nmattino", [1]),
        ("è " * 50, [1, 2, 3]),
    ],
)
def test_words_are_found_in_any_order_without_accents(words, numbers):
    assert found(words) == numbers


@pytest.mark.parametrize(
    ("kinds", "numbers"),
    [
        (["drafts"], [1]),
        (["web_only"], [3]),
        (["scheduled"], [3]),
        (["no_picture"], [3]),
        (["warnings"], [4]),
        (["web_only", "no_picture"], [3]),
        (["drafts", "web_only"], []),
        (["changed"], [2]),
        (["", "unknown"], [1, 2, 3, 4]),
    ],
)
def test_kinds_narrow_what_is_found(kinds, numbers):
    assert found("", *kinds, changed=(2,)) == numbers


def test_words_and_kinds_narrow_together():
    assert found("natale", "web_only") == [3]
    assert found("caffe", "web_only") == []
    assert set(NAMES) >= {"drafts", "warnings", "changed"}


@pytest.mark.parametrize(
    ("words", "excerpt"),
    [
        ("caffe", "Il caffè è pronto. Vieni! x x x x x x x x x x x x x x x x x…"),
        ("strasse", ""),  # the name has it
    ],
)
def test_an_excerpt_shows_words_that_the_tree_does_not(words, excerpt):
    by_number = {one.number: one.excerpt for one in find(ENTRIES, words, [], NOW)}
    assert by_number[2] == excerpt


def test_an_excerpt_begins_before_the_word_and_ends_after_it():
    text = "a " * 40 + "needle " + "b " * 40
    (one,) = find([Buddy(pk=1, name="x", default_message=text)], "needle", [], NOW)
    assert one.excerpt == "…" + "a " * 10 + "needle " + "b " * 16 + "b…"


def test_an_excerpt_begins_at_the_word_however_letters_fold():
    text = "ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßﬃ Fine"
    (one,) = find([Buddy(pk=1, name="x", default_message=text)], "fine", [], NOW)
    assert one.excerpt.endswith("ﬃ Fine")
    assert len(one.excerpt) < 40


def test_folding_keeps_what_is_no_accent():
    assert fold("Crème BRÛLÉE") == "creme brulee"
    assert fold("Ω Ж 漢字 ﬁ") == "ω ж 漢字 fi"
