"""What ``Commands`` of both packages does, step by step: no timer, no stream.

Each case has the sizes of its commands, what happens, and for each command how often it
was sent and its outcome: the status of its answer, the name of an error, or "waiting".
"""

from typing import Any, NamedTuple


class Case(NamedTuple):
    steps: list[list[Any]]
    sends: list[int]
    outcomes: list[int | str]
    sizes: list[int] = [500]


OPEN, RESUME, END, TOO_LARGE = ["open"], ["resume"], ["end"], ["end-large"]
RECEIPT, WAIT, MODIFY = ["receipt"], ["error", "wait"], ["error", "modify"]


def answer(status: int, retry_after: float = 0, command: int = 0) -> list[Any]:
    return ["answer", status, retry_after, command]


CASES = {
    "nothing is sent before there is a stream": Case([], [0], ["waiting"]),
    "it is sent when there is one": Case([OPEN], [1], ["waiting"]),
    "an answer ends it": Case([OPEN, answer(0)], [1], [0]),
    "a later status ends it": Case([OPEN, answer(7)], [1], [7]),
    "no user ends it": Case([OPEN, answer(2)], [1], [2]),
    "a second answer changes nothing": Case([OPEN, answer(0), answer(3)], [1], [0]),
    "a failed storage does not end it": Case([OPEN, answer(1)], [1], ["waiting"]),
    "a budget does not end it": Case([OPEN, answer(5, 3600)], [1], ["waiting"]),
    "a receipt does not end it": Case([OPEN, RECEIPT], [1], ["waiting"]),
    "an answer after its receipt ends it": Case([OPEN, RECEIPT, answer(0)], [1], [0]),
    "a busy service does not end it": Case([OPEN, WAIT], [1], ["waiting"]),
    "an absent service does not end it": Case(
        [OPEN, ["error", "auth"], ["error", "cancel"]], [1], ["waiting"]
    ),
    "a refused envelope ends it": Case([OPEN, MODIFY], [1], ["Refused"]),
    "another stream sends it again": Case([OPEN, END, OPEN], [2], ["waiting"]),
    "a resumed stream does not": Case([OPEN, END, RESUME], [1], ["waiting"]),
    "its answer may come on the resumed one": Case(
        [OPEN, END, RESUME, answer(0)], [1], [0]
    ),
    "another stream does not shorten a budget": Case(
        [OPEN, answer(5, 3600), END, OPEN], [1], ["waiting"]
    ),
    "another stream repeats what is stored": Case(
        [OPEN, RECEIPT, END, OPEN], [2], ["waiting"]
    ),
    "streams may come and go": Case(
        [OPEN, END, OPEN, END, OPEN, END, OPEN, answer(0)], [4], [0]
    ),
    "what ends two streams is too large": Case(
        [OPEN, END, OPEN, END], [2], ["TooLarge"], [10_001]
    ),
    "what came before an end had arrived": Case(
        [OPEN, WAIT, END, OPEN, RECEIPT, END, OPEN], [3], ["waiting"], [10_001]
    ),
    "the server may say that it is too large": Case(
        [OPEN, TOO_LARGE], [1], ["TooLarge"]
    ),
    "the largest one was": Case(
        [OPEN, TOO_LARGE, OPEN], [2, 1], ["waiting", "TooLarge"], [500, 600]
    ),
    "one that had arrived was not": Case(
        [OPEN, answer(1, command=1), TOO_LARGE],
        [1, 1],
        ["TooLarge", "waiting"],
        [500, 600],
    ),
}
