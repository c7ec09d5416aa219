"""Thousands of address books pass the detector."""

from tests.roster import books
from tests.roster.discovery.test_detector import alarms


def test_fewer_than_one_address_book_in_a_thousand_is_taken_for_enumeration():
    taken = [book.kind for book in books.books(5_000, seed=11) if alarms(book)]

    assert len(taken) < 5, taken
