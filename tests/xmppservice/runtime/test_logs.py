"""The log: two formats of the same lines, both without data from users."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from amqp.exceptions import AccessRefused

from tests.service import ROOT
from xmppservice.protocol import redaction
from xmppservice.runtime import logs

NUMBER = "+393471111111"


def record(level: int = logging.INFO, said: str = "said %s", **extra: object):
    found = logging.LogRecord("a.logger", level, "", 0, said, ("it",), None)
    vars(found).update(extra)
    return found


def broken() -> logging.LogRecord:
    found = record(logging.ERROR)
    try:
        try:
            int(NUMBER + "x")
        except ValueError as error:
            raise ExceptionGroup(NUMBER, [KeyError(NUMBER)]) from error
    except ExceptionGroup:
        found.exc_info = sys.exc_info()
    return found


def line(found: logging.LogRecord) -> str:
    return logs.LineFormatter("{levelname} {name}: {message}", style="{").format(found)


def as_json(found: logging.LogRecord) -> dict[str, object]:
    text = logs.json_lines().format(found)
    assert "\n" not in text
    parsed: dict[str, object] = json.loads(text)
    return parsed


def test_a_line_ends_with_the_commands_details():
    assert line(record()) == "INFO a.logger: said it"
    known = record(command_id=3, stanza_id="one", secret=NUMBER)
    assert line(known) == "INFO a.logger: said it command_id=3 stanza_id=one"


@pytest.mark.parametrize(
    ("zone", "created", "expected"),
    [
        ("UTC", 1_792_893_600.5, "2026-10-25T02:00:00.500+00:00"),
        ("Europe/Rome", 1_784_000_000, "2026-07-14T05:33:20.000+02:00"),
        # The doubled hour of the night when clocks go back: twice 02:30.
        ("Europe/Rome", 1_792_888_200, "2026-10-25T02:30:00.000+02:00"),
        ("Europe/Rome", 1_792_891_800, "2026-10-25T02:30:00.000+01:00"),
        ("Asia/Kathmandu", 1_784_000_000, "2026-07-14T09:18:20.000+05:45"),
    ],
)
def test_a_lines_time_has_an_offset(monkeypatch, zone, created, expected):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = record()
        found.created = created
        formatter = logs.LineFormatter("{asctime}", style="{")
        assert formatter.format(found) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_json_object_has_the_same_details():
    found = as_json(record(command_id=3, owner="x@localhost", secret=NUMBER))
    assert str(found.pop("timestamp")).endswith("Z")
    assert found == {
        "event": "said it",
        "level": "info",
        "logger": "a.logger",
        "command_id": 3,
        "owner": "x@localhost",
    }


def test_an_exception_is_logged_without_its_text():
    for text in (line(broken()), str(as_json(broken())["exception"])):
        assert "builtins.ValueError" in text
        assert "builtins.KeyError" in text
        assert text.endswith(("builtins.ExceptionGroup", "builtins.KeyError"))
        assert "test_logs.py" in text
        assert "39347" not in text


def test_a_failed_task_is_logged_without_its_arguments():
    found = record(logging.ERROR, "Task %(name)s raised: %(exc)s %(args)s")
    found.args = {"name": "a.task", "exc": NUMBER, "args": NUMBER}

    assert logs.plain_task(found)

    assert found.getMessage() == "the task a.task failed"
    other = record()
    assert logs.plain_task(other)
    assert other.getMessage() == "said it"


def test_a_broker_that_refuses_a_password_is_no_failure_of_the_code():
    found = broken()
    refused = AccessRefused("ACCESS_REFUSED - Login was refused", (0, 0), "", 403)
    found.exc_info = (type(refused), refused, None)

    assert logs.plain_broker(found)

    assert line(found).endswith(
        "CELERY_BROKER_URL: the broker refuses: ACCESS_REFUSED - Login was refused"
    )
    other = broken()
    assert logs.plain_broker(other)
    assert "builtins.ValueError" in line(other)


@pytest.mark.parametrize(
    "text",
    ["", "one", "id-12345", "a" * 64, "7f1d2c3b-0000-4abc-8def-123456789012"],
)
def test_a_harmless_id_is_shown(text):
    assert redaction.shown(text) == text


@pytest.mark.parametrize(
    "text",
    [NUMBER, "a123456", "a" * 65, "two\nlines", "a b", "é", "a=b", "one\n"],
)
def test_other_ids_get_an_alias(text):
    shown = redaction.shown(text)
    assert shown.startswith("~")
    assert len(shown) == 13
    assert shown == redaction.shown(text)


# --- Requests ---------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the configured handler writes."""
    handlers = logging.getLogger().handlers
    (handler,) = (one for one in handlers if one.name == "stderr")
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


PATHS = [
    f"/api/accounts/by-number/{NUMBER}/",
    "/api/accounts/00393471111111/",
    "/api/accounts/00393471111111@localhost/",
    "/api/accounts/+39 347 111 1111/",
    "/api/accounts/３９３４７１１１１１１１/",
    "/api/accounts/%2B393471111111/",
    "/admin/by-number/+393471111111/",
    "/00393471111111%0AFORGED",
]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_a_number_in_a_path_is_not_logged(path, log, admin_client):
    admin_client.raise_request_exception = False
    for method in ("get", "post", "delete"):
        getattr(admin_client, method)(quote(path), {"q": "347"})

    lines = log.getvalue()
    assert "WARNING django.request: " in lines
    for part in ("39347", "1111111", "347 111", "FORGED", "localhost", "uff13"):
        assert part not in lines


@pytest.mark.django_db
def test_a_refused_filter_is_logged_without_its_text(log, admin_client):
    admin_client.get("/admin/roster/account/", {"00393471111111@localhost": "347"})

    assert "DisallowedModelAdminLookup: ~" in log.getvalue()
    assert "39347" not in log.getvalue()


@pytest.mark.django_db
def test_a_refused_form_is_logged_without_the_page_it_came_from(log, client):
    client.handler.enforce_csrf_checks = True
    sent = {"HTTP_REFERER": f"https://x.example/admin/?q={NUMBER}", "secure": True}
    client.post("/admin/login/", {}, **sent)

    line = log.getvalue()
    assert "Forbidden (Referer checking failed - https://x.example/admin/?…" in line
    assert "39347" not in line


@pytest.mark.parametrize(
    ("name", "template", "args"),
    [
        (
            "uvicorn.access",
            '%s - "%s %s HTTP/%s" %d',
            ("192.0.2.1:50", "GET", f"/api/accounts/?jid={quote(NUMBER)}", "1.1", 200),
        ),
        (
            "uvicorn.error",
            '%s - "WebSocket %s" 403',
            ("192.0.2.1:50", f"/{NUMBER}"),
        ),
        (
            "granian.access",
            '[%(time)s] %(addr)s - "%(method)s %(path)s?%(query_string)s" %(_h0)s',
            {
                "time": "2026-11-29 12:00:00 +0000",
                "addr": "2001:db8:1234:5678::1",
                "method": "GET",
                "path": f"/api/{quote(NUMBER)}/",
                "query_string": f"q={NUMBER}",
                "_h0": f"https://x.example/?q={NUMBER}",
            },
        ),
        ("django.server", '"%s" %s %s', (f"GET /?q={NUMBER} HTTP/1.1", "200", "12")),
        ("django.security.Any", f"no such field: {NUMBER}", ()),
    ],
)
def test_lines_of_web_servers_contain_no_numbers(name, template, args, log):
    logging.getLogger(name).error(
        template, *([args] if isinstance(args, dict) else args)
    )

    line = log.getvalue()
    assert name in line
    assert "39347" not in line
    assert "1111111" not in line
    for kept in ("192.0.2.1:50", "2001:db8:1234:5678::1", "12:00:00 +0000"):
        assert kept in line or kept not in str(args)


def test_without_debug_and_with_it_django_adds_no_handlers():
    for name in ("django", "django.server", "uvicorn.access", "granian.access"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).propagate


async def test_asyncio_reports_no_texts_and_no_arguments(log):
    loop = asyncio.get_running_loop()
    loop.call_soon(int, NUMBER + "x")
    broken = loop.create_future()
    broken.set_exception(ValueError(NUMBER))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del broken

    assert "asyncio: Exception in callback int" in log.getvalue()
    assert "builtins.ValueError" in log.getvalue()
    assert "exception was never retrieved" in log.getvalue()
    assert "39347" not in log.getvalue()


HOSTILE = """
import logging
from django.core.management import call_command
call_command("migrate", verbosity=0)
from roster import tasks
from roster.commands import intake
from roster.models import Command
from tests.roster.conftest import PaperRosters, message
number = "+393471111111"
evil = "0039347" + "1111111" + chr(10) + "FORGED {0} ERROR"
intake.receive([
    message(evil, payload=number + '{"userList": ["%s"]}' % number, id=number,
        owner=f"00{number[1:]}@localhost", resource=number),
    message(payload='{"channelUsers": [{"name": "x", "address": "p@q.example"}]}',
        id=evil, owner=f"00{number[1:]}@localhost"),
])
paper = PaperRosters()
paper.register(f"00{number[1:]}@localhost")
paper.raises["p@q.example"] = RuntimeError(number)
for _ in range(20):
    Command.objects.filter(state="received").update(not_before="2000-01-01T00:00Z")
    tasks._run_all(paper)
assert Command.objects.filter(state="dead").exists()
logging.getLogger("celery.app.trace").error(
    "Task %(name)s: %(exc)s", {"name": "t", "exc": number, "args": number})
try:
    raise ValueError(number)
except ValueError:
    logging.getLogger("django.request").exception("broke")
"""


@pytest.mark.parametrize("form", ["line", "json"])
def test_the_log_contains_no_data_from_users(tmp_path, form):
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", HOSTILE],
        cwd=ROOT,
        env={
            **os.environ,
            "VAR_DIR": str(tmp_path),
            "LOG_FORMAT": form,
            "LOG_LEVEL": "DEBUG",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    ours = [one for one in done.stderr.splitlines() if "roster.commands.results" in one]
    assert len([one for one in ours if "an attempt failed" in one]) >= 7
    assert len([one for one in ours if "dead after its attempts" in one]) == 1
    assert "answered" in done.stderr
    assert "the task t failed" in done.stderr
    # SQL is logged at DEBUG by Django alone, and only when DEBUG is on.
    for hostile in ("39347", "1111111", "FORGED", "channelUsers", "userList"):
        assert hostile not in done.stderr
    if form == "json":
        lines = [json.loads(one) for one in done.stderr.splitlines()]
        assert {one["level"] for one in lines} >= {"debug", "warning", "error"}
        assert all({"timestamp", "logger", "event"} <= one.keys() for one in lines)


def test_the_place_of_an_error_is_its_module_and_line_without_its_text():
    with pytest.raises(ValueError, match="secret") as caught:
        int("+39 secret")
    place = logs.place_of(caught.value)
    assert place.startswith(f"ValueError in {__name__}.test_the_place_of_an_error")
    assert "secret" not in place
    assert logs.place_of(ValueError("secret")) == "ValueError"
