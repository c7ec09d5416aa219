"""What is wrong with an entry, and with its place. No database is needed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from buddies.document import judgement
from buddies.document.judgement import Fault
from buddies.document.parse import read
from buddies.models import MAX_LEVELS, Buddy
from tests.buddies.document.texts import CHANNEL, FLAGS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BELL = "Contains the control character U+0007, which XMPP can't transmit."
TOO_LONG = "Ensure this value has at most {0} characters (it has {1})."
BLANK = "This field cannot be blank."
ORDER = "“Visible until” must be later than “Visible from”."
TAKEN = "This address is already taken."
ALIKE = "Servers can't tell this address from “{}”, which is taken."
ONLY_GROUPS = "Only a group can contain channels and groups."
ITSELF = "You can't move a group into itself."
LEVELS = f"A tree can have at most {MAX_LEVELS} levels."


def entry(**fields: Any) -> Buddy:
    return Buddy(**{"name": "Romeo", "address": "romeo", **fields})


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        *(({"name": text}, "name", BLANK) for text in ("", " ", "\u200b", "\u3164")),
        *(
            ({name: "bell\x07"}, name, BELL)
            for name in ("address", "server_address", "name", "status")
        ),
        *(
            ({name: "bell\x07"}, name, BELL)
            for name in ("image_url", "thumb_url", "default_message")
        ),
        ({"name": "\x07"}, "name", BELL),
        ({"status": "\ud800"}, "status", BELL.replace("0007", "D800")),
        ({"name": "x" * 256}, "name", TOO_LONG.format(255, 256)),
        ({"status": "x" * 1001}, "status", TOO_LONG.format(1000, 1001)),
        ({"type": "bot"}, "type", "Value 'bot' is not a valid choice."),
        (
            {"type": "group", "server_address": "bots"},
            "server_address",
            "A group can't have a server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "default_message",
            "A group can't have a default message.",
        ),
        ({"visible_from": NOW, "visible_until": NOW}, "visible_until", ORDER),
        (
            {"visible_from": NOW.replace(year=1999)},
            "visible_from",
            "Choose a date between 2000 and 2100.",
        ),
    ],
)
def test_a_fault_names_the_field_and_the_reason(fields, field, words):
    assert judgement.faults(entry(**fields)) == [Fault(field, words)]


def test_an_entry_may_have_every_other_text():
    texts = {"name": "e\u0301 👨\u200d👩", "status": " \n", "default_message": "\\n\t"}
    assert judgement.faults(entry(**texts, image_url="http://....")) == []


def test_each_field_has_one_fault_at_most_and_an_ignored_one_none():
    bad = entry(name="\x07" * 256, status="\x07", visible_from=NOW, visible_until=NOW)

    assert [fault.field for fault in judgement.faults(bad)] == [
        "name",
        "status",
        "visible_until",
    ]
    ignored = {"status", "visible_from"}
    assert [fault.field for fault in judgement.faults(bad, ignored)] == ["name"]


def test_a_fault_can_say_which_entry_it_is_about():
    fault = Fault("name", BLANK)
    assert fault.about(entry(name="")) == f"“romeo”, name: {BLANK}"


# --- The structure ------------------------------------------------------------------

# A tree in words: each name with its group; capitals are groups.
VERONA = {"V": None, "H": "V", "romeo": "V", "tybalt": "H", "mario": None}


def judged(
    groups: dict[str, str | None], changed: str, moved: str | None = None, **more: Any
) -> list[tuple[str, str, str]]:
    entries = {
        name: entry(
            address=name,
            type="group" if name[0].isupper() else "channel",
            server_address=more.get(name, ""),
        )
        for name in groups
    }
    found = judgement.faults_of_places(
        entries, groups, changed.split(), None if moved is None else moved.split()
    )
    return [(name, *fault) for name, fault in found]


def test_a_sound_tree_has_no_fault():
    assert judged(VERONA, " ".join(VERONA)) == []


def test_only_a_group_can_hold_entries():
    wrong = {**VERONA, "romeo": "mario"}
    assert judged(wrong, "romeo") == [("romeo", "parent", ONLY_GROUPS)]


def test_a_group_with_entries_cannot_become_a_channel():
    wrong = {"verona": None, "romeo": "verona", "juliet": "verona"}
    words = "This group is not empty, so it can't become a channel: move its contents "
    fault = ("verona", "type", f"{words}first.")
    assert judged(wrong, "verona") == [fault]
    assert judged(wrong, "verona romeo", "") == [fault]


@pytest.mark.parametrize(
    ("moved", "groups"),
    [("V", {"V": "V"}), ("V", {"V": "H"}), ("V H", {"V": "H", "H": "V"})],
)
def test_a_group_cannot_be_moved_into_itself(moved, groups):
    expected = [(name, "parent", ITSELF) for name in moved.split()]
    assert sorted(judged({**VERONA, **groups}, moved)) == sorted(expected)


def chain(count: int, top: str = "A") -> dict[str, str | None]:
    names = [f"{top}{number}" for number in range(count)]
    return dict(zip(names, [None, *names], strict=False))


def test_a_deep_group_cannot_be_moved_into_another_one():
    """Not only the moved group counts, but also what is inside it."""
    deep = {**chain(MAX_LEVELS - 1), **chain(2, "B")}
    fits = {**deep, "B0": None}
    assert judged(fits, "B0") == []
    assert judged({**deep, "B0": f"A{MAX_LEVELS - 2}"}, "B0") == [
        ("B0", "parent", LEVELS)
    ]
    # An entry that was too deep before is not the fault of another one.
    assert judged(chain(MAX_LEVELS + 5), "A0 A1", "") == []


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("romeo", "Romeo", ALIKE),
        ("straße", "strasse", ALIKE),
        ("ｒｏｍｅｏ", "romeo", ALIKE),
        ("ro\u200bmeo", "romeo", ALIKE),
        ("romeo@verona.example", "romeo@VERONA.example", ALIKE),
        ("\u202aromeo", "\u202aRomeo", ALIKE),
    ],
)
def test_two_channels_cannot_share_a_localpart(first, second, words):
    groups = {first: None, second: None}
    assert judgement.route_of(entry(address=first))
    for changed, other in ((second, first), (first, second)):
        entries = {name: entry(address=name) for name in groups}
        found = list(judgement.faults_of_places(entries, groups, {changed}))
        assert found == [(changed, Fault("address", words.format(other)))]


def test_channels_behind_one_bot_are_told_apart_by_their_threads():
    groups = {"romeo": None, "ROmeo": None, "rOmeo": None}
    entries = {
        "romeo": entry(address="romeo"),
        "ROmeo": entry(address="ROmeo", server_address="bots"),
        "rOmeo": entry(address="rOmeo", type="group"),
    }
    assert list(judgement.faults_of_places(entries, groups, groups)) == []


def test_an_address_is_taken_once():
    entries = {
        n: entry(address=address) for n, address in enumerate(["a", "a", "", ""])
    }
    found = list(judgement.faults_of_places(entries, dict.fromkeys(entries), entries))
    assert found == [(1, Fault("address", TAKEN))]


def test_a_document_is_judged_by_its_nodes():
    items = [
        {**CHANNEL, "address": "a", "info": {"name": " "}},
        {**CHANNEL, "type": "group", **FLAGS, "items": [{**CHANNEL, "address": "A"}]},
    ]
    found = list(judgement.faults_of_nodes(list(read({"items": items}))))
    assert found == [
        (0, Fault("name", BLANK)),
        (2, Fault("address", ALIKE.format("a"))),
    ]
