"""The subscribers to new releases, and the last release each was notified of."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from roster.announcements import subscribers
from roster.models import Subscriber
from tests.roster.conftest import JULIET, MARIO, ROMEO

pytestmark = pytest.mark.django_db


def stored() -> dict[str, int]:
    return dict(Subscriber.objects.values_list("jid", "told"))


def test_subscribers_are_kept_until_they_unsubscribe():
    subscribers.note({ROMEO: 3, JULIET: 4})
    assert stored() == {ROMEO: 3, JULIET: 4}

    subscribers.note({ROMEO: None, MARIO: 4})
    assert stored() == {JULIET: 4, MARIO: 4}


def test_the_last_notification_counts():
    subscribers.note({ROMEO: 3, JULIET: 5, MARIO: 5})
    subscribers.note({ROMEO: 4, JULIET: 0})
    assert stored() == {ROMEO: 4, JULIET: 0, MARIO: 5}


def test_unchanged_subscribers_are_not_written():
    subscribers.note({ROMEO: 3, JULIET: 3})

    with CaptureQueriesContext(
        connection,
    ) as queries:
        subscribers.note({ROMEO: 3, JULIET: 3})

    (query,) = queries.captured_queries
    assert query["sql"].startswith("SELECT")


def test_the_size_of_the_table_is_limited(monkeypatch):
    monkeypatch.setattr(subscribers, "MAX_SUBSCRIBERS", 2)
    subscribers.note({ROMEO: 1})
    subscribers.note({JULIET: 1, MARIO: 1})
    assert len(stored()) == 2
    subscribers.note({"late@localhost": 1})
    assert len(stored()) == 2


@pytest.mark.parametrize(
    ("jid", "kept"),
    [
        (ROMEO, True),
        ("romeo@elsewhere.localhost", False),
        ("localhost", False),
        (f"{'r' * 2047}@localhost", False),
    ],
)
def test_users_of_served_domains_are_kept(jid, kept):
    assert subscribers.is_kept(jid) == kept


def test_subscribers_not_yet_notified_come_in_order_from_a_place():
    subscribers.note({f"{n}@localhost": n for n in range(5)})
    rows = list(Subscriber.objects.order_by("pk"))

    assert subscribers.pending(4, 0, 3) == rows[:3]
    assert subscribers.pending(4, rows[1].pk, 3) == rows[2:4]
    assert subscribers.pending(9, rows[4].pk, 3) == []
    assert subscribers.next_rows(rows[0].pk, 3) == rows[1:4]


def test_marked_subscribers_count_as_notified():
    subscribers.note({ROMEO: 1, JULIET: 1, MARIO: 6})
    subscribers.mark(subscribers.pending(2, 0, 1), 2)
    assert stored() == {ROMEO: 2, JULIET: 1, MARIO: 6}
    assert subscribers.counts(2) == (3, 1)


def test_a_random_place_is_in_the_table():
    assert subscribers.random_place() == 0
    subscribers.note({f"{n}@localhost": 1 for n in range(9)})
    last = Subscriber.objects.order_by("pk").last().pk
    places = {subscribers.random_place() for _ in range(200)}
    assert min(places) >= 0
    assert max(places) <= last
    assert len(places) > 1
