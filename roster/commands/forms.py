"""Both commands as forms that a person fills in, and their answers in plain words.

A completed form becomes the payload that a client of the contract sends, and is
processed like it; the answer's payload becomes sentences.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from roster import msisdn
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
        "Which of these phone numbers are users? "
        "Matching users are added to your roster.",
        "numbers",
        "Phone numbers in international form, one per line",
    ),
    ADD_TO_ROSTER: AdHocForm(
        "Add to roster",
        "These contacts are added to your roster.",
        "contacts",
        "A phone number and a name per line: 00393471111111 Mario Rossi",
    ),
}

_ENTRY = re.compile(r"channelUsers\[(\d+)\](?:\.\w+)?")

MAX_NAMES = 20  # users in a sentence
MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


# --- In -----------------------------------------------------------------------


def payload(command: str, lines: Iterable[str], session: str) -> str:
    """Payload of a command whose form was filled in with ``lines``.

    IQ ids may start over with each stream, so that an id alone does not distinguish
    a repeat from a new request; with the ``session`` of the form it does.
    """
    entries = [line.strip() for line in lines if line.strip()]
    body: dict[str, Any] = {"session": session}
    if command == SEARCH_USERS:
        body["userList"] = entries
    else:
        body["channelUsers"] = [_contact(line) for line in entries]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _contact(line: str) -> dict[str, str]:
    number, name = msisdn.split(line)
    if number:
        return {"address": number, "name": name}
    address, *rest = line.split(maxsplit=1)
    return {"address": address, "name": "".join(rest)}


# --- Out ----------------------------------------------------------------------


def describe(command: str, answer: str) -> AnswerInWords:
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
    summary = _success(command, users)
    return AnswerInWords(
        [("info", summary), *(("warn", message) for message in messages)], users
    )


def _success(command: str, users: Sequence[str]) -> str:
    if command == ADD_TO_ROSTER:
        return "The contacts are on your roster."
    if not users:
        return "None of these numbers belongs to a user."
    return f"Users found and now on your roster: {_join_names(users)}."


def _too_many(seconds: int, users: Sequence[str]) -> str:
    known = f" Users among the numbers that you looked up before: {_join_names(users)}."
    text = f"Too many new numbers: try again in {_duration(seconds)}."
    return text + (known if users else "")


def _join_names(users: Sequence[str]) -> str:
    more = f" and {len(users) - MAX_NAMES} more" if len(users) > MAX_NAMES else ""
    return ", ".join(users[:MAX_NAMES]) + more


def _duration(seconds: int) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours")):
        if seconds > 2 * unit:
            return f"{-(-seconds // unit)} {name}"
    return f"{max(2, -(-seconds // MINUTE))} minutes"


def _plain(message: str) -> str:
    """A message without the payload's field names, which the user has never seen."""
    return _ENTRY.sub(lambda match: f"Contact {int(match[1]) + 1}", message)
