"""What edits in a spreadsheet do to the tree."""

from datetime import UTC, datetime
from typing import Any

import pytest

from buddies.models import Buddy
from buddies.tree import edits, history
from tests.buddies.conftest import EDITOR, named, outline, rows
from tests.buddies.spreadsheet.tables import import_rows, in_verona, planned, version

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def describe(*table: dict[str, Any]) -> list[str]:
    """Return what a plan says of each row with a change."""
    return [
        f"{one.kind} {one.name}: "
        + ", ".join(f"{what} {old} → {new}" for what, old, new in one.differences)
        for one in planned(*table).outcomes
        if one.kind != "same"
    ]


@in_verona
def test_texts_flags_and_schedules_are_imported():
    import_rows(
        {
            "address": "Romeo",
            "name": " Romeo\nMontague",
            "status": "=1+1",
            "mobile": "sì",
            "web": "no",
            "visible_from": "2026-05-01T10:00:00+02:00",
            "visible_until": NOON.isoformat(),
        }
    )

    romeo = Buddy.objects.get(address="Romeo")
    assert (romeo.name, romeo.status) == ("Romeo Montague", "=1+1")
    assert (romeo.mobile_is_published, romeo.web_is_published) == (True, False)
    assert romeo.visible_from == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert romeo.visible_until == NOON


@in_verona
def test_entries_without_a_row_and_fields_without_a_column_are_kept():
    edits.change([named("Romeo")], EDITOR, status="in love")
    before = {row["name"]: row for row in rows()}

    import_rows({"address": "Romeo", "name": "Roméo"})

    after = {row["name"]: row for row in rows()}
    assert after.pop("Roméo") == {**before.pop("Romeo"), "name": "Roméo"}
    assert after == before


@in_verona
def test_fields_missing_from_a_json_object_are_kept():
    import_rows(
        {"address": "Romeo", "status": "in love"}, {"address": "Juliet", "web": False}
    )

    assert named("Romeo").web_is_published
    assert not named("Juliet").web_is_published


@in_verona
def test_a_new_group_and_its_channels_are_imported_in_any_order():
    import_rows(
        {"address": "tybalt", "name": "Tybalt", "type": "channel", "parent": "padua"},
        {"address": "", "name": "Benvolio", "type": "channel", "parent": "padua"},
        {"address": "padua", "name": "Padua", "type": "group", "parent": "Verona"},
    )

    assert outline() == [
        "Verona",
        *["  Romeo", "  Juliet", "  Mercutio", "  Padua", "    Tybalt", "    Benvolio"],
        "Mantua",
    ]
    assert len(named("Benvolio").address) == 36
    assert not named("Tybalt").is_published


@in_verona
@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"Mercutio": 1}, "Mercutio Romeo Juliet"),
        ({"Mercutio": 2}, "Romeo Mercutio Juliet"),
        ({"Romeo": 2}, "Juliet Romeo Mercutio"),
        ({"Romeo": 3}, "Juliet Mercutio Romeo"),
        ({"Romeo": 99}, "Juliet Mercutio Romeo"),
        ({"Romeo": 3, "Mercutio": 1}, "Mercutio Juliet Romeo"),
        ({"Romeo": 2, "Juliet": 3, "Mercutio": 1}, "Mercutio Romeo Juliet"),
        ({"Romeo": 2, "Juliet": 2, "Mercutio": 2}, "Juliet Romeo Mercutio"),
        ({"Romeo": 1, "Juliet": 1, "Mercutio": 3}, "Juliet Romeo Mercutio"),
        ({"Romeo": None, "Juliet": "", "Mercutio": 1}, "Mercutio Romeo Juliet"),
    ],
)
def test_an_entry_is_placed_where_its_row_says(places, expected):
    seen = version()

    import_rows(*({"address": name, "place": place} for name, place in places.items()))

    assert " ".join(line.strip() for line in outline()[1:4]) == expected
    written = set(Buddy.objects.filter(version__gt=seen).values_list("name", flat=True))
    assert written <= set(places)


@in_verona
def test_a_place_moves_only_its_entry():
    before = {row["name"]: row["position"] for row in rows()}

    plan = import_rows({"address": "Mercutio", "place": 1})

    after = {row["name"]: row["position"] for row in rows()}
    assert after.pop("Mercutio") < before.pop("Romeo") == after.pop("Romeo")
    assert [o.differences for o in plan.outcomes] == [[("place", "3", "1")]]
    assert history.newest(EDITOR).words == "Moved “Mercutio”"


@in_verona
def test_an_inserted_row_moves_none_of_the_renumbered_rows():
    table = (
        {"address": "tybalt", "name": "Tybalt", "parent": "Verona", "place": 2},
        {"address": "Romeo", "place": 1},
        {"address": "Juliet", "place": 3},
        {"address": "Mercutio", "place": 4},
    )

    plan = import_rows(*table)

    assert [o.kind for o in plan.outcomes] == ["added", "same", "same", "same"]
    assert [line.strip() for line in outline()[1:5]] == [
        *["Romeo", "Tybalt", "Juliet", "Mercutio"]
    ]


@in_verona
def test_siblings_are_respaced_when_there_is_no_gap():
    Buddy.objects.filter(name__in=["Romeo", "Juliet"]).update(position=7)

    import_rows({"address": "Mercutio", "place": 2})

    assert [line.strip() for line in outline()[1:4]] == ["Romeo", "Mercutio", "Juliet"]


@in_verona
def test_entries_change_groups_and_nested_groups_swap():
    import_rows(
        {"address": "Verona", "parent": "Mantua"},
        {"address": "Juliet", "parent": "", "place": 1},
        {"address": "Romeo", "parent": "Mantua"},
    )
    assert outline() == ["Juliet", "Mantua", "  Verona", "    Mercutio", "  Romeo"]

    import_rows(
        {"address": "Mantua", "parent": "Verona"}, {"address": "Verona", "parent": ""}
    )

    assert outline() == [
        "Juliet",
        "Verona",
        *["  Mercutio", "  Mantua", "    Romeo"],
    ]


@in_verona
def test_a_channel_becomes_a_group_with_the_entries_of_another():
    import_rows(
        {"address": "Mantua", "type": "group", "parent": "Juliet"},
        {"address": "Juliet", "type": "group", "parent": ""},
        {"address": "Verona", "type": "channel"},
        {"address": "Romeo", "parent": "Juliet"},
        {"address": "Mercutio", "parent": ""},
    )

    assert outline() == ["Verona", "Juliet", "  Mantua", "  Romeo", "Mercutio"]
    assert (named("Verona").type, named("Juliet").type) == ("channel", "group")


@in_verona
def test_a_plan_describes_the_changes_and_makes_none():
    before = rows()

    words = describe(
        {"address": "tybalt", "name": "Tybalt", "parent": "Verona", "web": "yes"},
        {"address": "Romeo", "name": "Roméo", "mobile": "yes", "web": "yes"},
        {"address": "Juliet", "parent": "", "type": "group"},
        {"address": "Mercutio", "visible_from": NOON.isoformat()},
        {"address": "Mantua", "name": "Mantua"},
    )

    assert words == [
        "added Tybalt: inside  → Verona, type  → channel, web  → on",
        "edited Roméo: name Romeo → Roméo, mobile off → on",
        "edited Juliet: inside Verona → top level, type channel → group",
        "edited Mercutio: visible from  → 22 Nov 2026, 12:00 (UTC)",
    ]
    assert rows() == before
