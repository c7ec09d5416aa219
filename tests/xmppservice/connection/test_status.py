"""What the process with the stream writes about it."""

import pytest
from django.db import DatabaseError, connection

from xmppservice.connection.models import StreamStatus
from xmppservice.connection.status import StatusWriter

pytestmark = pytest.mark.django_db(transaction=True)


def rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_what_could_not_be_written_is_written_the_next_time():
    table = StreamStatus._meta.db_table
    writer = StatusWriter("service.localhost")
    writer.opened(privileged=True)
    rename(table, "out_of_reach")
    try:
        with pytest.raises(DatabaseError):
            writer.save()
    finally:
        rename("out_of_reach", table)

    writer.save()

    row = StreamStatus.objects.get()
    assert (row.ready, row.sessions) == (True, 1)


def test_refused_commands_are_added_up_over_processes():
    for counts in ((2, 5), (0, 4)):
        writer = StatusWriter("service.localhost")
        for count in counts:
            writer.set_refused(count)
            writer.closed()  # a change, so that it is saved at once
            writer.save()

    assert StreamStatus.objects.get().refused == 9
