"""Bulk loading of accounts: validate rows and write them to the table."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from roster import msisdn
from roster.accounts import directory
from roster.models import Account
from xmppservice.runtime.queries import MAX_PARAMETERS, batches, in_order

BATCH_SIZE = 100  # rows per statement
OPTIONAL_COLUMNS = ("name", "enabled", "discoverable")
INSERTED_COLUMNS = ("jid", "msisdn", *OPTIONAL_COLUMNS, "announced")
# Columns not inserted are NULL: such accounts are checked first.
RENEWED_COLUMNS = ("gone_at", "announced", "checked_at")
OTHER_FIELDS = {field.name for field in Account._meta.get_fields()} - {"jid"}
# Spellings of MSISDN_JID that give each number back unchanged: no need to parse it a
# second time.
LOSSLESS_SPELLINGS = ("00{number}@{domain}", "+{number}@{domain}", "{number}@{domain}")

# JID, MSISDN, and a value for each further column.
Row = list[Any]
PartialRow = tuple[Row, Sequence[str]]  # a row, and its further columns


def parse_account(text: str) -> tuple[str, str]:
    """Return the model's JID and MSISDN for a JID or a phone number.

    Raises ValidationError.
    """
    number = msisdn.parse(text)
    jid = msisdn.jid_of(number, settings.XMPP_DOMAINS[0]) if number else text
    if number and settings.MSISDN_JID in LOSSLESS_SPELLINGS:
        return jid, number
    if "@" not in jid:
        raise ValidationError("neither a JID nor an international phone number.")
    row = Account(jid=jid)
    row.clean_fields(exclude=OTHER_FIELDS)
    row.clean()
    return row.jid, row.msisdn


def store(rows: Iterable[PartialRow]) -> tuple[int, int]:
    """Add or change accounts; return how many are new, how many changed.

    Needs a transaction: all of them are stored, or none.
    """
    # The last row of an account wins.
    latest = {row[0]: (row, columns) for row, columns in rows}
    known = _known(latest)
    changed = []
    # The same order everywhere, so that concurrent writers do not deadlock.
    for jid in sorted(latest):
        row, columns = latest[jid]
        if account := _merged(row, columns, known.get(jid)):
            changed.append((account, columns))
    returned = [account.jid for account, _ in changed if account.jid in known]
    for jids in batches(returned, MAX_PARAMETERS):
        directory.note_returned(jids, timezone.now())
    for columns, part in groupby(changed, key=itemgetter(1)):
        accounts = [account for account, _ in part]
        for start in range(0, len(accounts), BATCH_SIZE):
            _upsert(accounts[start : start + BATCH_SIZE], columns)
    new = len(latest) - len(known)
    return new, len(changed) - new


def _known(jids: Iterable[str]) -> dict[str, dict[str, Any]]:
    rows = (
        Account.objects.select_for_update()
        .filter(jid__in=list(jids))
        .order_by(in_order("jid"))
    )
    fields = ("jid", "msisdn", *OPTIONAL_COLUMNS, "gone_at", "announced")
    return {row["jid"]: row for row in rows.values(*fields)}


def _merged(
    row: Row, columns: Sequence[str], old: dict[str, Any] | None
) -> Account | None:
    """Return the account as it should be; None if it already is."""
    jid, number, *values = row
    given = dict(zip(columns, values, strict=True))
    if old is None:
        return Account(jid=jid, msisdn=number, **given)
    merged = {**old, **given, "gone_at": None}
    if merged == old:
        return None
    account = Account(**merged)
    account.announced = account.announced and account.visible and Account(**old).visible
    return account


def _upsert(accounts: Sequence[Account], columns: Sequence[str]) -> None:
    """Upsert rows. bulk_create takes three times as long: it prepares every field."""
    placeholders = ", ".join(
        f"({', '.join(['%s'] * len(INSERTED_COLUMNS))})" for _ in accounts
    )
    changes = (f"{name} = excluded.{name}" for name in (*columns, *RENEWED_COLUMNS))
    columns_inserted = ", ".join(INSERTED_COLUMNS)
    statement = (
        f"INSERT INTO {Account._meta.db_table} ({columns_inserted})"  # noqa: S608  (names of the model)
        f" VALUES {placeholders}"
        f" ON CONFLICT (jid) DO UPDATE SET {', '.join(changes)}"
    )
    values = [
        getattr(account, name) for account in accounts for name in INSERTED_COLUMNS
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
