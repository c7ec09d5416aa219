"""The payloads of both commands: requests and answers.

Source: contract, 3 and 4.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyjson5
from django.conf import settings

from roster import msisdn
from roster.models import Command
from xmppservice.protocol.namespaces import MAX_FIELD
from xmppservice.protocol.xml import illegal_character

ADD_TO_ROSTER = "cmd_add_to_roster"
SEARCH_USERS = "cmd_search_users"

# status and errorCode of the contract
SQL_ERROR = (1, "SQL_ERROR")
NO_USER_FOUND = (2, "NO_USER_FOUND")
NO_CHANNEL_FOUND = (3, "NO_CHANNEL_FOUND")
BAD_REQUEST = (4, "BAD_REQUEST")
RATE_LIMITED = (5, "RATE_LIMITED")
UNKNOWN_COMMAND = (6, "UNKNOWN_COMMAND")
OK = (0, "")
NOT_FINAL = (SQL_ERROR, RATE_LIMITED)

MAX_MESSAGES = 100  # at most in one answer
MAX_BYTES = 400_000  # of an answer
MAX_DEPTH = 64  # of a JSON payload

Code = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is serialised."""

    code: Code = OK
    messages: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        return self.code not in NOT_FINAL

    def dumps(self) -> str:
        """The answer's payload: strict compact JSON."""
        messages = self.messages[:MAX_MESSAGES]
        if omitted := len(self.messages) - len(messages):
            messages = (*messages, f"… and {omitted} more.")
        text = json.dumps(
            {
                "status": self.code[0],
                "errorCode": self.code[1],
                "errorMessage": [{"message": message} for message in messages],
                **self.extra,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        # Too large a stanza would end the stream, and be resent for ever.
        return text if len(text.encode()) <= MAX_BYTES else TOO_LARGE.dumps()


TOO_LARGE = Reply(BAD_REQUEST, ("The answer is too large: ask for less at a time.",))


class Unusable(ValueError):
    """A payload, or an entry of it, that cannot be used: place and reason."""


def storage_failed() -> str:
    """Payload of the answer when our storage or the roster failed for good."""
    text = "The service could not store or read something. Please repeat later."
    return Reply(SQL_ERROR, (text,)).dumps()


class RequestedContact(NamedTuple):
    """A requested contact, and where and how the client spelled it."""

    contact: msisdn.Contact
    address: str
    place: str
    name: str = ""

    @property
    def key(self) -> str:
        return self.contact.key

    @property
    def jid(self) -> str:
        return self.contact.jid


@dataclass(slots=True)
class ParsedCommand:
    """A parsed command; it already has a ``reply`` if it cannot be run."""

    command: Command
    entries: list[RequestedContact] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    reply: Reply | None = None
    # Keys that the owner's budget covers; a search may be limited.
    lookups: set[str] = field(default_factory=set)
    is_limited: bool = False
    refused: set[str] = field(default_factory=set)

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.entries]


def parse(command: Command, domain: str) -> ParsedCommand:
    """Read a command of an owner in ``domain``; never raises for bad input."""
    match command.command:
        case "":
            return ParsedCommand(command, reply=Reply(BAD_REQUEST, (SEVERAL,)))
        case str(word) if word == ADD_TO_ROSTER:
            return _parse_contacts(command, domain)
        case str(word) if word == SEARCH_USERS:
            return _parse_numbers(command, domain)
        case _:
            text = f"This service knows {ADD_TO_ROSTER} and {SEARCH_USERS}."
            return ParsedCommand(command, reply=Reply(UNKNOWN_COMMAND, (text,)))


SEVERAL = (
    "The message names several commands: send one in each message, "
    "with the same word in type and action."
)


def _parse_contacts(command: Command, domain: str) -> ParsedCommand:
    try:
        received = _list(command.payload, "channelUsers")
    except Unusable as error:
        return ParsedCommand(command, reply=Reply(NO_CHANNEL_FOUND, (str(error),)))
    if len(received) > settings.ADD_TO_ROSTER_LIMIT:
        limit = f"{settings.ADD_TO_ROSTER_LIMIT} contacts are allowed in one command"
        text = f"channelUsers: {len(received)} contacts; {limit}."
        return ParsedCommand(command, reply=Reply(BAD_REQUEST, (text,)))
    entries: dict[str, RequestedContact] = {}
    problems = []
    for place, value in enumerate(received):
        try:
            entry = _contact(value, domain, f"channelUsers[{place}]")
        except Unusable as error:
            problems.append(str(error))
        else:
            # The last duplicate wins, in its own place.
            entries.pop(entry.key, None)
            entries[entry.key] = entry
    if not entries:
        problems = problems or ["channelUsers: empty"]
        return ParsedCommand(command, reply=Reply(NO_CHANNEL_FOUND, tuple(problems)))
    return ParsedCommand(command, list(entries.values()), problems)


def _parse_numbers(command: Command, domain: str) -> ParsedCommand:
    try:
        received = _list(command.payload, "userList")
        if len(received) > settings.SEARCH_LIMIT:
            limit = f"{settings.SEARCH_LIMIT} numbers are allowed in one command"
            raise Unusable(f"userList: {len(received)} numbers; {limit}.")
    except Unusable as error:
        return ParsedCommand(command, reply=Reply(BAD_REQUEST, (str(error),)))
    # All spellings of a number are kept: the client looks for its own in the answer.
    entries: dict[str, RequestedContact] = {}
    for place, text in enumerate(received):
        if not isinstance(text, str) or text in entries:
            continue
        if contact := msisdn.read_number(text, domain):
            entries[text] = RequestedContact(contact, text, f"userList[{place}]")
    return ParsedCommand(command, list(entries.values()))


def _list(payload: str, name: str) -> list[Any]:
    value = _json(payload)
    if not isinstance(value, dict):
        raise Unusable("payload: must be an object")
    if name not in value:
        raise Unusable(f"{name}: missing")
    items = value[name]
    if not isinstance(items, list):
        raise Unusable(f"{name}: must be a list")
    return items


def _json(payload: str) -> Any:
    """Strict JSON first; if that fails, JSON5 (the seed has a bare key)."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        pass
    try:
        return pyjson5.decode(payload, maxdepth=MAX_DEPTH)
    except (pyjson5.Json5Exception, ValueError, RecursionError):
        raise Unusable("payload: not JSON, or nested too deep") from None


def _contact(value: Any, domain: str, place: str) -> RequestedContact:
    if not isinstance(value, dict):
        raise Unusable(f"{place}: must be an object")
    name = value.get("name")
    name = "" if name is None else name
    if not isinstance(name, str):
        raise Unusable(f"{place}.name: must be text")
    _check_text(name, f"{place}.name")
    address = value.get("address")
    if not isinstance(address, str) or not address.strip():
        raise Unusable(f"{place}.address: missing or not text")
    _check_text(address, f"{place}.address")
    contact = msisdn.read(address, domain)
    if contact is None:
        raise Unusable(f"{place}.address: neither a number nor a JID")
    return RequestedContact(contact, address.strip(), place, name)


def _check_text(text: str, place: str) -> None:
    if illegal_character(text):
        raise Unusable(f"{place}: has a character that XMPP cannot carry")
    if len(text) > MAX_FIELD:
        raise Unusable(f"{place}: longer than {MAX_FIELD} characters")
