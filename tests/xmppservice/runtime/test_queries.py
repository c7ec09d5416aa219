"""The order in which rows are locked."""

import pytest
from django.db import connection

from roster.models import Account
from xmppservice.runtime.queries import in_order

JIDS = ["a_@localhost", "a0@localhost", "a-b@localhost", "aa@localhost", "é@localhost"]


@pytest.mark.django_db
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has locales"
)
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
