"""Programs that start without manage.py refuse wrong settings as it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, ProgrammingError

from tests.ports import free_port
from tests.service import ROOT
from xmppservice.celery import app
from xmppservice.management.beat import BeatScheduler
from xmppservice.runtime import startup

BIN = Path(sys.executable).parent
CELERY = [str(BIN / "celery"), "--quiet", "-A", "xmppservice"]
WEB = ["--interface", "wsgi", "--no-ws", "--blocking-threads", "1"]
NOBODY = "redis://127.0.0.1:1/0"
SCALED = {
    "SECRET_KEY": "".join(chr(65 + n % 57) for n in range(70)),
    "XMPP_SECRET": "x9-component-secret",
    "ADDRESS_BOOK_KEY": "k7-address-book-key",
    "CELERY_BROKER_URL": NOBODY,
    "CHANNEL_LAYER_URL": NOBODY,
}


def commands() -> dict[str, list[str]]:
    port = ["--port", str(free_port())]
    return {
        "worker": [*CELERY, "worker", "-Q", "commands"],
        "beat": [*CELERY, "beat"],
        "web": [str(BIN / "granian"), *WEB, *port, "xmppservice.wsgi:application"],
    }


@pytest.mark.parametrize("name", ["worker", "beat", "web"])
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"XMPP_TLS": "x"}, "XMPP_TLS must be true or false, not 'x'."),
        (
            {"XMPP_JID": "a b"},
            "XMPP_JID must be a bare JID, and XMPP_DOMAINS must list at least one "
            "domain, each once and none equal to XMPP_JID.",
        ),
    ],
)
def test_wrong_settings_are_refused_in_one_sentence(
    tmp_path, name, environment, sentence
):
    done = subprocess.run(
        commands()[name],
        cwd=ROOT,
        env=os.environ | SCALED | {"VAR_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert sentence in done.stderr.splitlines()


def test_beat_makes_its_folder(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "new"
    file = settings.VAR_DIR / "schedule"
    scheduler = BeatScheduler(app, lazy=True, schedule_filename=str(file))
    scheduler.setup_schedule()
    scheduler.close()
    assert settings.VAR_DIR.stat().st_mode & 0o77 == 0
    assert list(settings.VAR_DIR.glob("schedule*"))


def test_beat_names_a_folder_that_it_cannot_write(settings):
    settings.VAR_DIR = Path("/proc/nowhere")
    file = settings.VAR_DIR / "schedule"
    scheduler = BeatScheduler(app, lazy=True, schedule_filename=str(file))
    with pytest.raises(SystemExit, match=r"^VAR_DIR: /proc/nowhere: No such file"):
        scheduler.setup_schedule()


@pytest.mark.parametrize(
    "error",
    [
        ImproperlyConfigured("The database x: broken."),
        # Such as a right that is missing, or an option that libpq does not know.
        ProgrammingError("broken.\nLINE 1: SELECT"),
        DatabaseError("broken"),
    ],
)
def test_what_an_operator_can_mend_is_one_sentence(error):
    assert (startup.explanation(error) or "").endswith(": broken.")


@pytest.mark.parametrize("error", [IntegrityError("x"), KeyError("x"), OSError("x")])
def test_a_fault_of_the_code_keeps_its_traceback(error):
    assert startup.explanation(error) is None
    with pytest.raises(type(error)), startup.in_one_sentence():
        raise error
