"""The counts of a release: how they grow, survive a restart, and make a curve."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.announcements import reach
from roster.announcements.reach import (
    STEP,
    Recorder,
    Sample,
    seconds_until,
    with_sample,
)
from roster.models import Reach, Subscriber

pytestmark = pytest.mark.django_db


def age(seconds: float) -> None:
    """Make what was counted begin earlier."""
    row = Reach.objects.get()
    row.began_at -= timedelta(seconds=seconds)
    row.save()


def last(number: int = 5) -> list[int]:
    return Reach.objects.get(number=number).samples[-1][1:]


def recorder(number: int = 5) -> Recorder:
    made = Recorder()
    made.begin(number)
    return made


def test_counts_go_on_after_a_restart():
    before = recorder()
    before.record(5, 3, 10)

    after = recorder()
    after.record(5, 0, 0)
    assert last() == [3, 10]
    after.record(5, 2, 1)
    assert last() == [5, 11]


def test_the_next_release_begins_at_zero_and_takes_nothing_back():
    both = recorder()
    both.record(5, 3, 10)
    both.record(5, 3, 0)  # it is published, and nobody has said so yet
    assert last() == [3, 10]

    both.begin(6)
    both.record(5, 9, 90)  # counted before, and written too late
    both.record(6, 1, 2)
    assert (last(5), last(6)) == ([3, 10], [1, 2])


def test_nothing_is_written_without_a_release_or_a_change(django_assert_num_queries):
    idle, busy = Recorder(), recorder()
    busy.record(5, 1, 1)
    with django_assert_num_queries(0):
        idle.record(5, 1, 1)
        busy.record(5, 1, 1)


def test_reads_that_the_xmpp_server_answers_are_not_known():
    recorder().record(5, 0, None)
    assert not Reach.objects.get().is_read_known
    recorder().record(5, 3, None)
    row = Reach.objects.get()
    assert (row.is_read_known, row.samples[-1][1:]) == (False, [3, 0])


def test_the_number_of_subscribers_is_kept_with_it():
    Subscriber.objects.create(jid="romeo@localhost", told=5)
    recorder().record(5, 1, 0)
    assert Reach.objects.get().subscribers == 1


def test_after_a_minute_it_is_written_every_few_seconds(monkeypatch):
    busy = recorder()
    busy.record(5, 1, 1)
    busy._counting.row.began_at -= timedelta(seconds=100)
    busy.record(5, 2, 2)
    busy.record(5, 3, 3)
    assert last() == [2, 2]
    busy._counting.row.began_at -= timedelta(seconds=6)
    busy.record(5, 3, 3)
    assert last() == [3, 3]


def test_counts_are_forgotten_after_a_year():
    recorder().record(5, 1, 1)
    reach.forget_old()
    assert Reach.objects.exists()

    age(366 * 86_400)
    reach.forget_old()
    assert not Reach.objects.exists()


@given(st.lists(st.tuples(st.floats(0.01, 5000), st.integers(0, 9)), max_size=80))
def test_a_curve_is_short_and_ends_at_the_last_count(steps):
    samples: list[list[float]] = []
    seconds, told = 0.0, 0
    for pause, more in steps:
        seconds, told = seconds + pause, told + more
        samples = with_sample(samples, Sample(seconds, told, 0))

    assert not steps or samples[-1][1] == told
    assert [one[1] for one in samples] == sorted(one[1] for one in samples)
    spans = [reach._span(one[0]) for one in samples]
    assert spans == sorted(set(spans))
    assert STEP > 1


def test_half_of_it_is_between_two_samples():
    samples = [[10, 100, 0], [20, 300, 0], [40, 400, 4]]
    assert seconds_until(samples, 1, 0.5) == 15
    assert seconds_until(samples, 1, 0.9) == 32
    assert seconds_until(samples, 2, 0.5) == 30
    assert seconds_until([], 1, 0.5) == 0
    assert seconds_until([[5, 0, 0]], 1, 0.5) == 5
