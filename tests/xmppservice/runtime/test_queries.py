"""Rows of values in queries, and the order in which rows are locked."""

import pytest
from django.db import connection

from roster.models import Account
from xmppservice.runtime.queries import in_order, read_by_rows

JIDS = ["a_@localhost", "a0@localhost", "a-b@localhost", "aa@localhost", "é@localhost"]


@pytest.mark.django_db
def test_values_arrive_as_they_are():
    texts = ["%s", "100 %", "{}", "'", '"', "\\", "''; --", "è \N{PILE OF POO}", ""]
    rows = [(text, place) for place, text in enumerate(texts)]

    found = read_by_rows(
        "WITH given (said, place) AS (VALUES {}) SELECT said, place, CAST(%s AS text)"
        " FROM given ORDER BY place",
        rows,
        "{}%s'",
    )

    assert found == [(*row, "{}%s'") for row in rows]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no locales")
def test_rows_are_ordered_as_python_sorts_in_any_locale():
    table = Account._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'ALTER TABLE {table} ALTER jid TYPE varchar(2047) COLLATE "en-x-icu"'
        )
    Account.objects.bulk_create(Account(jid=jid) for jid in JIDS)
    jids = Account.objects.values_list("jid", flat=True)

    assert list(jids.order_by(in_order("jid"))) == sorted(JIDS)
    assert list(jids.order_by("jid")) != sorted(JIDS)
