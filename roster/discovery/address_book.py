"""An owner's contacts, stored as keyed digests.

A number at rest is an HMAC-SHA-256 under a key that is not in the database. Rows
name their key; a lookup tries all configured keys, and moves the rows it finds to the
newest. Source: contract, 3 ("Every received contact is remembered …").
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from itertools import islice
from operator import or_

from django.db.models import Q, QuerySet

from roster.discovery.budget import Budget, Stored
from roster.discovery.digests import keys, prefix_of
from roster.models import Account, AddressBookEntry, Flag, LateJoin
from xmppservice.runtime.queries import MAX_PARAMETERS, batches

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
        stored: dict[str, Stored] | None = None,
    ) -> None:
        self.owner, self.now = owner, now
        self.contacts = contacts
        self.stored = _stored({owner: contacts})[owner.pk] if stored is None else stored
        self.budget = Budget(owner, now, self.stored)
        self.hits: set[str] = set()

    def save(self) -> None:
        """Store the contacts, what was charged, and a new flag."""
        if not self._has_changes() or self._is_erased():
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

    def _has_changes(self) -> bool:
        """Whether there is anything to store: most owners repeat the same contacts."""
        return bool(
            self.budget.charged
            or self.budget.reasons
            or not self.stored.keys() >= set(self.contacts)
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
                    prefix=prefix_of(self.owner, contact),
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
        new = [contact for contact in self.contacts if contact not in self.stored]
        uncharged = [contact for contact in new if contact not in self.budget.charged]
        if not uncharged:
            return new
        rows = AddressBookEntry.objects.filter(owner=self.owner, asked_at=None)
        room = max(0, MAX_UNCHARGED - rows.count())
        omitted = set(uncharged[room:])
        return [contact for contact in new if contact not in omitted]

    def _mark_charged(self) -> None:
        known = self.budget.charged & self.stored.keys()
        self._update(known, asked_at=self.now)
        self._update(self._new_hits(), hit=True)

    def _mark_seen(self) -> None:
        self._update(self._unseen(), seen_at=self.now)

    def _unseen(self) -> set[str]:
        before = self.now - CONTACT_SEEN_INTERVAL
        return {contact for contact, row in self.stored.items() if row.seen_at < before}

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
            matches = Q(
                msisdn__in=[contact for contact in part if contact.startswith("+")]
            )
            matches |= Q(
                jid__in=[contact for contact in part if not contact.startswith("+")]
            )
            joined = Account.objects.filter(matches, announced=True)
            LateJoin.objects.bulk_create(
                (
                    LateJoin(owner=self.owner, joined=account, place=0)
                    for account in joined
                ),
                ignore_conflicts=True,
            )

    def _move_to_newest_key(self) -> None:
        key = keys()[0]
        # A few at a time, because the command queue waits.
        old = dict(islice(filter(self._is_old, self.stored.items()), MOVE_BATCH_SIZE))
        moved = [
            AddressBookEntry(
                pk=row.pk,
                digest=key.digest(contact),
                key=key.name,
                prefix=prefix_of(self.owner, contact),
            )
            for contact, row in old.items()
        ]
        fields = ["digest", "key", "prefix"]
        AddressBookEntry.objects.bulk_update(moved, fields, batch_size=MAX_PARAMETERS)

    def _is_old(self, stored: tuple[str, Stored]) -> bool:
        _, row = stored
        return row.key != keys()[0].name

    def _save_owner(self) -> None:
        if values := self._owner_values():
            Account.objects.filter(pk=self.owner.pk).update(**values)

    def _owner_values(self) -> dict[str, object]:
        values: dict[str, object] = {}
        if self.budget.charged:
            values |= {"budget": self.budget.left, "budget_at": self.now}
        seen = self.owner.last_seen
        if seen is None or seen < self.now - OWNER_SEEN_INTERVAL:
            # The XMPP server has just sent a stanza with the owner's JID.
            values |= {"last_seen": self.now, "checked_at": self.now}
        return values


def open_books(
    contacts: Mapping[Account, Collection[str]], now: datetime
) -> dict[Account, AddressBook]:
    """The books of some owners, for the contacts of each, read with shared queries."""
    stored = _stored(contacts)
    return {
        owner: AddressBook(owner, mine, now, stored[owner.pk])
        for owner, mine in contacts.items()
    }


def _stored(
    books: Mapping[Account, Collection[str]],
) -> dict[int, dict[str, Stored]]:
    """The stored rows of the owners' contacts, under any key.

    By the owner's primary key, then by contact.
    """
    results: dict[int, dict[str, Stored]] = {owner.pk: {} for owner in books}
    for key in keys():
        missing = [
            (owner.pk, contact)
            for owner, contacts in books.items()
            for contact in contacts
            if contact not in results[owner.pk]
        ]
        for part in batches(missing, MAX_PARAMETERS):
            names = {(pk, key.digest(contact)): contact for pk, contact in part}
            rows = _rows(names).values_list("owner_id", "digest", *Stored._fields)
            for owner, digest, *row in rows:
                results[owner][names[owner, bytes(digest)]] = Stored(*row)
    return results


def _rows(wanted: Iterable[tuple[int, bytes]]) -> QuerySet[AddressBookEntry]:
    """The rows of several owners and digests, in one query."""
    digests: dict[int, list[bytes]] = {}
    for pk, digest in wanted:
        digests.setdefault(pk, []).append(digest)
    which = (Q(owner=pk, digest__in=mine) for pk, mine in digests.items())
    return AddressBookEntry.objects.filter(reduce(or_, which))
