"""What a client did wrong, in words. Pure: reads what was recorded."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from demo.component import ACCEPT
from demo.conformance.documents import Expected
from demo.conformance.scenarios import ADD, SEARCH, Scenario, Turn
from demo.conformance.service import COMMAND, Command, Talk

MAX_STANZA_BYTES = 200_000
# By how much earlier after the one before a stanza may arrive than it was sent.
TOLERANCE_SECONDS, TOLERANCE = 0.5, 0.2


def faults(
    talk: Talk, expected: Expected, first_pause: float, *, sends_commands: bool = True
) -> Iterator[str]:
    """Yield a sentence for each rule that the client has broken."""
    if not talk.has_begun:
        yield "The client did nothing: it did not even read the document."
        return
    yield from _reading(talk)
    yield from _texts(talk, expected)
    for word in (ADD, SEARCH) if sends_commands else ():
        sent = [one for one in talk.commands if one.word == word]
        if not sent:
            # A client may give up after a command that has failed for ever.
            if word == talk.scenario.word or not talk.scenario.turns:
                yield f"{word} was never sent."
            continue
        yield from _envelopes(sent)
        turns = talk.scenario.turns if word == talk.scenario.word else ()
        if talk.scenario.must_split and turns:
            yield from _split(sent)
        else:
            yield from _repeats(sent, turns, first_pause)


# --- The document and texts -------------------------------------------------------


def _reading(talk: Talk) -> Iterator[str]:
    count, name = len(talk.reads), talk.scenario.name
    if not count:
        yield "The document was never read."
    elif (name, count) in (("unread", 1), ("unread", 2), ("gone", 1)):
        yield (
            f"The document was requested {count} times, and did not come: request it "
            "again."
        )
    elif name == "changed" and not talk.is_subscribed:
        yield "The client did not subscribe: it learns of no new document."
    elif name in ("changed", "replaced") and talk.announced and count == 1:
        yield (
            "A new document was announced, and the client did not read it (did it "
            "send presence?)."
        )
    most = {"unread": 3, "changed": 2, "gone": 2, "replaced": 2}.get(name, 1)
    if count > most:
        yield (
            f"The document was read {count} times, when {most} would do: compare the "
            "announced hash."
        )


def _texts(talk: Talk, expected: Expected) -> Iterator[str]:
    if not talk.texts:
        yield "No message was written to a channel."
    for text in talk.texts:
        route = text.to, text.thread
        if route in expected.routes:
            continue
        threads = [thread for to, thread in expected.routes if to == text.to]
        if threads:
            yield (
                f"A message to {text.to} had the thread {text.thread!r}, and not "
                f"{threads[0]!r}."
            )
        else:
            yield f"A message went to {text.to}: {expected.why(text.to)}."


# --- Commands ---------------------------------------------------------------------


def _envelopes(sent: Sequence[Command]) -> Iterator[str]:
    for command in sent[:1]:
        yield from _envelope(command)
    for command in sent:
        if not command.id:
            yield f"{command.word} had no id: a repeat is another command."
            return


def _envelope(command: Command) -> Iterator[str]:
    stanza, word = command.stanza, command.word
    x = stanza.find(f"{{{COMMAND}}}x")
    if x is None:
        yield f"{word}: x is in another namespace than {COMMAND}."
    else:
        for name in ("type", "action"):
            if x.findtext(f"{{{COMMAND}}}{name}") != word:
                yield f"{word}: {name} is not {word}."
    if (stanza.findtext(f"{{{ACCEPT}}}body") or "").strip():
        yield f"{word}: body has a text."
    for hint in ("no-store", "no-copy"):
        if stanza.find(f"{{urn:xmpp:hints}}{hint}") is None:
            yield f"{word} has no {hint}: other devices or archives get a copy."
    yield from _payload(command)


def _payload(command: Command) -> Iterator[str]:
    key = {ADD: "channelUsers", SEARCH: "userList"}[command.word]
    try:
        payload: Any = json.loads(command.payload)
        entries = payload[key]
    except (ValueError, TypeError, LookupError, RecursionError):
        yield f"{command.word}: the payload is no JSON object with {key}."
        return
    kind = dict if command.word == ADD else str
    if not isinstance(entries, list) or not all(
        isinstance(one, kind) for one in entries
    ):
        what = "objects" if kind is dict else "texts"
        yield f"{command.word}: {key} is no list of {what}."
    size = len(command.payload.encode())
    if size > MAX_STANZA_BYTES:
        yield f"{command.word} has {size} bytes: more than {MAX_STANZA_BYTES}."


def _repeats(
    sent: Sequence[Command], turns: Sequence[Turn], first_pause: float
) -> Iterator[str]:
    word = sent[0].word
    attempts = _by_id(sent)
    if len(attempts) > 1 and turns:
        yield (
            f"{word} was sent with {len(attempts)} ids: a repeat has the same id, or "
            "it is another command."
        )
        return
    for tries in attempts.values():
        if len({one.payload for one in tries}) > 1:
            yield f"{word} was repeated with another payload."
        yield from _pauses(tries, turns, first_pause)


def _pauses(
    tries: Sequence[Command], turns: Sequence[Turn], first_pause: float
) -> Iterator[str]:
    word = tries[0].word
    for number, (before, after) in enumerate(pairwise(tries)):
        gap = after.at - before.at
        turn = turns[number] if number < len(turns) else None
        if turn is None or (turn.pauses is None and not turn.seconds):
            story = f": {turn.story}" if turn else ", though it was answered"
            yield f"{word} was sent again after {gap:.1f} s{story}."
            return
        least = turn.seconds or (turn.pauses or 0) * first_pause
        if gap < least - max(TOLERANCE_SECONDS, TOLERANCE * least):
            yield (
                f"{word} was sent again after {gap:.1f} s, when {least:g} s were due: "
                f"{turn.story}."
            )
    if len(tries) < len(turns):
        yield f"{word} was not sent again: {turns[len(tries) - 1].story}."


def _split(sent: Sequence[Command]) -> Iterator[str]:
    """The first stanza was too large: its parts come instead, in its order."""
    word, attempts = sent[0].word, _by_id(sent)
    first, *parts = attempts.values()
    if len(first) > 1:
        yield f"{word} was sent again, though it ends the stream each time."
    if not parts:
        yield f"{word} was not split after the stream had ended."
        return
    entries = [one for part in parts for one in _entries(part[0])]
    if entries != _entries(first[0]):
        yield f"{word}: the parts do not have the same entries in the same order."


def _entries(command: Command) -> list[Any]:
    """The entries of a command; none if it has no list, which is said elsewhere."""
    try:
        payload = json.loads(command.payload)
        entries = payload.get("channelUsers") or payload.get("userList")
    except (ValueError, AttributeError, RecursionError):
        return []
    return entries if isinstance(entries, list) else []


def _by_id(sent: Sequence[Command]) -> dict[str, list[Command]]:
    attempts: dict[str, list[Command]] = {}
    for command in sent:
        attempts.setdefault(command.id, []).append(command)
    return attempts


def is_over(talk: Talk, now: float, first_pause: float) -> bool:
    """Whether nothing more is expected of a client that nobody waits for."""
    return talk.has_begun and now - talk.last_at > _quiet(talk.scenario) * first_pause


def _quiet(scenario: Scenario) -> float:
    return 13 if scenario.turns or scenario.name == "gone" else 4
