"""Hostile payloads: almost JSON, and JSON of any shape."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.slow.fuzz.stanzas import WORD

__all__ = ["payloads"]

NUMBERS = ["00393490777001", "+39 349 077.7002", "0039(349)0777-003", "003934907770040"]
ADDRESSES = ["liam", "liam@localhost", "liam@localhost/phone", "@", "liam@", "ᴬx", " "]
ADDRESSES += [
    "li\0am",
    "00393490\x0b777001",
    "٠٠٣٩٣٤٩٠٧٧٧٠٠١",
    "a" * 1_024,
    "ſ@ſ",
    "&<>'\"",
]
CHARACTERS = st.characters(exclude_categories=("Cs",))
TEXTS = st.one_of(
    st.sampled_from([*NUMBERS, *ADDRESSES, WORD]), st.text(CHARACTERS, max_size=20)
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.builds(pow, st.sampled_from([10, -10]), st.sampled_from([400, 4_299])),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=8,
)
CONTACTS = st.one_of(
    st.fixed_dictionaries({"name": TEXTS, "address": TEXTS}),
    st.fixed_dictionaries(
        {}, optional={"name": VALUES, "address": VALUES, "group": VALUES}
    ),
)
ROSTERS = st.lists(st.one_of(CONTACTS, CONTACTS, VALUES), max_size=6)
SEARCHES = st.lists(st.one_of(TEXTS, TEXTS, VALUES), max_size=8)
# What each command expects, and what it does not.
USABLE = st.fixed_dictionaries(
    {"channelUsers": ROSTERS, "userList": SEARCHES}, optional={"more": VALUES}
)
UNUSABLE = st.dictionaries(
    st.sampled_from(["channelUsers", "userList", "more"]), VALUES, max_size=3
)
ODD = ["", " ", "NaN", "-Infinity", "null", '"', "'", "{", "1e999999999", "0x", "//"]
ODD += ["\ufeff{}", '{"userList":[],"userList":["00393490777001"]}']
ODD += ["{userList:['00393490777001',],}", "{userList:/*c*/[+1,.5,0x1F,'\\x41']}"]
ODD += ['{"userList":["\\ud800"]}', '{"channelUsers":[{"address":"\\udfff\\ud800"}]}']
ODD += ['{"channelUsers":[{"address":"liam","address":7,"name":1e400}]}']
ODD += ['{"userList":["\\u0000"]}', '{"channelUsers":[{"address":"\\u0000"}]}']


def _many(
    before: list[str], times: list[int], after: list[str]
) -> st.SearchStrategy[str]:
    """Build long texts from short parts: hypothesis prints their strategies."""
    return st.builds(
        lambda before, times, after: before * times + after * times,
        st.sampled_from(before),
        st.sampled_from(times),
        st.sampled_from(after),
    )


DEEP = _many(
    ["[", '{"userList":', '{"channelUsers":[', "[[{a:", "[1,"],
    [10, 63, 64, 65, 990, 10_000],
    ["]", "}", "]}", ""],
)
LONG = st.builds(
    "{{{}:[{}]}}".format,
    st.sampled_from(['"userList"', '"channelUsers"']),
    _many(["9", "1e", '"0",', "{},", "-0,", "\\"], [4_300, 4_301, 10_001], ["", "0"]),
)


def payloads() -> st.SearchStrategy[str]:
    """Texts that XML can carry; more often than not, JSON that a command can use."""
    usable = USABLE.map(json.dumps)
    choices = st.lists(st.sampled_from([True, False, False]), min_size=4, max_size=4)
    loose = st.builds(_loose, st.one_of(USABLE, UNUSABLE, VALUES), choices)
    piece = st.sampled_from(
        ["", '"', "\\", "]", "}", ",", "\\ud800", "NaN", "'", "/*", "\ufeff"]
    )
    mangled = st.builds(_mangled, usable, st.integers(0, 500), st.integers(0, 5), piece)
    odd = st.one_of(st.sampled_from(ODD), DEEP, LONG)
    kinds = st.sampled_from([usable, usable, usable, loose, mangled, odd])
    return kinds.flatmap(lambda kind: kind).map(_carried)


def _loose(value: Any, choices: Sequence[bool]) -> str:
    """``value`` as JSON, or as JSON5 that is close to it."""
    looser = ('"channelUsers"', "channelUsers"), ("]", ",]"), ('"', "'")
    text = json.dumps(value, ensure_ascii=choices[0])
    for chosen, (before, after) in zip(choices[1:], looser, strict=True):
        text = text.replace(before, after) if chosen else text
    return text


def _mangled(text: str, place: int, length: int, piece: str) -> str:
    """``text`` with a part of it cut out, and ``piece`` in its place."""
    start = place % (len(text) + 1)
    return text[:start] + piece + text[start + length :]


def _carried(text: str) -> str:
    return "".join(one for one in text if one in "\t\n\r" or one >= " ").translate(
        dict.fromkeys(map(ord, "\ufffe\uffff"))
    )
