"""Both commands as forms that a person fills in, and their answers in plain words.

A completed form becomes the payload that a client of the contract sends, and is
processed like it; the answer's payload becomes sentences.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from roster.commands import payloads
from roster.commands.payloads import ADD_TO_ROSTER, SEARCH_USERS


class AdHocForm(NamedTuple):
    """The form of a command: one field of several lines."""

    name: str
    instructions: str
    field: str
    label: str


class AnswerInWords(NamedTuple):
    """An answer: notes, each ``info``, ``warn`` or ``error``, and the users found."""

    notes: list[tuple[str, str]]
    users: list[str]


FORMS = {
    SEARCH_USERS: AdHocForm(
        "Find contacts",
        "Who of these phone numbers is a user? Those who are come onto your roster.",
        "numbers",
        "Phone numbers in international form, one in each line",
    ),
    ADD_TO_ROSTER: AdHocForm(
        "Add to roster",
        "These contacts come onto your roster.",
        "contacts",
        "A phone number and a name in each line: 00393471111111 Mario Rossi",
    ),
}

# A number may contain spaces: the name begins at the first other character.
_NAME = re.compile(r"[^\d\s().\-/+]")
_ENTRY = re.compile(r"channelUsers\[(\d+)\](?:\.\w+)?")

NAMED = 20  # users in a sentence
MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


# --- In -----------------------------------------------------------------------


def payload(command: str, lines: Iterable[str], session: str) -> str:
    """Payload of a command whose form was filled in with ``lines``.

    IQ ids may start over with each stream, so that an id alone does not distinguish
    a repeat from a new request; with the ``session`` of the form it does.
    """
    filled = [line.strip() for line in lines if line.strip()]
    body: dict[str, Any] = {"session": session}
    if command == SEARCH_USERS:
        body["userList"] = filled
    else:
        body["channelUsers"] = [_contact(line) for line in filled]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _contact(line: str) -> dict[str, str]:
    begins = _NAME.search(line)
    number = line[: begins.start()] if begins else line
    is_number = line[0] in "+0123456789"
    if is_number and (number == line or number[-1].isspace()):
        return {"address": number.strip(), "name": line.removeprefix(number)}
    address, *name = line.split(maxsplit=1)
    return {"address": address, "name": "".join(name)}


# --- Out ----------------------------------------------------------------------


def words(command: str, answer: str) -> AnswerInWords:
    """Put the answer's payload into words."""
    response = json.loads(answer)
    code = response["status"], response["errorCode"]
    users: list[str] = response.get("userList", [])
    messages = [_plain(one["message"]) for one in response["errorMessage"]]
    if code == payloads.RATE_LIMITED:
        return AnswerInWords(
            [("error", _too_many(response["retryAfter"], users))], users
        )
    if code != payloads.OK:
        return AnswerInWords([("error", message) for message in messages], users)
    done = _done(command, users)
    return AnswerInWords(
        [("info", done), *(("warn", message) for message in messages)], users
    )


def _done(command: str, users: Sequence[str]) -> str:
    if command == ADD_TO_ROSTER:
        return "The contacts are on your roster."
    if not users:
        return "None of these numbers is a user."
    return f"Users found, who are on your roster now: {_named(users)}."


def _too_many(seconds: int, users: Sequence[str]) -> str:
    known = f" Of those asked about before, users are: {_named(users)}."
    again = f"Too many new numbers: try again in {_duration(seconds)}."
    return again + (known if users else "")


def _named(users: Sequence[str]) -> str:
    more = f" and {len(users) - NAMED} more" if len(users) > NAMED else ""
    return ", ".join(users[:NAMED]) + more


def _duration(seconds: int) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours")):
        if seconds > 2 * unit:
            return f"{-(-seconds // unit)} {name}"
    return f"{max(2, -(-seconds // MINUTE))} minutes"


def _plain(message: str) -> str:
    """A message without the payload's field names, which the user has never seen."""
    return _ENTRY.sub(lambda entry: f"Contact {int(entry[1]) + 1}", message)
