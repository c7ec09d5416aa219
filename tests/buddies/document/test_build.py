"""The document that clients read."""

import json
from datetime import timedelta
from random import Random

import pytest

from buddies.document import build, parse, shape
from buddies.document.catalogue import catalogue_entries
from buddies.document.shape import EMPTY, INFO, PICTURES
from buddies.models import Buddy
from tests.buddies.conftest import built, channel, group
from tests.buddies.document.texts import CHANNEL, NOW, load
from tests.processes import ROOT
from xmppservice.connection.events import CatalogueEntry

PAYLOADS = ROOT / "tests" / "payloads"
SEED = [PAYLOADS / f"{n}.json" for n in ("bots", "mobile-ticketing", "single-channel")]


def built_names() -> list[str]:
    return [item["info"]["name"] for item in built()["items"]]


@pytest.mark.django_db
@pytest.mark.parametrize("path", SEED, ids=lambda path: path.stem)
def test_a_seed_document_loads_and_comes_back_equal(path):
    text = path.read_text(encoding="utf-8")

    load(text)

    assert built() == json.loads(text)


@pytest.mark.django_db
def test_a_double_escaped_line_break_is_kept_byte_for_byte():
    text = (PAYLOADS / "bots.json").read_text(encoding="utf-8")
    fragment = r"abitazione!\\n\\n\\n\n\nSe completiamo"
    assert fragment in text

    load(text)

    assert fragment in build.dumps(built())


def entry(**fields: str) -> CatalogueEntry:
    item = {"address": "liam", "type": "channel", **fields}
    item["info"] = dict.fromkeys(INFO, "")
    (one,) = catalogue_entries({"items": [item]})
    return one


@pytest.mark.parametrize(
    ("fields", "to", "thread"),
    [
        ({}, "liam", ""),
        ({"address": "Liam"}, "liam", ""),
        ({"serverAddress": "bots"}, "bots", "liam"),
        ({"serverAddress": "liam"}, "liam", "liam"),
        (
            {"serverAddress": "bots@Elsewhere.example/x"},
            "bots@elsewhere.example/x",
            "liam",
        ),
        ({"serverAddress": "bots@@"}, "", "liam"),
        ({"address": "a b"}, r"a\20b", ""),
        ({"address": " b"}, "", ""),
    ],
)
def test_a_catalogue_entry_says_where_to_write(fields, to, thread):
    one = entry(**fields)
    assert (one.to, one.thread) == (to, thread)


@pytest.mark.parametrize(
    "thumb",
    [
        "https://elsewhere.example/t.webp",
        "/media/avatars/" + "0" * 32 + "-96.webp",
        "/media/avatars/../../secret-key",
        "/media/avatars/deeper/" + "0" * 32 + "-96.webp",
    ],
)
def test_a_foreign_or_missing_thumbnail_is_empty(thumb):
    info = dict.fromkeys(INFO, "") | {"thumbUrl": thumb}
    item = {"address": "liam", "type": "channel", "info": info}
    (one,) = catalogue_entries({"items": [item]})
    assert one.thumb == b""


def test_catalogue_entries_list_each_group_before_its_children():
    info = dict.fromkeys(INFO, "")
    inner = [{"address": name, "type": "channel", "info": info} for name in "bc"]
    items = [
        {"address": "a", "type": "group", "info": info, "items": inner},
        {"address": "d", "type": "channel", "info": info},
    ]
    found = [
        (one.address, one.parent, one.is_group, one.local)
        for one in catalogue_entries({"items": items})
    ]
    assert found == [
        ("a", "", True, ""),
        ("b", "a", False, "b"),
        ("c", "a", False, "c"),
        ("d", "", False, "d"),
    ]


@pytest.mark.django_db
def test_text_is_written_unescaped():
    channel("perché 🎭")
    assert "perché 🎭" in build.dumps(built())


@pytest.mark.django_db
def test_an_empty_tree_is_the_empty_document():
    assert build.dumps(built()) == EMPTY


@pytest.mark.django_db
def test_a_group_has_exactly_the_fields_of_the_contract():
    channel("romeo", group("verona", status="fair", image_url="i", thumb_url="t"))

    (item,) = built()["items"]

    below = item.pop("items")
    assert [child["address"] for child in below] == ["romeo"]
    assert item == {
        "address": "verona",
        "type": "group",
        "mobileIsPublished": False,
        "webIsPublished": True,
        "info": {"name": "verona", "status": "fair", "imageUrl": "i", "thumbUrl": "t"},
    }


@pytest.mark.django_db
@pytest.mark.parametrize("server", ["", "bots"])
def test_a_channel_has_exactly_the_fields_of_the_contract(server):
    channel("romeo", server_address=server, default_message="Soft!")

    (item,) = built()["items"]

    assert item == {
        "address": "romeo",
        **({"serverAddress": server} if server else {}),
        "type": "channel",
        "mobileIsPublished": False,
        "webIsPublished": True,
        "info": {
            "name": "romeo",
            "status": "",
            "imageUrl": "",
            "thumbUrl": "",
            "defaultMessage": "Soft!",
        },
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mobile", "web"), [(True, True), (True, False), (False, True)]
)
def test_flags_are_those_of_the_item_itself(mobile, web):
    verona = group("verona", mobile_is_published=not mobile, web_is_published=True)
    channel("romeo", verona, mobile_is_published=mobile, web_is_published=web)

    (above,) = built()["items"]
    (below,) = above["items"]

    assert (above["mobileIsPublished"], above["webIsPublished"]) == (not mobile, True)
    assert (below["mobileIsPublished"], below["webIsPublished"]) == (mobile, web)


@pytest.mark.django_db
def test_a_draft_is_left_out_with_everything_below_it():
    verona = group("verona", web_is_published=False)
    channel("romeo", group("montague", verona))
    channel("mario", web_is_published=False)
    channel("juliet")

    assert built_names() == ["juliet"]


@pytest.mark.django_db
def test_groups_left_without_items_are_left_out():
    montague = group("montague", group("verona"))
    channel("romeo", montague, web_is_published=False)
    group("mantua")
    channel("juliet")

    assert built_names() == ["juliet"]


@pytest.mark.django_db
def test_the_whole_tree_has_drafts_and_empty_groups():
    verona = group("verona", web_is_published=False)
    channel("romeo", verona)
    group("mantua")

    whole = build.whole(Buddy.objects.all())

    assert [item["info"]["name"] for item in whole["items"]] == ["verona", "mantua"]
    assert [len(item["items"]) for item in whole["items"]] == [1, 0]


def test_items_are_ordered_by_position_then_age():
    places = [(1, 5), (2, 5), (3, 0), (4, 9), (5, 7)]  # pk, position
    buddies = [
        Buddy(
            pk=pk,
            position=position,
            name=str(pk),
            address=str(pk),
            web_is_published=True,
        )
        for pk, position in places
    ]
    Random(7).shuffle(buddies)

    items = build.published(buddies, NOW)["items"]

    assert [item["info"]["name"] for item in items] == ["3", "1", "2", "5", "4"]


def test_a_tree_of_depth_200_survives_a_round_trip():
    groups = [
        Buddy(
            pk=n, name="v", parent_id=n - 1 or None, type="group", web_is_published=True
        )
        for n in range(1, 200)
    ]
    leaf = Buddy(pk=200, name="romeo", parent_id=199, web_is_published=True)

    nodes = parse.loads(build.dumps(build.published([*groups, leaf], NOW)))

    assert [node.parent for node in nodes] == [None, *range(199)]
    assert nodes[-1].fields["type"] == "channel"


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("begin", "end", "shown"),
    [
        (None, None, True),
        (-HOUR, None, True),
        (None, HOUR, True),
        (-HOUR, HOUR, True),
        (HOUR, None, False),
        (None, -HOUR, False),
        (-2 * HOUR, -HOUR, False),
        (HOUR, 2 * HOUR, False),
        # The beginning is inclusive, the end exclusive.
        (0 * HOUR, None, True),
        (None, 0 * HOUR, False),
    ],
)
def test_an_entry_is_shown_during_its_schedule(begin, end, shown):
    romeo = Buddy(
        pk=1,
        name="romeo",
        web_is_published=True,
        visible_from=None if begin is None else NOW + begin,
        visible_until=None if end is None else NOW + end,
    )

    assert bool(build.published([romeo], NOW)["items"]) == shown
    late = "hidden by its schedule"
    assert build.remarks(romeo, False, NOW) == ([] if shown else [late])


def test_a_group_hides_its_entries_until_its_schedule_begins():
    shown = {"name": "verona", "web_is_published": True}
    verona = Buddy(pk=1, type="group", **shown, visible_from=NOW)
    romeo = Buddy(pk=2, parent_id=1, **shown)

    assert build.published([verona, romeo], NOW - HOUR) == {"items": []}
    assert len(build.published([verona, romeo], NOW)["items"][0]["items"]) == 1


def test_a_group_is_left_out_while_schedules_hide_all_its_entries():
    shown = {"name": "verona", "web_is_published": True}
    verona = Buddy(pk=1, type="group", **shown)
    romeo = Buddy(pk=2, parent_id=1, **shown, visible_from=NOW + HOUR)

    assert build.published([verona, romeo], NOW) == {"items": []}
    assert build.whole([verona, romeo])["items"][0]["items"]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([], None),
        ([(None, None)], None),
        ([(-HOUR, 0 * HOUR)], None),
        ([(-HOUR, 2 * HOUR), (HOUR, 3 * HOUR)], HOUR),
        ([(2 * HOUR, None), (None, HOUR)], HOUR),
    ],
)
def test_the_next_change_is_the_earliest_future_time(moments, expected):
    buddies = [
        Buddy(
            web_is_published=True,
            visible_from=None if begin is None else NOW + begin,
            visible_until=None if end is None else NOW + end,
        )
        for begin, end in moments
    ]

    found = build.next_change(buddies, NOW)

    assert found == (None if expected is None else NOW + expected)


def test_the_schedule_of_a_draft_changes_nothing():
    draft = Buddy(visible_from=NOW + HOUR)
    assert build.next_change([draft], NOW) is None


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("/media/a.webp", "https://buddies.example.org/x/media/a.webp"),
        ("https://else.example.org/media/a.webp",) * 2,
        ("media/a.webp",) * 2,
        ("/static/a.webp",) * 2,
        ("http://....",) * 2,
        ("",) * 2,
    ],
)
def test_our_picture_urls_are_absolute_only_in_the_document(settings, stored, shown):
    settings.PUBLIC_URL = "https://buddies.example.org/x"
    pictures = {"image_url": stored, "thumb_url": stored}
    buddies = [
        Buddy(pk=1, type=kind, web_is_published=True, **pictures)
        for kind in ("channel", "group")
    ]

    whole = build.whole(buddies)
    nodes = list(parse.read(whole))

    for item in whole["items"]:
        assert [item["info"][key] for key in PICTURES] == [shown] * 2
    for node in nodes:
        assert {name: node.fields[name] for name in pictures} == pictures


def test_a_picture_url_in_another_field_is_text(settings):
    text = f"{settings.PUBLIC_URL}/media/a.webp"
    info = {"name": text, "defaultMessage": "/media/a.webp", "status": text}

    (node,) = parse.read({"items": [{**CHANNEL, "info": info}]})

    assert (node.fields["name"], node.fields["status"]) == (text, text)
    (item,) = build.whole([Buddy(pk=1, **node.fields)])["items"]
    assert item["info"]["defaultMessage"] == "/media/a.webp"


def test_all_items_are_listed_each_group_before_its_children():
    buddies = [
        Buddy(pk=pk, parent_id=parent, position=pk, address=f"{pk}", type=kind)
        for pk, parent, kind in [
            (1, None, "group"),
            (2, 1, "group"),
            (3, 2, "channel"),
            (4, 1, "channel"),
            (5, None, "channel"),
        ]
    ]

    whole = build.whole(buddies)

    assert [item["address"] for item in shape.items(whole)] == list("12345")
    assert shape.addresses(whole) == set("12345")
    assert shape.levels(whole) == 3
    assert shape.levels({"items": []}) == 0
