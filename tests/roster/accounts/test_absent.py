"""Addresses that the XMPP server has called absent."""

import time

import pytest

from roster.accounts import absent
from tests.roster.conftest import JULIET, MARIO, ROMEO


def test_what_was_called_absent_is_known_for_some_minutes(monkeypatch):
    absent.remember([ROMEO, JULIET])
    assert absent.among([ROMEO, MARIO]) == {ROMEO}

    later = time.monotonic() + 301
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert absent.among([ROMEO, JULIET]) == set()
    absent.remember([MARIO])
    assert len(absent._until) == 1


def test_the_setting_says_for_how_long(settings):
    settings.ACCOUNT_ABSENT_SECONDS = 0
    absent.remember([ROMEO])
    assert absent.among([ROMEO]) == set()


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(absent, "MAX_ADDRESSES", 2)
    absent.remember([ROMEO, JULIET])
    absent.remember([ROMEO, MARIO])
    assert absent.among([ROMEO, JULIET, MARIO]) == {ROMEO, MARIO}


@pytest.mark.parametrize("part", ["romeo", "localhost"])
def test_no_address_can_be_read_from_memory(part):
    absent.remember([ROMEO])
    assert part not in repr(absent._until)
