"""The difference between two documents, in words."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.document import diff, shape
from buddies.document.shape import INFO, Document
from tests.buddies.document.test_parse import trees


def channel(address: str, **info: str) -> dict:
    empty = dict.fromkeys(INFO, "")
    return {
        "address": address,
        "type": "channel",
        "mobileIsPublished": True,
        "webIsPublished": True,
        "info": {**empty, "name": address, **info},
    }


def group(address: str, *below: dict) -> dict:
    item = channel(address)
    del item["info"]["defaultMessage"]
    return {**item, "type": "group", "items": list(below)}


def items(words: str) -> list[dict]:
    """Return the items of an outline like "a (b c (d)) e"; brackets make a group."""
    found: list[list[dict]] = [[]]
    for word in words.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            above = found[-1].pop()
            found[-1].append(group(above["address"]))
            found.append(found[-1][-1]["items"])
        elif word == ")":
            found.pop()
        else:
            found[-1].append(channel(word))
    return found[0]


def doc(words: str) -> Document:
    return {"items": items(words)}


def describe(old: str, new: str) -> list[str]:
    found = diff.between(doc(old), doc(new))
    return [f"{one.kind} {one.name}: {one.words}" for one in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("a (b c) d", "a (b c) d", []),
        ("a", "a b", ["added b: at the top"]),
        ("a b", "a", ["removed b: at the top"]),
        ("a (b)", "a (b c)", ["added c: inside “a”"]),
        ("a (b c)", "a (b)", ["removed c: inside “a”"]),
        ("x", "x a (b)", ["added a: at the top, with 1 item"]),
        ("x", "x a (b c (d))", ["added a: at the top, with 3 items"]),
        ("x (a (b c (d)) y)", "x (y)", ["removed a: inside “x”, with 3 items"]),
        # Entries added or removed with their group are counted there, once.
        (
            "b",
            "a (b c)",
            ["added a: at the top, with 1 item", "moved b: top level → “a”"],
        ),
        (
            "a (b c)",
            "b",
            ["removed a: at the top, with 1 item", "moved b: “a” → top level"],
        ),
        (
            "a (b (c) d)",
            "b (x)",
            [
                "removed a: at the top, with 1 item",
                "removed c: inside “b”",
                "added x: inside “b”",
                "moved b: “a” → top level",
            ],
        ),
        ("a (x b) c (y)", "a (x) c (y b)", ["moved b: “a” → “c”"]),
        # Entries that move with their group are not listed.
        (
            "a (b (c d)) e (f)",
            "a (g) e (f b (c d))",
            ["added g: inside “a”", "moved b: “a” → “e”"],
        ),
        (
            "a (b (c))",
            "b (a (c))",
            [
                "moved b: “a” → top level",
                "moved a: top level → “b”",
                "moved c: “b” → “a”",
            ],
        ),
        # The fewest entries that explain the order.
        ("a b c d e", "b c d e a", ["reordered a: at the top"]),
        ("a b c d e", "e a b c d", ["reordered e: at the top"]),
        ("a b c d e", "a d b c e", ["reordered d: at the top"]),
        (
            "g (a b c d)",
            "g (b a d c)",
            ["reordered b: inside “g”", "reordered d: inside “g”"],
        ),
        # Entries that leave or join do not reorder the others.
        ("a b c", "a x c", ["removed b: at the top", "added x: at the top"]),
        (
            "a b (y) c",
            "c b (y a)",
            ["moved a: top level → “b”", "reordered c: at the top"],
        ),
    ],
)
def test_each_difference_is_listed_once(old, new, expected):
    assert describe(old, new) == expected


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"mobileIsPublished": False}, "hidden", "on mobile"),
        ({"webIsPublished": False}, "hidden", "on web"),
        ({"serverAddress": "bots"}, "edited", "server address: “” → “bots”"),
        ({"info": {"name": "Romeo"}}, "edited", "name: “romeo” → “Romeo”"),
        ({"info": {"status": "fair"}}, "edited", "status text: “” → “fair”"),
        ({"info": {"imageUrl": "i"}}, "edited", "image address: “” → “i”"),
        ({"info": {"thumbUrl": "t"}}, "edited", "thumbnail address: “” → “t”"),
        ({"info": {"defaultMessage": "m"}}, "edited", "default message: “” → “m”"),
    ],
)
def test_each_field_change_is_described_in_both_directions(change, kind, words):
    romeo = channel("romeo")
    other = {**romeo, **change, "info": {**romeo["info"], **change.get("info", {})}}
    turned = {"hidden": "shown", "edited": "edited"}[kind]

    (there,) = diff.between({"items": [romeo]}, {"items": [other]})
    (back,) = diff.between({"items": [other]}, {"items": [romeo]})

    assert (there.kind, there.words) == (kind, words)
    assert there.label == kind
    assert (there.address, back.address) == ("romeo", "romeo")
    assert back.kind == turned
    if kind == "edited":
        field, _colon, both = words.partition(": ")
        before, after = both.split(" → ")
        assert back.words == f"{field}: {after} → {before}"


def test_a_changed_type_is_an_edit():
    old = doc("a b")
    new = doc("a (c) b")
    found = diff.between(old, new)
    assert [(one.kind, one.name) for one in found] == [("added", "c"), ("edited", "a")]
    assert found[1].words == "type: “channel” → “group”"


def test_one_entry_may_have_many_changes():
    old, new = doc("a b c (d)"), doc("b c (d a)")
    item = new["items"][1]["items"][1]
    item |= {"webIsPublished": False, "info": {**item["info"], "name": "A"}}

    found = diff.between(old, new)

    assert [one.kind for one in found] == ["moved", "hidden", "edited"]
    assert {one.address for one in found} == {"a"}


@pytest.mark.parametrize(("at", "length"), [(0, 500), (70, 500), (499, 500), (59, 61)])
def test_only_the_differing_part_of_a_long_text_is_shown(at, length):
    old = "x" * length
    new = old[:at] + "y" + old[at + 1 :]

    (change,) = diff.between(
        {"items": [channel("a", status=old)]}, {"items": [channel("a", status=new)]}
    )

    before, after = change.words.removeprefix("status text: ").split(" → ")
    assert before != after
    assert "y" in after
    assert max(len(before), len(after)) <= diff.MAX_CHARACTERS + 4


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("romeo\u200b", "name: “romeo” → “romeo[zero-width space]”"),
        ("r\u043emeo", "name: “romeo” → “r\u043e[U+043E]meo”"),
        ("ro\nmeo ", "name: “romeo” → “ro[line break]meo[space]”"),
    ],
)
def test_a_difference_that_cannot_be_seen_is_named(new, words):
    (change,) = diff.between(doc("romeo"), {"items": [channel("romeo", name=new)]})

    assert change.words == words


def test_a_longer_text_is_visibly_different():
    short, long = "x" * 60, "x" * 80

    (change,) = diff.between(
        {"items": [channel("a", status=short)]}, {"items": [channel("a", status=long)]}
    )

    before, after = change.words.removeprefix("status text: ").split(" → ")
    assert before != after


@settings(max_examples=50)
@given(one=trees(), other=trees())
def test_documents_are_equal_exactly_when_no_change_is_listed(one, other):
    assert (diff.between(one, other) == []) == (one == other)
    assert diff.between(one, copy.deepcopy(one)) == []


ADDRESSES = st.permutations("abcdefgh")


@st.composite
def outlines(draw: st.DrawFn) -> Document:
    """Draw documents of few addresses, so that two have much in common."""
    top: list[dict] = []
    lists = [top]
    for address in draw(ADDRESSES)[: draw(st.integers(0, 8))]:
        item = group(address) if draw(st.booleans()) else channel(address)
        item["webIsPublished"] = draw(st.sampled_from([True, True, True, False]))
        draw(st.sampled_from(lists)).append(item)
        if "items" in item:
            lists.append(item["items"])
    return {"items": top}


@settings(max_examples=400)
@given(one=outlines(), other=outlines())
def test_similar_documents_are_equal_exactly_when_no_change_is_listed(one, other):
    found = diff.between(one, other)

    assert (found == []) == (one == other)
    there, back = found, diff.between(other, one)
    turn = {
        "added": "removed",
        "removed": "added",
        "shown": "hidden",
        "hidden": "shown",
    }
    kinds = sorted(turn.get(change.kind, change.kind) for change in there)
    assert kinds == sorted(change.kind for change in back)
    # Each entry in only one of them is a change, or counted in one.
    gone = shape.addresses(one) ^ shape.addresses(other)
    assert gone >= {c.address for c in found if c.kind in ("added", "removed")}
    counted = [
        int(c.words.split("with ")[1].split()[0]) for c in found if "with" in c.words
    ]
    tops = [c for c in found if c.kind in ("added", "removed")]
    assert len(tops) + sum(counted) == len(gone)


@settings(max_examples=200)
@given(order=st.permutations("abcdefgh"))
def test_a_new_order_is_described_with_the_fewest_entries(order):
    found = describe("a b c d e f g h", " ".join(order))

    # The others keep their order, and no larger set of them could.
    named = {one.split()[1].rstrip(":") for one in found}
    stayed = [address for address in order if address not in named]
    assert stayed == sorted(stayed)
    assert len(stayed) == longest(order)


def longest(order: list[str]) -> int:
    """Return the length of a longest ascending subsequence, in quadratic time."""
    ends = [1] * len(order)
    for place, one in enumerate(order):
        ends[place] += max((ends[i] for i in range(place) if order[i] < one), default=0)
    return max(ends)


def test_ten_thousand_reversed_entries_are_compared():
    addresses = [f"{number}" for number in range(10_000)]
    old = {"items": [channel(address) for address in addresses]}
    new = {"items": old["items"][::-1]}

    assert diff.between(old, old) == []
    assert len(diff.between(old, new)) == 9_999


def test_a_document_of_many_levels_is_compared():
    below = channel("leaf")
    for number in range(2_000):
        below = group(f"{number}", below)

    (change,) = diff.between({"items": []}, {"items": [below]})

    assert change.words == "at the top, with 2000 items"
