"""Each system check has an id, and a test that triggers it."""

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


# One setting at a time, where the others keep their defaults.
def ids() -> set[str]:
    return {one.id for one in run_checks() if one.id.startswith("xmppservice.")}


def test_the_defaults_pass():
    assert ids() == set()


@pytest.mark.parametrize(
    ("id", "name", "value"),
    [
        ("E001", "XMPP_STANZA_LIMIT", 999),
        ("E001", "XMPP_STANZA_LIMIT", 524_289),
        ("E002", "XMPP_DOMAINS", []),
        ("E002", "XMPP_DOMAINS", ["xmpp-service.localhost"]),
        ("E003", "MSISDN_JID", "{phone}@{domain}"),
        ("E002", "XMPP_DOMAINS", ["two words"]),
        ("E002", "XMPP_DOMAINS", ["localhost", "localhost"]),
        ("E002", "XMPP_JID", ""),
        ("E002", "XMPP_JID", "a b"),
        ("E003", "MSISDN_JID", "00@{domain}"),
        ("E003", "MSISDN_JID", "{number}"),
        ("E003", "MSISDN_JID", "{number} x@{domain}"),
        ("E004", "ROSTER_GROUP_OTHERS", "bell\u0007"),
        ("E004", "ROSTER_GROUP_OTHERS", "Verified"),
        ("E004", "ROSTER_GROUP_OTHERS", ""),
        ("E004", "ROSTER_GROUP_VERIFIED", ""),
        ("W001", "SEARCH_LIMIT", 10_001),
        ("W002", "PUBLIC_URL", "https://buddies.example.org"),
        ("W006", "XMPP_JID", "xmpp_service.localhost"),
    ],
)
def test_invalid_settings_are_reported(settings, monkeypatch, id, name, value):
    monkeypatch.setenv("TIME_ZONE", "UTC")
    setattr(settings, name, value)
    assert ids() == {f"xmppservice.{id}"}


@pytest.mark.parametrize(
    ("url", "zone", "found"),
    [
        ("https://buddies.example.org", None, {"xmppservice.W005"}),
        ("https://buddies.example.org", "", {"xmppservice.W005"}),
        ("https://buddies.example.org", "UTC", set()),
        ("http://localhost:8000", None, set()),
    ],
)
def test_a_public_service_asks_for_its_time_zone(
    settings, monkeypatch, url, zone, found
):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, ["*"]
    monkeypatch.delenv("TIME_ZONE", raising=False)
    if zone is not None:
        monkeypatch.setenv("TIME_ZONE", zone)
    assert ids() == found


BROKER, LAYER = "redis://127.0.0.1/0", "redis://127.0.0.1/1"


# Several settings that belong together.
@pytest.mark.parametrize(
    ("found", "values"),
    [
        (set(), {"CELERY_BROKER_URL": BROKER, "CHANNEL_LAYER_URL": LAYER}),
        ({"E005"}, {"CELERY_BROKER_URL": BROKER}),
        ({"E005"}, {"CHANNEL_LAYER_URL": LAYER}),
        ({"E006"}, {"EJABBERD_API_URL": "http://127.0.0.1:5280/api"}),
        ({"E006"}, {"EJABBERD_API_URL": "http://a/api", "EJABBERD_API_USER": "a@b"}),
        (
            set(),
            {
                "EJABBERD_API_URL": "http://a/api",
                "EJABBERD_API_USER": "a@b",
                "EJABBERD_API_PASSWORD": "c",
            },
        ),
        (set(), {"XMPP_JID": "service@localhost", "XMPP_STANZA_LIMIT": 245_760}),
        ({"E001"}, {"XMPP_JID": "service@localhost", "XMPP_STANZA_LIMIT": 245_761}),
        (set(), {"CHANGE_MESSAGE": True}),
        (
            {"W004"},
            {
                "CHANGE_MESSAGE": True,
                "XMPP_JID": "service@localhost",
                "XMPP_STANZA_LIMIT": 240_000,
            },
        ),
        (set(), {"XMPP_JID": "xmpp_service@else.com", "XMPP_STANZA_LIMIT": 240_000}),
        ({"E002"}, {"XMPP_JID": "service@localhost/x", "XMPP_STANZA_LIMIT": 9_000}),
    ],
)
def test_contradictory_settings_are_reported(settings, found, values):
    for name, value in values.items():
        setattr(settings, name, value)
    assert ids() == {f"xmppservice.{id}" for id in found}


@pytest.mark.django_db
def test_tables_from_before_the_first_release_are_refused():
    assert run_checks(databases=["default"]) == []

    MigrationRecorder(connection).record_applied("buddies", "0004_logged")

    (error,) = run_checks(databases=["default"])
    assert error.id == "xmppservice.E007"
    assert error.hint == (
        "Move VAR_DIR aside, or set DATABASE_URL to an empty database."
    )
