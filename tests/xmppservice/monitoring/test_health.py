"""/readyz: 200 while the service works, else 503 with what is wrong."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from roster.commands import intake
from roster.models import Command
from tests.ports import free_port
from tests.roster.conftest import message
from tests.service import ROOT
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import health

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)


@pytest.fixture
def stream(settings) -> StreamStatus:
    """The row of another process's healthy stream."""
    return StreamStatus.objects.create(
        jid=settings.XMPP_JID,
        process="elsewhere:1",
        ready=True,
        privileged=True,
        driver="paper",
        sessions=3,
        since=timezone.now(),
    )


def ask(client: Client) -> tuple[int, dict[str, str]]:
    """Return the status of /readyz, and the sentence of each failed check."""
    response = client.get("/readyz", headers={"host": "10.0.0.7"})
    said = response.json()
    names = [one["name"] for one in said["checks"]]
    assert names == list(health.NAMES)
    assert said["ready"] == (response.status_code == 200)
    wrong = {one["name"]: one["says"] for one in said["checks"] if not one["ok"]}
    return response.status_code, wrong


def test_a_healthy_service_is_ready(client, stream):
    assert ask(client) == (200, {})


def test_without_a_stream_the_service_is_not_ready(client):
    status, wrong = ask(client)
    assert status == 503
    assert wrong["stream"] == "No process has opened the stream to the XMPP server yet."
    assert wrong["rosters"] == "It is not known yet how rosters are kept."


@pytest.mark.parametrize(
    ("row", "name", "says"),
    [
        ({"ready": False}, "stream", "is not connected."),
        (
            {"ready": False, "reason": "no XMPP server at h:5 (Connection refused)"},
            "stream",
            "not connected: no XMPP server at h:5 (Connection refused).",
        ),
        ({"seen_at": timedelta(minutes=1)}, "stream", "last heard of 60 seconds ago"),
        ({"driver": ""}, "rosters", "not known yet"),
        ({"missing": "set X = 1"}, "rosters", "paper lacks something: set X = 1."),
        ({"missing": "a: x\nb: y"}, "rosters", "paper lacks something: a: x; b: y."),
    ],
)
@pytest.mark.usefixtures("stopped_clock")
def test_problems_of_the_stream_are_reported(client, stream, row, name, says):
    if "seen_at" in row:
        row = {"seen_at": timezone.now() - row["seen_at"]}
    StreamStatus.objects.update(**row)

    status, wrong = ask(client)

    assert status == 503
    assert list(wrong) == [name]
    assert says in wrong[name]


@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (31, 503)])
@pytest.mark.usefixtures("stopped_clock")
def test_commands_that_wait_too_long_are_reported(client, stream, seconds, status):
    intake.receive([message()])
    Command.objects.update(received_at=timezone.now() - timedelta(seconds=seconds))

    found, wrong = ask(client)

    assert found == status
    assert list(wrong) == (["commands"] if status == 503 else [])


def test_migrations_are_checked_until_all_are_applied(client, stream, monkeypatch):
    asked: list[bool] = [True, True, False]
    monkeypatch.setattr(health, "tables_are_old", lambda: asked.pop(0))

    for _ in range(2):
        status, wrong = ask(client)
        assert status == 503
        assert wrong["migrations"] == "Migrations are missing: manage.py migrate."
        assert wrong["stream"] == "Not known."
    assert ask(client) == (200, {})
    assert ask(client) == (200, {})
    assert asked == []


@pytest.mark.parametrize(
    ("setting", "url", "name"),
    [
        ("CELERY_BROKER_URL", "redis://127.0.0.1:{port}/0", "broker"),
        ("CELERY_BROKER_URL", "amqp://u:hidden@127.0.0.1:{port}//", "broker"),
        ("CHANNEL_LAYER_URL", "redis://:hidden@127.0.0.1:{port}/0", "channel_layer"),
    ],
)
def test_a_transport_that_is_down_is_reported(
    client, stream, settings, setting, url, name
):
    setattr(settings, setting, url.format(port=free_port()))
    status, wrong = ask(client)
    assert status == 503
    assert list(wrong) == [name]
    assert "does not answer: Connection" in wrong[name]
    assert "hidden" not in wrong[name]


def test_the_answer_contains_no_secret(client, stream, settings):
    intake.receive([message(payload="+393471111111", id="+393472222222")])
    Command.objects.update(received_at=timezone.now() - timedelta(seconds=99))

    text = client.get("/readyz").content.decode()

    assert "39347" not in text
    assert settings.XMPP_SECRET not in text
    assert settings.SECRET_KEY not in text


def test_a_change_is_logged_once(client, stream, caplog):
    caplog.set_level("INFO", "xmppservice.monitoring.health")
    for ready in (False, False, True, True):
        StreamStatus.objects.update(ready=ready)
        client.get("/readyz")

    said = [one.getMessage() for one in caplog.records]
    assert said == ["not ready: stream", "ready"]


# --- Unavailable database -------------------------------------------------------


@pytest.mark.real_time  # faketime never ends the wait for a thread
def test_a_hanging_database_times_out(monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.2)
    hangs = threading.Event()

    for _ in range(6):
        with pytest.raises(health.DatabaseUnavailable):
            health.query_with_timeout(hangs.wait)

    hangs.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert health.query_with_timeout(lambda: 42) == 42
            return
        except health.DatabaseUnavailable:
            pass
    raise AssertionError("it does not look again")


def test_other_errors_are_passed_on():
    with pytest.raises(ZeroDivisionError):
        health.query_with_timeout(lambda: 1 // 0)


def test_a_database_error_raises_away():
    def read() -> None:
        raise DatabaseError

    with pytest.raises(health.DatabaseUnavailable):
        health.query_with_timeout(read)


ASK = """
from django.test import Client
for path in ("/healthz", "/readyz", "/metrics"):
    response = Client().get(path, headers={"host": "10.0.0.7"})
    print(response.status_code, response.content.decode().strip())
"""


def test_without_a_database_probes_answer_in_time_without_a_traceback(tmp_path):
    away = f"postgres://user:hidden@127.0.0.1:{free_port()}/away"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", ASK],
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(tmp_path), "DATABASE_URL": away},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    healthz, readyz, metrics = done.stdout.splitlines()
    assert healthz == "200 ok"
    assert metrics == "503 The database does not answer."
    status, _, body = readyz.partition(" ")
    checks = {one["name"]: one for one in json.loads(body)["checks"]}
    assert status == "503"
    assert checks["database"]["says"] == "The database does not answer."
    assert not any(checks[name]["ok"] for name in health.STORED)
    assert all(checks[name]["ok"] for name in health.TRANSPORTS)
    (line,) = done.stderr.splitlines()
    assert "not ready: database, migrations" in line
    assert "hidden" not in done.stderr
