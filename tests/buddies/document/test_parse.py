"""Reading a document."""

import json
from functools import partial

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.document import build, parse
from buddies.document.shape import INFO, Document, DocumentError, Item
from buddies.document.text import normal
from buddies.models import MAX_LEVELS, Buddy
from tests.buddies.conftest import STORED
from tests.buddies.document.texts import (
    CHANNEL,
    FLAGS,
    NAME,
    NOW,
    TEXT,
    TEXTS,
    groups,
    load,
)


def channels() -> st.SearchStrategy[Item]:
    info = TEXTS | {"name": NAME}
    return st.fixed_dictionaries(
        {
            "type": st.just("channel"),
            "mobileIsPublished": st.booleans(),
            "webIsPublished": st.booleans(),
            "info": st.fixed_dictionaries(info),
        },
        optional={"serverAddress": NAME.map(partial(normal, "server_address"))},
    )


@st.composite
def trees(draw: st.DrawFn) -> Document:
    items = draw(st.lists(st.recursive(channels(), groups, max_leaves=8), max_size=4))
    waiting, number = list(items), 0
    while waiting:
        item = waiting.pop()
        number += 1
        item["address"] = normal("address", f"{draw(TEXT)}{number}")
        waiting += item.get("items", [])
    return {"items": items}


@pytest.mark.django_db
@settings(STORED, max_examples=25)
@given(whole=trees())
def test_the_whole_tree_survives_a_round_trip(whole):
    with transaction.atomic():
        load(json.dumps(whole))
        first = build.whole(Buddy.objects.all())
        load(build.dumps(first), replace=True)
        second = build.whole(Buddy.objects.all())
        transaction.set_rollback(True)

    assert first == whole
    assert second == whole


def test_nodes_come_parents_first_with_their_paths():
    def item(address: str, *below: dict) -> dict:
        kind = {"type": "group", "items": list(below)} if below else {"type": "channel"}
        return {"address": address, **kind, **FLAGS, "info": {}}

    text = json.dumps(
        {"items": [item("verona", item("house", item("romeo"))), item("m")]}
    )

    nodes = parse.loads(text)

    assert [(node.path, node.parent, node.fields["address"]) for node in nodes] == [
        ("items[0]", None, "verona"),
        ("items[1]", None, "m"),
        ("items[0].items[0]", 0, "house"),
        ("items[0].items[0].items[0]", 2, "romeo"),
    ]


GROUP = {**CHANNEL, "type": "group", "items": []}


def without(item: dict, key: str) -> dict:
    return {name: value for name, value in item.items() if name != key}


@pytest.mark.parametrize(
    ("wrong", "path", "reason"),
    [
        ([], "document", "must be an object"),
        ("text", "document", "must be an object"),
        (None, "document", "must be an object"),
        ({}, "items", "must be a list"),
        ({"items": {}}, "items", "must be a list"),
        ({"items": [], "more": 1}, "document.more", "is not a field of the document"),
        ({"items": [CHANNEL, 7]}, "items[1]", "must be an object"),
        (
            {"items": [{**CHANNEL, "colour": "red"}]},
            "items[0].colour",
            "is not a field of the document",
        ),
        (
            {"items": [without(CHANNEL, "type")]},
            "items[0].type",
            "must be group or channel",
        ),
        (
            {"items": [{**CHANNEL, "type": []}]},
            "items[0].type",
            "must be group or channel",
        ),
        (
            {"items": [{**CHANNEL, "items": []}]},
            "items[0].items",
            "a channel has no items",
        ),
        ({"items": [{**GROUP, "items": None}]}, "items[0].items", "must be a list"),
        (
            {"items": [{**GROUP, "items": [0]}]},
            "items[0].items[0]",
            "must be an object",
        ),
        ({"items": [without(CHANNEL, "info")]}, "items[0].info", "must be an object"),
        (
            {"items": [{**CHANNEL, "info": {"age": 13}}]},
            "items[0].info.age",
            "is not a field of the document",
        ),
        ({"items": [{**CHANNEL, "address": 1}]}, "items[0].address", "must be text"),
        (
            {"items": [{**CHANNEL, "serverAddress": None}]},
            "items[0].serverAddress",
            "must be text",
        ),
        *(
            (
                {"items": [{**CHANNEL, "info": {key: False}}]},
                f"items[0].info.{key}",
                "must be text",
            )
            for key in INFO
        ),
        *(
            (
                {"items": [{**CHANNEL, key: value}]},
                f"items[0].{key}",
                "must be a date and time, such as 2026-12-31T18:30Z",
            )
            for key in ("visibleFrom", "visibleUntil")
            for value in (None, 7, "", "soon", "31/12/2026 18:30", "2026-02-30T10:00")
        ),
        *(
            ({"items": [changed]}, f"items[0].{key}", "must be true or false")
            for key in FLAGS
            for changed in (without(CHANNEL, key), {**CHANNEL, key: 1})
        ),
        (
            {"items": [{**GROUP, "items": [CHANNEL, {**GROUP, "items": [{}]}]}]},
            "items[0].items[1].items[0].type",
            "must be group or channel",
        ),
    ],
)
def test_a_wrong_shape_is_refused_with_its_place_and_the_reason(wrong, path, reason):
    with pytest.raises(DocumentError) as caught:
        parse.loads(json.dumps(wrong))

    assert (caught.value.path, caught.value.reason) == (path, reason)
    assert str(caught.value) == f"{path}: {reason}"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("items", "document.items"),
        ("address", "items[0].address"),
        ("webIsPublished", "items[0].webIsPublished"),
        ("name", "items[0].info.name"),
    ],
)
def test_a_field_that_appears_twice_is_refused(key, path):
    """JSON itself would drop all but the last, and with it a part of the tree."""
    text = json.dumps({"items": [CHANNEL]})
    field = f'"{key}":'
    assert text.count(f"{field} ") == 1

    with pytest.raises(DocumentError) as caught:
        parse.loads(text.replace(field, f"{field} 7, {field}"))

    assert (caught.value.path, caught.value.reason) == (path, "appears twice")


@pytest.mark.parametrize(
    ("text", "place"),
    [("", "line 1, column 1"), ('{\n "items": [}', "line 2, column 12")],
)
def test_invalid_json_is_refused_with_line_and_column(text, place):
    with pytest.raises(DocumentError, match="not JSON: ") as caught:
        parse.loads(text)

    assert caught.value.path == place


def test_json_nested_too_deeply_is_refused():
    with pytest.raises(DocumentError) as caught:
        parse.loads("[" * 100_000)

    assert str(caught.value) == "nested too deeply"


def test_more_levels_than_allowed_are_refused():
    items: list[dict] = [CHANNEL]
    for number in range(MAX_LEVELS):
        items = [{**GROUP, "address": f"level-{number}", "items": items}]

    with pytest.raises(DocumentError, match=f"deeper than {MAX_LEVELS} "):
        parse.loads(json.dumps({"items": items}))


def test_a_group_may_leave_out_its_items():
    (node,) = parse.loads(json.dumps({"items": [without(GROUP, "items")]}))
    assert node.fields["type"] == "group"


def test_a_number_with_too_many_digits_is_refused():
    with pytest.raises(DocumentError, match="a number is too long"):
        parse.loads('{"items": ' + "9" * 5_000 + "}")


def test_remarks_say_why_an_entry_is_hidden_or_flawed():
    channel = Buddy(name="romeo", web_is_published=True)
    assert build.remarks(channel, True, NOW) == []

    channel.default_message = "two\\nlines"
    assert build.remarks(channel, True, NOW) == ["contains escaped text such as &amp;"]

    group = Buddy(name="verona", type="group")
    empty = ["draft: not published anywhere", "empty group: not shown to apps"]
    assert build.remarks(group, True, NOW) == empty
