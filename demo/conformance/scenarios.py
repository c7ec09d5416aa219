"""The scenarios: what happens to a command, and what a client does then.

Each has the name of an account. What happens is a list of turns: the first time that
the command comes, the second time, and so on. Source: contract, section 2, "What comes,
and what to do".
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

ADD, SEARCH = "cmd_add_to_roster", "cmd_search_users"

FIRST_PAUSE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 3


class Line(Protocol):
    """What a turn can do with the command that has come."""

    asks_for_receipt: bool

    def answer(self, status: int = 0, **more: object) -> None: ...
    def receipt(self) -> None: ...
    def error(self, type: str, condition: str) -> None: ...
    def false_answer(self, kind: str) -> None: ...
    def end_stream(self, condition: str = "") -> None: ...
    def later(self, pauses: float, action: Callable[[], None]) -> None: ...


class Turn(NamedTuple):
    """What happens when a command comes, in words and as a function.

    ``pauses`` is how long a client waits before it sends the command again, at least:
    in first pauses, or in ``seconds``; None if it is never sent again.
    """

    story: str
    act: Callable[[Line], None]
    pauses: float | None = None
    seconds: float = 0.0


class Scenario(NamedTuple):
    """``turns`` are those of the command ``word``; all other commands are answered."""

    name: str
    story: str
    turns: tuple[Turn, ...] = ()
    word: str = ADD
    must_split: bool = False  # the same command is never sent again, its parts are


def _answered(line: Line) -> None:
    line.answer()


DONE = Turn("it is answered", _answered)


def _silent(line: Line) -> None:
    pass


def _stored(line: Line) -> None:
    if not line.asks_for_receipt:
        line.answer()
        return
    line.receipt()
    # As long as a client without a receipt would have sent it three times.
    line.later(4, line.answer)


def _thrice(line: Line) -> None:
    line.answer()
    line.answer()
    line.later(0.5, line.answer)


def _false(kind: str) -> Callable[[Line], None]:
    return lambda line: line.false_answer(kind)


# What must not be believed, by the account that gets it.
FALSE_ANSWERS = {
    "unknown": "an answer with an id that the client does not wait for",
    "stranger": "an answer from another JID",
    "copied": "a copy (carbon) of an answer",
    "garbled": "an answer whose payload is no JSON",
}


def _limited(line: Line) -> None:
    line.answer(5, userList=[], retryAfter=RETRY_AFTER_SECONDS)
    # A receipt may come before or after the answer.
    if line.asks_for_receipt:
        line.receipt()


def _failing(type: str, condition: str) -> Callable[[Line], None]:
    return lambda line: line.error(type, condition)


def _answering(status: int, **more: object) -> Callable[[Line], None]:
    return lambda line: line.answer(status, **more)


def _ending(condition: str = "") -> Callable[[Line], None]:
    return lambda line: line.end_stream(condition)


SCENARIOS = (
    Scenario("plain", "Everything is answered at once."),
    Scenario(
        "late",
        "The answer comes only to the third time.",
        (
            Turn("nothing comes", _silent, pauses=1),
            Turn("nothing comes", _silent, pauses=2),
            DONE,
        ),
    ),
    Scenario(
        "stored",
        "A receipt comes at once, the answer much later.",
        (Turn("a receipt comes, and the answer later", _stored),),
    ),
    Scenario(
        "double",
        "The answer comes three times.",
        (Turn("it is answered three times", _thrice),),
    ),
    *(
        Scenario(name, f"First comes {what}.", (Turn(what, _false(name), 1), DONE))
        for name, what in FALSE_ANSWERS.items()
    ),
    Scenario(
        "busy",
        "The service has too much to do.",
        (
            Turn("resource-constraint", _failing("wait", "resource-constraint"), 1),
            DONE,
        ),
    ),
    Scenario(
        "away",
        "The service is away, as Prosody and as ejabberd say it.",
        (
            Turn("remote-server-timeout", _failing("wait", "remote-server-timeout"), 1),
            Turn("forbidden", _failing("auth", "forbidden"), 2),
            DONE,
        ),
    ),
    Scenario(
        "refused",
        "The envelope has a field that is too long.",
        (Turn("not-acceptable", _failing("modify", "not-acceptable")),),
    ),
    Scenario(
        "failed",
        "The service's storage has failed.",
        (Turn("SQL_ERROR", _answering(1), pauses=1), DONE),
    ),
    Scenario(
        "unusable",
        "No contact can be used.",
        (Turn("NO_CHANNEL_FOUND", _answering(3)),),
    ),
    Scenario(
        "later",
        "The answer has a status of a later version.",
        (Turn("status 7", _answering(7)),),
    ),
    Scenario(
        "limited",
        "The numbers are too many for now.",
        (
            Turn(
                "RATE_LIMITED",
                _limited,
                seconds=RETRY_AFTER_SECONDS,
            ),
            DONE,
        ),
        SEARCH,
    ),
    Scenario(
        "interrupted",
        "The stream ends before the answer.",
        (Turn("the stream ends", _ending(), pauses=0), DONE),
    ),
    Scenario(
        "large",
        "The XMPP server ends the stream, because the command is too large for it.",
        (Turn("the stream ends with policy-violation", _ending("policy-violation")),),
        must_split=True,
    ),
    Scenario("changed", "The document changes while the client runs."),
    Scenario("unread", "The document comes only to the third request."),
    Scenario("gone", "The stream ends while the client reads the document."),
    Scenario("replaced", "A new document is announced while the client reads one."),
)
