"""Completed forms as payloads, and answers as sentences."""

import json

import pytest

from roster.commands import payloads
from roster.commands.forms import describe, payload
from roster.commands.payloads import ADD_TO_ROSTER, SEARCH_USERS, Reply


@pytest.mark.parametrize(
    ("line", "address", "name"),
    [
        ("00393471111111 Mario Rossi", "00393471111111", "Mario Rossi"),
        (
            "  +39 347 (111) 11-11   Mario  Rossi ",
            "+39 347 (111) 11-11",
            "Mario  Rossi",
        ),
        ("00393471111111", "00393471111111", ""),
        ("+39 347 1111111", "+39 347 1111111", ""),
        ("00393471111111 2nd phone", "00393471111111", "2nd phone"),
        ("liam@elsewhere.example Liam", "liam@elsewhere.example", "Liam"),
        ("00393471111111 (Mario)", "00393471111111", "(Mario)"),
        ("liam", "liam", ""),
        ("00393471111111\tÀgnes", "00393471111111", "Àgnes"),
        ("\u202a+39 347 1111111\u202c Mario", "\u202a+39 347 1111111\u202c", "Mario"),
        ("+39 347\u2011111 1111 Mario", "+39 347\u2011111 1111", "Mario"),
        ("+39 347 1111111 – Mario", "+39 347 1111111 –", "Mario"),
        ("tel:+39 347 1111111 Mario", "tel:+39 347 1111111", "Mario"),
        ("TEL:+39 347 1111111", "TEL:+39 347 1111111", ""),
        ("\uff0b39 347 1111111 Mario", "\uff0b39 347 1111111", "Mario"),
        ("\u0660\u0660\u0663\u0669 347 1 Ali", "\u0660\u0660\u0663\u0669 347 1", "Ali"),
        ("0039347-bot Bot", "0039347-bot", "Bot"),
        ("- +39 347 1111111 Mario", "- +39 347 1111111", "Mario"),
        ("tel: x", "tel:", "x"),
        ("\u202a", "\u202a", ""),
    ],
)
def test_a_line_is_a_number_and_a_name(line, address, name):
    asked = json.loads(payload(ADD_TO_ROSTER, [line, "", "  "], "s"))
    assert asked == {
        "session": "s",
        "channelUsers": [{"address": address, "name": name}],
    }


def test_a_line_of_many_spaces_is_parsed_fast():
    asked = payload(ADD_TO_ROSTER, ["1" + " " * 200_000 + "(x"], "s")
    assert json.loads(asked)["channelUsers"] == [{"address": "1", "name": "(x"}]


def test_each_line_is_a_number_to_search():
    asked = json.loads(payload(SEARCH_USERS, [" 0039 347 ", "", "x"], "s"))
    assert asked == {"session": "s", "userList": ["0039 347", "x"]}


def in_words(command: str, code: payloads.Code, *messages: str, **more: object):
    return describe(command, Reply(code, messages, more).dumps())


def test_errors_are_shown_without_payload_field_names():
    answer = in_words(
        ADD_TO_ROSTER, payloads.NO_CHANNEL_FOUND, "channelUsers[2].address: not text"
    )
    assert answer == ([("error", "Contact 3: not text")], [])


def test_a_failure_of_our_storage_is_an_error():
    ((kind, text),), found = describe(SEARCH_USERS, payloads.storage_failed())
    assert (kind, found) == ("error", [])
    assert "Please repeat later" in text


def test_a_sentence_names_at_most_twenty_users():
    numbers = [f"00393{number:03}" for number in range(23)]
    ((_, text),), found = in_words(SEARCH_USERS, payloads.OK, userList=numbers)
    assert text.endswith("00393019 and 3 more.")
    assert found == numbers


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (1, "2 minutes"),
        (1262, "22 minutes"),
        (7200, "120 minutes"),
        (7201, "3 hours"),
        (86400, "24 hours"),
        (200_000, "3 days"),
    ],
)
def test_the_time_to_wait_is_given_in_one_unit(seconds, wanted):
    more = {"userList": [], "retryAfter": seconds}
    ((_, text),), _ = in_words(SEARCH_USERS, payloads.RATE_LIMITED, **more)
    assert text == f"Too many new numbers: try again in {wanted}."
