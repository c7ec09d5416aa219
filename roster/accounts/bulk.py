"""Accounts by the thousand: what a row must be, and its way into the table."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection

from roster import msisdn
from roster.models import Account

BATCH_SIZE = 100  # rows of a statement
OPTIONAL = ("name", "enabled", "discoverable")
INSERTED = ("jid", "msisdn", *OPTIONAL, "announced")
# What is not inserted is NULL: the XMPP server is asked about these first.
RENEWED = ("gone_at", "announced", "checked_at")
NOT_JID = {field.name for field in Account._meta.get_fields()} - {"jid"}
# The spellings of MSISDN_JID that give each number back as it was: no need to parse it
# a second time.
GIVE_BACK = ("00{number}@{domain}", "+{number}@{domain}", "{number}@{domain}")

# JID, MSISDN, and a value for each further column.
Row = list[Any]
Given = tuple[Row, Sequence[str]]  # a row, and its further columns


def account(word: str) -> tuple[str, str]:
    """JID and MSISDN, as the model has them, of a JID or a phone number.

    Raises ValidationError.
    """
    number = msisdn.parse(word)
    jid = msisdn.jid_of(number, settings.XMPP_DOMAINS[0]) if number else word
    if number and settings.MSISDN_JID in GIVE_BACK:
        return jid, number
    if "@" not in jid:
        raise ValidationError("neither a JID nor an international phone number.")
    row = Account(jid=jid)
    row.clean_fields(exclude=NOT_JID)
    row.clean()
    return row.jid, row.msisdn


def store(rows: Iterable[Given]) -> tuple[int, int]:
    """Add or change accounts; return how many are new, how many changed.

    Within a transaction: all of them, or none.
    """
    # The last one of an account wins.
    latest = {row[0]: (row, columns) for row, columns in rows}
    known = _known(latest)
    wanted = []
    # In one order everywhere: two who write the same ones do not deadlock.
    for jid in sorted(latest):
        row, columns = latest[jid]
        if account := _merged(row, columns, known.get(jid)):
            wanted.append((account, columns))
    for same, part in groupby(wanted, key=itemgetter(1)):
        accounts = [account for account, _ in part]
        for start in range(0, len(accounts), BATCH_SIZE):
            _upsert(accounts[start : start + BATCH_SIZE], same)
    new = len(latest) - len(known)
    return new, len(wanted) - new


def _known(jids: Iterable[str]) -> dict[str, dict[str, Any]]:
    rows = (
        Account.objects.select_for_update().filter(jid__in=list(jids)).order_by("jid")
    )
    fields = ("jid", "msisdn", *OPTIONAL, "gone_at", "announced")
    return {row["jid"]: row for row in rows.values(*fields)}


def _merged(
    row: Row, columns: Sequence[str], old: dict[str, Any] | None
) -> Account | None:
    """The account as it is to be; None when it is that already."""
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
    """What bulk_create does in thrice the time: it prepares each field of each row."""
    marks = ", ".join(f"({', '.join(['%s'] * len(INSERTED))})" for _ in accounts)
    changes = (f"{name} = excluded.{name}" for name in (*columns, *RENEWED))
    statement = (
        f"INSERT INTO {Account._meta.db_table} ({', '.join(INSERTED)}) VALUES {marks}"  # noqa: S608 -- names of the model
        f" ON CONFLICT (jid) DO UPDATE SET {', '.join(changes)}"
    )
    values = [getattr(account, name) for account in accounts for name in INSERTED]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
