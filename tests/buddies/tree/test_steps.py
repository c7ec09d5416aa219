"""What happened, in steps."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from buddies.models import HistoricalBuddy
from buddies.tree import edits, steps
from buddies.tree.steps import Wanted
from buddies.tree.undo import undo
from tests.buddies.conftest import named
from tests.buddies.tree.records import create_verona, entries, new_in, version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _verona(db) -> None:
    create_verona()
    HistoricalBuddy.objects.all().delete()


def change(entry: str, by: str, **fields: object) -> None:
    edits.change([named(entry)], by, **fields)


def age(minutes: int) -> None:
    """Make all that happened so many minutes older."""
    pause = timedelta(minutes=minutes)
    HistoricalBuddy.objects.update(history_date=F("history_date") - pause)


def told(**wanted: object) -> list[tuple[str, str]]:
    return [(s.editor, s.words) for s in steps.page(Wanted(**wanted)).steps]


def test_a_step_says_who_did_what_and_each_difference():
    romeo = edits.add(new_in("house", "paris"), "mario").pk
    change("paris", "juliet", status="in love", web_is_published=True)
    first = version()
    change("paris", "juliet", status="noble")

    step, _added = steps.page(Wanted()).steps

    assert (step.first, step.last) == (first, first + 1)
    assert (step.editor, step.words, step.entry) == ("juliet", "Edited “paris”", romeo)
    found = [(one.label, one.old, one.new) for one in step.differences]
    assert found == [("web", "off", "on"), ("status text", "", "noble")]


def test_what_one_person_types_within_a_quarter_of_an_hour_is_one_step():
    edits.add(new_in("house"), "juliet")
    for text in ("in", "in lo", "in love"):
        change("benvolio", "juliet", status=text)
        age(14)
    change("benvolio", "juliet", name="Benvolio")

    assert told() == [("juliet", "Added “Benvolio”")]

    age(16)
    change("Benvolio", "juliet", status="")
    (newest, _older) = steps.page(Wanted()).steps
    assert newest.words == "Edited “Benvolio”"
    assert [(d.old, d.new) for d in newest.differences] == [("in love", "")]


def test_another_person_another_entry_or_an_undo_is_another_step():
    change("nurse", "juliet", status="old")
    age(20)
    change("romeo", "juliet", status="in love")
    change("romeo", "mario", status="banished")
    change("romeo", "juliet", status="in love")
    change("nurse", "juliet", status="tired")
    undo(version(), "juliet")

    assert told() == [
        ("juliet", "Undone: Edited “nurse”"),
        ("juliet", "Edited “nurse”"),
        ("juliet", "Edited “romeo”"),
        ("mario", "Edited “romeo”"),
        ("juliet", "Edited “romeo”"),
        ("juliet", "Edited “nurse”"),
    ]


def test_edits_between_which_somebody_else_changed_the_entry_are_not_one_step():
    change("romeo", "juliet", status="in love")
    change("romeo", "mario", web_is_published=False)
    change("romeo", "juliet", status="banished")
    assert told(editor="juliet") == [("juliet", "Edited “romeo”")] * 2


def test_a_campaign_is_a_step_of_its_own():
    change("nurse", "juliet", status="old")
    HistoricalBuddy.objects.update(history_change_reason="campaign:1")
    change("nurse", "juliet", status="tired")
    assert told() == [("juliet", "Edited “nurse”")] * 2


def test_an_edit_of_many_is_one_step_and_says_what_putting_it_back_deletes():
    edits.duplicate([named("house")], "mario")
    edits.remove(entries("mario"), "mario")
    edits.change(entries("romeo juliet"), "mario", web_is_published=False)

    found = steps.page(Wanted()).steps
    assert [(one.words, one.added, one.entry is None) for one in found] == [
        ("Changed 2 items", 0, True),
        ("Deleted “mario”", 0, False),
        ("Added 3 items", 3, True),
    ]


def test_steps_are_chosen_by_person_name_and_day():
    change("romeo", "juliet", status="in love")
    age(60 * 24)
    change("nurse", "mario", status="tired")

    assert told(editor="mario") == [("mario", "Edited “nurse”")]
    assert told(name="ROME") == [("juliet", "Edited “romeo”")]
    noon = timezone.now() - timedelta(hours=12)
    assert told(begin=noon) == [("mario", "Edited “nurse”")]
    assert told(end=noon) == [("juliet", "Edited “romeo”")]
    assert steps.editors(noon) == ["mario"]


def test_older_steps_follow_on_other_pages(monkeypatch):
    monkeypatch.setattr(steps, "SHOWN", 2)
    for name in ("romeo", "nurse", "mario", "tybalt", "juliet"):
        change(name, "paris", status="!")

    pages, before = [], None
    while True:
        page = steps.page(Wanted(), before)
        pages.append([step.name for step in page.steps])
        if page.older is None:
            break
        before = page.older

    assert pages == [["juliet", "tybalt"], ["mario", "nurse"], ["romeo"]]


def test_a_page_takes_no_more_queries_for_more_steps(django_assert_max_num_queries):
    for name in ("romeo", "nurse", "mario", "tybalt", "juliet"):
        change(name, "paris", status="!")
    with django_assert_max_num_queries(3 + 5):
        steps.page(Wanted())
