"""Documents of a given size, as a company would write them."""

import json
from typing import Any

BRANCH = 25  # channels of a group

Item = dict[str, Any]


def dumps(document: Item) -> str:
    """The text that the service makes of such a tree."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def of_entries(count: int) -> Item:
    """Return a tree of ``count`` entries: groups at the top, channels below."""
    groups: list[Item] = []
    for place in range(count):
        if place % (BRANCH + 1) == 0:
            groups.append({**_item("group", place), "items": []})
        else:
            groups[-1]["items"].append(_item("channel", place))
    return {"items": [one for one in groups if one["items"]]}


def of_bytes(size: int) -> Item:
    """Return a tree whose text is about ``size`` bytes long, and no longer."""
    each = len(dumps(of_entries(1 + BRANCH))) / (1 + BRANCH)
    count = int(size / each)
    while len(dumps(of_entries(count)).encode()) > size:
        count -= 1
    return of_entries(count)


def _item(kind: str, place: int) -> Item:
    info = {
        "name": f"{kind.title()} number {place} of the city",
        "status": "Tickets, timetables & news: «every day»",
        "imageUrl": f"https://cdn.example.org/pictures/{place}.png",
        "thumbUrl": f"https://cdn.example.org/thumbs/{place}.png",
    }
    if kind == "channel":
        info["defaultMessage"] = 'Say "Ciao"'
    return {
        "address": f"{kind}-{place}",
        "type": kind,
        "mobileIsPublished": True,
        "webIsPublished": True,
        "info": info,
    }
