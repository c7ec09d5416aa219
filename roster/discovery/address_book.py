"""An owner's contacts, stored as keyed digests.

A number at rest is an HMAC-SHA-256 under a key that is not in the database. Rows
name their key; a lookup tries all configured keys, and moves the rows it finds to the
newest. Source: contract, 3 ("Every received contact is remembered …").
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection

from roster import msisdn
from roster.discovery.budget import Budget, Stored
from roster.discovery.digests import Key, keys, prefix_of
from roster.models import Account, AddressBookEntry, Flag, LateJoin
from xmppservice.protocol.jids import domain_of
from xmppservice.runtime.queries import MAX_PARAMETERS, batches, read_by_rows

# How often, at most, seen_at of a contact and last_seen of an owner are updated.
CONTACT_SEEN_INTERVAL, OWNER_SEEN_INTERVAL = timedelta(days=30), timedelta(hours=1)

# Uncharged contacts of an owner: more are not remembered.
MAX_UNCHARGED = 20_000
MOVE_BATCH_SIZE = 500


class AddressBook:
    """The contacts of ``owner`` in one batch, and the budget for them.

    Nothing is stored before :meth:`save`.
    """

    def __init__(
        self,
        owner: Account,
        contacts: Collection[str],
        now: datetime,
        stored: dict[str, Stored],
        *,
        is_flagged: bool,
    ) -> None:
        self.owner, self.now = owner, now
        self.contacts = contacts
        self.stored = stored
        self.budget = Budget(owner, now, stored, is_flagged=is_flagged)
        self.hits: set[str] = set()
        self._refused: set[str] = set()
        self._newest_key = keys()[0].name

    def take_foreign(self, contact: str) -> bool:
        """Whether a contact of a domain that is not served may be added today.

        One that may not is not remembered: tomorrow it is new again.
        """
        is_taken = self.budget.take_foreign(contact)
        if not is_taken:
            self._refused.add(contact)
        return is_taken

    def save(self) -> None:
        """Store the contacts, what was charged, and a new flag."""
        if self._is_erased():
            return
        self._add_new()
        self._mark_seen()
        self._mark_charged()
        self._join_late()
        self._move_to_newest_key()
        if self.budget.reasons:
            flag = Flag(
                owner=self.owner, reasons=self.budget.reasons, raised_at=self.now
            )
            Flag.objects.bulk_create([flag], ignore_conflicts=True)
        self._save_owner()

    def has_changes(self) -> bool:
        """Whether there is anything to store: most owners repeat the same contacts."""
        return bool(
            self.budget.charged
            or self.budget.reasons
            or self._new()
            or self._unseen()
            or self._new_hits()
            or self._owner_values()
            or any(map(self._is_old, self.stored.items()))
        )

    def _is_erased(self) -> bool:
        return not Account.objects.filter(pk=self.owner.pk).exists()

    def _add_new(self) -> None:
        key = keys()[0]
        AddressBookEntry.objects.bulk_create(
            (
                AddressBookEntry(
                    owner=self.owner,
                    digest=key.digest(contact),
                    key=key.name,
                    prefix=self._prefix(contact),
                    asked_at=self.now if contact in self.budget.charged else None,
                    hit=contact in self.hits,
                    added_at=self.now,
                    seen_at=self.now,
                )
                for contact in self._entries_to_add()
            ),
            ignore_conflicts=True,
        )

    def _entries_to_add(self) -> list[str]:
        """New contacts, with a limited number of uncharged ones."""
        new = self._new()
        uncharged = [contact for contact in new if contact not in self.budget.charged]
        if not uncharged:
            return new
        rows = AddressBookEntry.objects.filter(owner=self.owner, asked_at=None)
        room = max(0, MAX_UNCHARGED - rows.count())
        omitted = set(uncharged[room:])
        return [contact for contact in new if contact not in omitted]

    def _new(self) -> list[str]:
        known = self.stored.keys() | self._refused
        return [contact for contact in self.contacts if contact not in known]

    def _mark_charged(self) -> None:
        known = self.budget.charged & self.stored.keys()
        self._update(known, asked_at=self.now)
        self._update(self._new_hits(), hit=True)

    def _mark_seen(self) -> None:
        self._update(self._unseen(), seen_at=self.now)

    def _unseen(self) -> set[str]:
        return {contact for contact, row in self.stored.items() if row.is_unseen}

    def _new_hits(self) -> set[str]:
        return set(filter(self._is_new_hit, self.hits))

    def _is_new_hit(self, contact: str) -> bool:
        row = self.stored.get(contact)
        is_charged = contact in self.budget.charged or self.budget.was_asked(contact)
        return row is not None and not row.hit and is_charged

    def _update(self, contacts: Iterable[str], **values: object) -> None:
        for part in batches(
            (self.stored[contact].pk for contact in contacts), MAX_PARAMETERS
        ):
            AddressBookEntry.objects.filter(pk__in=part).update(**values)

    def _join_late(self) -> None:
        """Queue contacts announced as users since the lookup, without this entry."""
        misses = self.budget.charged - self.hits
        for part in batches(misses, MAX_PARAMETERS):
            jids = [self._jid_of(contact) for contact in part]
            joined = Account.objects.filter(jid__in=jids, announced=True)
            LateJoin.objects.bulk_create(
                (
                    LateJoin(owner=self.owner, joined=account, place=0)
                    for account in joined
                ),
                ignore_conflicts=True,
            )

    def _prefix(self, contact: str) -> int | None:
        if not isinstance(contact, msisdn.Number):
            return None
        return prefix_of(self.owner, contact)

    def _jid_of(self, contact: str) -> str:
        return msisdn.jid_of_key(contact, domain_of(self.owner.jid))

    def _move_to_newest_key(self) -> None:
        key = keys()[0]
        # A few at a time, because the command queue waits.
        old = dict(islice(filter(self._is_old, self.stored.items()), MOVE_BATCH_SIZE))
        moved = [
            AddressBookEntry(
                pk=row.pk,
                digest=key.digest(contact),
                key=key.name,
                prefix=self._prefix(contact),
            )
            for contact, row in old.items()
        ]
        fields = ["digest", "key", "prefix"]
        AddressBookEntry.objects.bulk_update(moved, fields, batch_size=MAX_PARAMETERS)

    def _is_old(self, stored: tuple[str, Stored]) -> bool:
        _, row = stored
        return row.key != self._newest_key

    def _save_owner(self) -> None:
        if values := self._owner_values():
            Account.objects.filter(pk=self.owner.pk).update(**values)

    def _owner_values(self) -> dict[str, object]:
        values: dict[str, object] = {}
        if self.budget.charged:
            values |= {"budget": self.budget.left, "budget_at": self.now}
        if self.budget.foreign:
            used = settings.FOREIGN_CONTACTS_PER_DAY - self.budget.foreign_left
            today = self.now.astimezone(UTC).date()
            values |= {"foreign_added": used, "foreign_on": today}
        seen = self.owner.last_seen
        if seen is None or seen < self.now - OWNER_SEEN_INTERVAL:
            # The XMPP server has just sent a stanza with the owner's JID.
            values |= {"last_seen": self.now, "checked_at": self.now}
        return values


def open_books(
    contacts: Mapping[Account, Mapping[str, str]], now: datetime
) -> dict[Account, AddressBook]:
    """The books of some owners, for the contacts of each, read with shared queries.

    ``contacts``: by owner, contact key → former key (see :class:`msisdn.Contact`).
    """
    stored = _stored(contacts, now)
    pks = [owner.pk for owner in contacts]
    flags = Flag.objects.filter(owner_id__in=pks, released_at=None)
    flagged = set(flags.values_list("owner", flat=True).order_by())
    return {
        owner: AddressBook(
            owner, mine, now, stored[owner.pk], is_flagged=owner.pk in flagged
        )
        for owner, mine in contacts.items()
    }


def _stored(
    books: Mapping[Account, Mapping[str, str]], now: datetime
) -> dict[int, dict[str, Stored]]:
    """The stored rows of the owners' contacts, under any key.

    By the owner's primary key, then by contact.
    """
    results: dict[int, dict[str, Stored]] = {owner.pk: {} for owner in books}

    def missing() -> Iterator[tuple[int, str, str]]:
        for owner, contacts in books.items():
            found = results[owner.pk]
            for contact, former in contacts.items():
                if contact not in found:
                    yield owner.pk, contact, former

    for key in keys():
        same = [(pk, contact, contact) for pk, contact, _ in missing()]
        _find(results, key, same, now)
    # Under the digest of the former key: to be moved, like one under an old key.
    renamed = [names for names in missing() if names[1] != names[2]]
    for key in keys():
        _find(results, key, renamed, now, is_current=False)
    return results


def _find(
    results: dict[int, dict[str, Stored]],
    key: Key,
    wanted: Iterable[tuple[int, str, str]],
    now: datetime,
    *,
    is_current: bool = True,
) -> None:
    """Add the rows of owners' contacts: (owner's primary key, contact, digested)."""
    for part in batches(wanted, MAX_PARAMETERS // 2):
        names = {(pk, key.digest(text)): contact for pk, contact, text in part}
        for owner, digest, *row in _rows(names, now):
            stored = Stored(*row)
            results[owner][names[owner, bytes(digest)]] = (
                stored if is_current else stored._replace(key="")
            )


# Not by the ORM, whose filter of each owner's digests costs more than all else here.
_ROWS = f"""
    WITH wanted (owner_id, digest) AS (VALUES {{}})
    SELECT wanted.owner_id, wanted.digest, id, key, asked_at IS NOT NULL, hit,
    seen_at < %s FROM wanted JOIN {AddressBookEntry._meta.db_table} AS entry
    ON entry.owner_id = wanted.owner_id AND entry.digest = wanted.digest
"""  # noqa: S608  (nothing in it is from outside)


def _rows(
    wanted: Collection[tuple[int, bytes]], now: datetime
) -> list[tuple[Any, ...]]:
    """The rows of several owners and digests: owner, digest, fields of Stored."""
    seen_before = connection.ops.adapt_datetimefield_value(now - CONTACT_SEEN_INTERVAL)
    return read_by_rows(_ROWS, list(wanted), seen_before)
