"""The rows of a campaign: its differences as they are stored, and the log of edits."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from buddies.campaigns.merge import Change, Differences, Order
from buddies.models import Arrangement, Campaign, Difference, DifferenceLog
from buddies.tree.snapshot import NAMES, SCHEDULE, Key, Values

ENTRY, ORDER = DifferenceLog.About
ADDED, CHANGED, REMOVED = Difference.Kind

Row = dict[str, Any]  # of an entry: its kind and fields; of an order: was and now
Rows = dict[tuple[str, str], Row]  # by what it is about and the key


class Stored(NamedTuple):
    """A campaign's rows. ``ids`` of the added entries are negative numbers."""

    rows: Rows
    ids: dict[Key, int]

    @property
    def differences(self) -> Differences:
        return differences_of(self.rows)


def read(campaign: Campaign) -> Stored:
    """Return what is stored of a campaign."""
    rows: Rows = {}
    ids: dict[Key, int] = {}
    for one in campaign.differences.order_by("pk"):
        key = str(one.key)
        rows[ENTRY, key] = {"kind": one.kind, "fields": one.fields}
        if one.kind == ADDED:
            ids[key] = -one.pk
    for order in campaign.arrangements.order_by("pk"):
        rows[ORDER, order.group] = {"was": order.was, "now": order.now}
    return Stored(rows, ids)


def number_of(campaign: Campaign, key: Key) -> int:
    """The number that stands for the key of an entry that a campaign adds."""
    return -campaign.differences.values_list("pk", flat=True).get(key=key)


def digest(campaign: Campaign, stored: Stored) -> str:
    """Identify what a campaign does and when: what a review and an approval is of.

    Not the whole document: while others edit what is live, that would change all day.
    """
    moments = (campaign.due_at, campaign.ends_at)
    said = [
        sorted([*at, row] for at, row in stored.rows.items()),
        [moment and moment.astimezone(UTC).isoformat() for moment in moments],
    ]
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


# --- Rows and differences -------------------------------------------------------------


def differences_of(rows: Rows) -> Differences:
    """Return what rows say."""
    result = Differences({}, {}, {}, {})
    for (about, key), row in rows.items():
        if about == ORDER:
            result.orders[key or None] = Order(tuple(row["was"]), tuple(row["now"]))
        elif row["kind"] == ADDED:
            result.added[key] = _complete(row["fields"])
        elif row["kind"] == REMOVED:
            result.removed[key] = _complete(row["fields"])
        else:
            result.changed[key] = {
                name: Change(tuple(one["was"]), one["now"])
                for name, one in row["fields"].items()
                if name in NAMES
            }
    return result


def _complete(fields: Values) -> Values:
    """Return values that an older version stored, with those it did not know."""
    return {name: fields.get(name, DEFAULTS.get(name, "")) for name in NAMES}


DEFAULTS: Values = {
    "parent": None,
    "type": "channel",
    "mobile_is_published": False,
    "web_is_published": False,
    SCHEDULE: [None, None],
}


def rows_of(differences: Differences) -> Rows:
    """Return the rows that say the same."""
    rows: Rows = {}
    for key, values in differences.added.items():
        rows[ENTRY, key] = {"kind": ADDED.value, "fields": dict(values)}
    for key, values in differences.removed.items():
        rows[ENTRY, key] = {"kind": REMOVED.value, "fields": dict(values)}
    for key, changes in differences.changed.items():
        fields = {n: {"was": list(c.was), "now": c.now} for n, c in changes.items()}
        rows[ENTRY, key] = {"kind": CHANGED.value, "fields": fields}
    for group, order in differences.orders.items():
        rows[ORDER, group or ""] = {"was": list(order.was), "now": list(order.now)}
    return rows


# --- Writing --------------------------------------------------------------------------


class Author(NamedTuple):
    """Who edits, when, and why if it is no common edit."""

    editor: str
    at: datetime
    reason: str = ""


def write(
    campaign: Campaign,
    before: Rows,
    after: Rows,
    names: Mapping[Key, str],
    author: Author,
) -> bool:
    """Store the rows that differ, and log them as one version of the campaign.

    ``names`` of entries are for the log. Return whether any differed.
    """
    changed = {
        at for at in before.keys() | after.keys() if before.get(at) != after.get(at)
    }
    if not changed:
        return False
    campaign.version += 1
    campaign.save(update_fields=["version"])
    _store(campaign, {at: after.get(at) for at in changed})
    DifferenceLog.objects.bulk_create(
        (
            DifferenceLog(
                campaign=campaign,
                version=campaign.version,
                about=about,
                key=key,
                name=names.get(key, ""),
                before=before.get((about, key)),
                after=after.get((about, key)),
                editor=author.editor,
                at=author.at,
                reason=author.reason,
            )
            for about, key in sorted(changed)
        ),
        batch_size=500,
    )
    return True


def _store(campaign: Campaign, rows: Mapping[tuple[str, str], Row | None]) -> None:
    entries = {key: row for (about, key), row in rows.items() if about == ENTRY}
    orders = {key: row for (about, key), row in rows.items() if about == ORDER}
    gone = [key for key, row in entries.items() if row is None]
    campaign.differences.filter(key__in=gone).delete()
    Difference.objects.bulk_create(
        (
            Difference(campaign=campaign, key=key, version=campaign.version, **row)
            for key, row in entries.items()
            if row is not None
        ),
        batch_size=500,
        update_conflicts=True,
        unique_fields=["campaign", "key"],
        update_fields=["kind", "fields", "version"],
    )
    gone = [key for key, row in orders.items() if row is None]
    campaign.arrangements.filter(group__in=gone).delete()
    Arrangement.objects.bulk_create(
        (
            Arrangement(campaign=campaign, group=key, version=campaign.version, **row)
            for key, row in orders.items()
            if row is not None
        ),
        update_conflicts=True,
        unique_fields=["campaign", "group"],
        update_fields=["was", "now", "version"],
    )
