"""The documents that the kit publishes, and what follows from them for a client."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

FLAGS = {"mobile": "mobileIsPublished", "web": "webIsPublished"}

Item = dict[str, Any]


class Expected(NamedTuple):
    """Where messages may go, and why not elsewhere, by JID."""

    routes: frozenset[tuple[str, str]]
    reasons: Mapping[str, str]

    def why(self, to: str) -> str:
        return self.reasons.get(to, "no channel of the document has this address")


def document(service: str, version: int) -> str:
    """Return the document; the second version has one more channel.

    All addresses are below the service, where the kit sees what comes. For each
    platform, what comes first is a trap.
    """
    at = f"@{service}"
    items = [
        _item("later", "carousel", below=[_channel("inside-later", at)]),
        _item("all-hidden", "group", on="", below=[_channel("inside-hidden", at)]),
        _group("mobile-only", _channel("mobile", at, on="mobile")),
        _group("web-only", _channel("web", at, on="web")),
        _group("both", _channel("both", at) | {"colour": "red"}),
        _item(f"direct{at}", "channel"),
    ]
    if version > 1:
        items.append(_channel("new", at))
    return json.dumps({"items": items}, ensure_ascii=False)


def expected(service: str, platform: str) -> Expected:
    at = f"@{service}"
    other = "web" if platform == "mobile" else "mobile"
    threads = {name: f"thread of {name} \u2615" for name in (platform, "both", "new")}
    routes = {(f"{name}{at}", thread) for name, thread in threads.items()}
    return Expected(
        frozenset({*routes, (f"direct{at}", "")}),
        {
            f"inside-later{at}": "it is in an item of a type that no client knows yet",
            f"inside-hidden{at}": "the group above it is not published",
            f"{other}{at}": f"it is published for {other} only",
        },
    )


def _channel(name: str, at: str, on: str = "mobile web") -> Item:
    channel = _item(f"thread of {name} \u2615", "channel", on=on)
    return channel | {"serverAddress": f"{name}{at}"}


def _group(address: str, *below: Item) -> Item:
    return _item(address, "group", below=list(below))


def _item(
    address: str,
    type: str,
    on: str = "mobile web",
    below: list[Item] | None = None,
) -> Item:
    info = {"name": address.title(), "status": "", "imageUrl": "", "thumbUrl": ""}
    if type == "channel":
        info["defaultMessage"] = ""
    flags = {flag: platform in on.split() for platform, flag in FLAGS.items()}
    item = {"address": address, "type": type, **flags, "info": info}
    return item if below is None else {**item, "items": below}
