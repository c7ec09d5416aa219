"""Clients that guess passwords are locked out for a while; others are not."""

import logging
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import F

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


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


def test_names_and_passwords_are_neither_logged_nor_stored(client, caplog):
    caplog.set_level(logging.DEBUG)
    guess(client, 11)

    kept = str(AccessAttempt.objects.values_list("get_data", "post_data", "path_info"))
    assert "guess" not in caplog.text + kept
    assert "juliet" not in caplog.text
