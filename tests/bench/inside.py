"""Code that runs with a service's settings: rows in bulk, and its parts alone.

Called through :func:`tests.bench.service.inside`; each prints its result as JSON.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Model, Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from buddies.document import build
from buddies.models import Buddy
from roster.accounts import directory
from roster.discovery.address_book import open_books
from roster.discovery.digests import keys
from roster.models import Account, AddressBookEntry, Command, Flag, Listing
from roster.msisdn import Number
from tests.bench import numbers
from tests.bench.times import shown

DOMAIN = "localhost"
BATCH = 5_000
# Percent of the numbers of a search that are users.
USERS = 25
FIRST_OWNER = 5_000_000  # of those made here; owners with a stream come before

ACCOUNT = ("jid", "msisdn", "name", "enabled", "discoverable", "announced")
ENTRY = ("owner_id", "digest", "key", "prefix", "asked_at", "hit", "added_at")


# --- Rows -----------------------------------------------------------------------------


def users(begin: int, end: int) -> None:
    """Make accounts of the users at these places."""
    found = (numbers.user(place) for place in range(begin, end))
    accounts(found, end - begin)


def accounts(found: Iterable[str], total: int, **but: object) -> None:
    """Make accounts of E.164 numbers, as if the XMPP server had confirmed them."""
    now = timezone.now()
    values = {"name": "", "enabled": True, "discoverable": True, "announced": True}
    rows = (
        {"jid": jid_of(one), "msisdn": one, "checked_at": now, **values, **but}
        for one in shown("accounts", found, total)
    )
    _insert(Account, (*ACCOUNT, "checked_at"), rows)


def read_accounts(path: str) -> None:
    """Make accounts of the E.164 numbers in a file, one a line."""
    found = Path(path).read_text().split()
    accounts(found, len(found))


def holders(contact: str) -> None:
    """Put a number into each address book, asked about before it had an account."""
    key, now = keys()[0], timezone.now()
    values = {"digest": key.digest(contact), "key": key.name, "prefix": 1, "hit": False}
    values |= {"asked_at": now, "added_at": now, "seen_at": now}
    # Read before: PostgreSQL answers no query in the middle of a COPY.
    pks = list(Account.objects.values_list("pk", flat=True))
    rows = ({"owner_id": pk, **values} for pk in shown("holders", pks, len(pks)))
    _insert(AddressBookEntry, (*ENTRY, "seen_at"), rows)


def _insert(
    model: type[Model], fields: tuple[str, ...], rows: Iterable[Mapping[str, Any]]
) -> None:
    if connection.vendor == "postgresql":
        _copy(model._meta.db_table, fields, rows)
    else:
        # One transaction: a bench that loses the rows starts again.
        with transaction.atomic():
            model._default_manager.bulk_create((model(**row) for row in rows), BATCH)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(
    table: str, fields: tuple[str, ...], rows: Iterable[Mapping[str, Any]]
) -> None:
    statement = f"COPY {table} ({', '.join(fields)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([row[field] for field in fields])


def listed(is_fresh: bool) -> None:
    """Set whether the XMPP server has just listed all accounts."""
    Listing.objects.all().delete()
    if is_fresh:
        Listing.objects.create(domain=DOMAIN, listed_at=timezone.now())


def jid_of(number: str) -> str:
    return f"{numbers.local(number)}@{DOMAIN}"


def hidden(disabled: int, undiscoverable: int) -> None:
    """Make accounts that no search finds: the disabled ones at the first places."""
    every = disabled + undiscoverable
    accounts(map(numbers.hidden, range(disabled)), disabled, enabled=False)
    shy = map(numbers.hidden, range(disabled, every))
    accounts(shy, undiscoverable, discoverable=False)


def sizes() -> None:
    """Print rows, and bytes with indexes, of the tables that grow with users."""
    found = {}
    with connection.cursor() as cursor:
        for model in (Account, AddressBookEntry, Command):
            table = model._meta.db_table
            cursor.execute("SELECT pg_total_relation_size(%s)", [table])
            ((size,),) = cursor.fetchall()
            found[str(model._meta.verbose_name)] = (model.objects.count(), int(size))
    print(json.dumps(found))


# --- Waiting commands -----------------------------------------------------------------


def backlog(count: int, owners: int, payload: str) -> None:
    """Insert ``count`` searches of ``owners`` owners, as if just received."""
    rows = (
        Command(
            key=uuid.uuid4().hex,
            owner=f"{numbers.owner(place % owners)}@{DOMAIN}",
            sender=f"{numbers.owner(place % owners)}@{DOMAIN}/phone",
            stanza_id=str(place),
            message_type="chat",
            command="cmd_search_users",
            payload=payload,
        )
        for place in shown("backlog", range(count), count)
    )
    # One transaction, so that no worker claims one before all are there.
    with transaction.atomic():
        Command.objects.bulk_create(rows, BATCH)


# --- A search without XMPP ------------------------------------------------------------


def storage(population: int, size: int, rounds: int) -> None:
    """Print the seconds of the storage part of searches for ``size`` numbers."""
    taken = [
        _search(population, size, FIRST_OWNER + population + turn)
        for turn in shown("storage part", range(rounds + 1), rounds + 1)
    ]
    # The first one opens the connection, and computes the usual hit rate.
    print(json.dumps(taken[1:]))


def _search(population: int, size: int, place: int) -> float:
    jid = f"{numbers.owner(place)}@{DOMAIN}"
    owner = Account.objects.create(jid=jid, announced=True, checked_at=timezone.now())
    numbers_asked = map(Number, numbers.mixed(population, size, USERS, place))
    contacts = {one: jid_of(one) for one in numbers_asked}
    began = time.perf_counter()
    books = open_books({owner: {key: key for key in contacts}}, timezone.now())
    book = books[owner]
    assert book.budget.covers(contacts), "the bench must stay within the budget"
    book.hits.update(directory.users(contacts, DOMAIN, _nobody))
    with transaction.atomic():
        book.save()
    taken = time.perf_counter() - began
    assert len(book.hits) == size * USERS // 100
    return taken


def _nobody(jids: Iterable[str]) -> list[bool]:
    return [False for _ in jids]


def plan(population: int, size: int) -> None:
    """Print the number of queries of an account look-up, and their query plans."""
    contacts = {one: jid_of(one) for one in numbers.mixed(population, size, USERS, 1)}
    with CaptureQueriesContext(connection) as queries:
        directory.accounts(contacts, DOMAIN)
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    lines: list[str] = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(f"{explain} {query['sql']}")
            lines += [str(row[-1])[:100] for row in cursor.fetchall()]
    print(json.dumps({"queries": len(queries), "plan": lines}))


# --- A release ------------------------------------------------------------------------


def builds(rounds: int) -> None:
    """Print the seconds to read the tree, to build the document, to encode it alone."""
    now = timezone.now()
    buddies = list(Buddy.objects.all())
    built = build.published(buddies, now)
    taken = {
        "read": _taken(lambda: list(Buddy.objects.all()), rounds),
        "build": _taken(lambda: build.dumps(build.published(buddies, now)), rounds),
        "encode": _taken(lambda: build.dumps(built), rounds),
    }
    print(json.dumps(taken))


def _taken(function: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return taken


# --- What owners have asked -----------------------------------------------------------


def asked(jids: Iterable[str]) -> None:
    """Print for each owner how many numbers were charged, and the flagging rules."""
    owners = Account.objects.filter(jid__in=list(jids))
    charged = Count(
        "addressbookentry", filter=Q(addressbookentry__asked_at__isnull=False)
    )
    counts = owners.annotate(asked=charged).values_list("jid", "asked")
    found = {jid: {"asked": asked, "rules": []} for jid, asked in counts}
    for flag in Flag.objects.filter(owner__in=owners).select_related("owner"):
        found[flag.owner.jid]["rules"] = [reason["rule"] for reason in flag.reasons]
    print(json.dumps(found))
