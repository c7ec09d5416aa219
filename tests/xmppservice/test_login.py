"""Clients that guess passwords are locked out for a while; others are not."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from xmppservice.backoffice import login

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


class Clock:
    """A clock that only tests move, for waits of seconds on a machine of any speed."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(time, "time", stopped.time)
    return stopped


@pytest.fixture(autouse=True)
def _juliet(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("juliet", password="wherefore")


def code(client, password: str = "wherefore", name: str = "juliet", **request) -> int:
    word = {"username": name, "password": password}
    return client.post(LOGIN, word, **request).status_code


def guess(client, times: int) -> list[int]:
    return [code(client, f"guess {number}") for number in range(times)]


def test_after_ten_wrong_passwords_the_right_one_is_refused_too(client):
    assert guess(client, 10) == [200] * 9 + [429]

    assert code(client) == 429


def test_a_correct_login_resets_the_count(client):
    guess(client, 9)

    assert code(client) == 302
    assert guess(client, 9) == [200] * 9


def test_other_names_and_addresses_are_not_locked_out(client):
    User.objects.create_superuser("romeo", password="wherefore")
    guess(client, 10)

    assert code(client, name="romeo") == 302
    client.logout()
    assert code(client, REMOTE_ADDR="192.0.2.1") == 302


def test_a_lock_out_lasts_15_minutes_despite_further_attempts(client):
    guess(client, 12)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=15))

    assert code(client) == 302


def test_the_page_says_what_to_do(client):
    guess(client, 10)

    page = client.post(LOGIN, {"username": "juliet", "password": "wherefore"})

    assert "Try again in 15 minutes" in page.content.decode()
    assert page.headers["Retry-After"] == "900"
    assert page.headers["Cache-Control"] == "no-store"
    italian = client.post(
        LOGIN, {"username": "juliet", "password": "x"}, HTTP_ACCEPT_LANGUAGE="it"
    )
    assert "Riprova tra 15 minuti." in italian.content.decode()


def test_names_and_passwords_are_neither_logged_nor_stored(client, caplog):
    caplog.set_level(logging.DEBUG)
    guess(client, 11)

    kept = str(AccessAttempt.objects.values_list("get_data", "post_data", "path_info"))
    assert "guess" not in caplog.text + kept
    assert "juliet" not in caplog.text


# --- Addresses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:54321", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]:54321", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:54321", "192.0.2.1"),
        ("2002:c000:201:7::9", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("2001:0:5ef5:79fb:0:0:3fff:fdfe", "192.0.2.1"),
        ("", None),
        ("unknown", None),
        ("192.0.2.1, 192.0.2.2", None),
        ("192.0.2.999", None),
        ("00393471111111", None),
    ],
)
def test_a_client_is_counted_by_its_network(address, counted):
    assert login.network_of(address) == counted


def test_ipv6_addresses_of_one_network_are_locked_out_together(client):
    addresses = [f"2001:db8:1:2::{number}" for number in range(10)]
    codes = [code(client, "wrong", REMOTE_ADDR=address) for address in addresses]

    assert codes == [200] * 9 + [429]
    assert code(client, REMOTE_ADDR="2001:db8:1:2:ffff::1") == 429
    assert code(client, REMOTE_ADDR="2001:db8:1:3::1") == 302


def test_a_mapped_address_is_the_ipv4_address(client):
    guess(client, 9)
    assert code(client, "wrong", REMOTE_ADDR="::ffff:127.0.0.1") == 429


def test_an_address_that_is_none_is_no_failure(client):
    assert code(client, "wrong", REMOTE_ADDR="unknown") == 200
    assert code(client, REMOTE_ADDR="unknown") == 302


def test_headers_of_a_client_do_not_name_its_address(client):
    """Only the servers read X-Forwarded-For: from trusted proxies."""
    for number in range(10):
        spoofed = f"198.51.100.{number}"
        answer = code(
            client,
            "wrong",
            HTTP_X_FORWARDED_FOR=spoofed,
            HTTP_X_REAL_IP=spoofed,
            HTTP_FORWARDED=f"for={spoofed}",
            HTTP_CF_CONNECTING_IP=spoofed,
        )
    assert answer == 429


# --- Names ----------------------------------------------------------------------


def swarm(times: int, name: str = "juliet") -> list[int]:
    """Guess a name's password, each time from another address."""
    return [
        code(
            Client(),
            "wrong",
            name,
            REMOTE_ADDR=f"198.51.{number // 250}.{number % 250}",
        )
        for number in range(times)
    ]


def test_a_name_that_many_addresses_guess_is_slowed_down():
    assert swarm(14) == [200] * 11 + [429] * 3

    page = Client().post(LOGIN, {"username": "juliet", "password": "wherefore"})
    assert page.status_code == 429
    assert page.headers["Retry-After"] == "2"
    assert "Try again in 2 seconds." in page.content.decode()


def test_a_person_at_a_known_address_still_gets_in(client):
    at_home = {"REMOTE_ADDR": "2001:db8:1:2::9"}
    assert code(client, **at_home) == 302
    swarm(12)

    assert code(Client(), **at_home) == 302
    # Also with another address of the same network, and after typing errors.
    at_home = {"REMOTE_ADDR": "2001:db8:1:2::10"}
    assert code(Client(), "typo", **at_home) == 200
    assert code(Client(), **at_home) == 302
    assert code(Client(), REMOTE_ADDR="2001:db8:1:3::9") == 429


def test_an_address_is_known_for_the_name_that_logged_in_there(client):
    User.objects.create_superuser("romeo", password="wherefore")
    assert code(client, name="romeo") == 302
    swarm(11)

    assert code(Client()) == 429


def test_an_unknown_name_is_slowed_down_like_a_known_one():
    assert swarm(12, "nobody") == swarm(12)


def test_other_names_are_not_slowed_down():
    User.objects.create_superuser("romeo", password="wherefore")
    swarm(12)
    assert code(Client(), name="romeo", REMOTE_ADDR="198.51.100.1") == 302


def test_addresses_are_known_for_90_days_once_each(client):
    for _ in range(3):
        assert code(client) == 302
    assert AccessLog.objects.count() == 1
    AccessLog.objects.update(attempt_time=F("attempt_time") - timedelta(days=91))
    assert not login.is_known("juliet", "127.0.0.1")

    assert code(client, REMOTE_ADDR="192.0.2.1") == 302
    known = AccessLog.objects.get()
    assert (known.username, known.ip_address) == ("juliet", "192.0.2.1")
    assert (known.user_agent, known.path_info, known.session_hash) == ("", "", "")


def test_each_guess_doubles_the_wait_for_the_next(clock):
    assert [login.wait_seconds("juliet") for _ in range(11)] == [0] * 11
    for expected in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert login.wait_seconds("juliet") == expected
        clock.now += expected - 1
        assert login.wait_seconds("juliet") == 1
        clock.now += 1
        assert login.wait_seconds("juliet") == 0


def test_a_day_of_guessing_gets_some_hundred_tries_and_then_it_is_forgotten(clock):
    admitted = 0
    for _ in range(24 * 360):
        admitted += not login.wait_seconds("juliet")
        clock.now += 10
    assert 100 < admitted < 120

    clock.now += login.COUNT_SECONDS
    assert login.wait_seconds("juliet") == 0
    assert login.wait_seconds("juliet") == 0


def test_of_many_tries_at_once_one_is_admitted(clock):
    for _ in range(10):
        login.wait_seconds("juliet")
    with ThreadPoolExecutor(16) as threads:
        waits = list(threads.map(login.wait_seconds, ["juliet"] * 500))
    assert waits.count(0) == 1
    clock.now += login.MAX_DELAY_SECONDS
    assert login.wait_seconds("juliet") == 0


def test_slowing_down_is_logged_once_without_name_and_address(caplog):
    swarm(13)
    lines = [one for one in caplog.messages if "slowing down" in one]
    assert len(lines) == 1
    assert "juliet" not in caplog.text
    assert "198.51" not in caplog.text
