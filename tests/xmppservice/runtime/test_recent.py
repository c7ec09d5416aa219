"""Values that are kept: read once each, by one thread, never within a transaction."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from typing import NoReturn

import pytest
from django.db import transaction

from xmppservice.runtime.recent import Recent


@pytest.fixture
def recent() -> Recent[int]:
    return Recent(2)


def test_the_last_ones_are_kept(recent):
    numbers = count()
    for key in "abacab":
        recent.get(key, lambda: next(numbers))

    # "a" was always among the last two; "b" was forgotten once.
    assert recent.get("a", lambda: -1) == 0
    assert recent.get("b", lambda: -1) == 3


def test_of_several_threads_one_reads(recent):
    is_reading, may_go_on = Event(), Event()
    read = []

    def slowly() -> int:
        read.append(1)
        is_reading.set()
        assert may_go_on.wait(10)
        return 7

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(recent.get, "a", slowly) for _thread in range(3)]
        assert is_reading.wait(10)
        assert recent.get("b", lambda: 8) == 8  # another key waits for nobody
        may_go_on.set()
        assert [one.result(10) for one in asked] == [7, 7, 7]
    assert len(read) == 1


def test_what_could_not_be_read_is_read_again(recent):
    def fail() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        recent.get("a", fail)

    assert recent.get("a", lambda: 7) == 7


@pytest.mark.django_db(transaction=True)
def test_what_is_read_within_a_transaction_is_not_kept(recent):
    with transaction.atomic():
        assert recent.get("a", lambda: 6) == 6

    assert recent.get("a", lambda: 7) == 7
    with transaction.atomic():
        assert recent.get("a", lambda: 8) == 7
