"""What a planned document would undo of what went live after its review."""

from typing import Any

from buddies.document import shape
from buddies.document.shape import Document

Facts = dict[tuple[str, str], Any]


def undone(reviewed: Document, live: Document, planned: Document) -> list[str]:
    """Return the names of the items whose newest change ``planned`` does not have.

    That change is one from ``reviewed``, which was live at the review, to ``live``:
    an item was added, removed, moved, edited, shown, hidden or reordered.
    """
    before, now, then = _facts(reviewed), _facts(live), _facts(planned)
    lost = {
        key[0]
        for key in before.keys() | now.keys()
        if before.get(key) != now.get(key) != then.get(key)
    }
    lost |= _reordered(_orders(reviewed), _orders(live), _orders(planned))
    items = (*shape.items(reviewed), *shape.items(live))
    names = {item["address"]: item["info"]["name"] for item in items}
    return [name for address, name in names.items() if address in lost]


def _facts(document: Document) -> Facts:
    """Return each value of each item, and its group, by address and key."""
    groups = {
        child: group for group, below in _orders(document).items() for child in below
    }
    facts: Facts = {}
    for item in shape.items(document):
        address = item["address"]
        values = {**item, **item["info"], "group": groups[address]}
        facts |= {
            (address, key): value
            for key, value in values.items()
            if key not in ("info", "items")
        }
    return facts


def _orders(document: Document) -> dict[str, list[str]]:
    """Return the addresses in each group; those of the top level below ``""``."""
    below = {item["address"]: item.get("items", []) for item in shape.items(document)}
    below[""] = document["items"]
    return {group: [i["address"] for i in items] for group, items in below.items()}


def _reordered(*orders: dict[str, list[str]]) -> set[str]:
    """Return the items whose order changed, and changes again otherwise."""
    lost: set[str] = set()
    for group in set.intersection(*map(set, orders)):
        # Others were added, removed or moved.
        common = set.intersection(*(set(order[group]) for order in orders))
        before, now, then = (
            [address for address in order[group] if address in common]
            for order in orders
        )
        if before != now != then:
            lost |= {a for a, b in zip(now, then, strict=True) if a != b}
    return lost
