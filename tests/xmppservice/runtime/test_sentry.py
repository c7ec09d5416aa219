"""Reports to Sentry say what broke and where, without data from users."""

import os
import subprocess
import sys

from tests.service import ROOT

# In a separate process, because sentry_sdk does not undo its patches.
BREAK = """
import logging
from celery import shared_task
from sentry_sdk.transport import Transport
from xmppservice.runtime import sentry

sent = []

class Kept(Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.serialize().decode())

sentry.begin("https://key@sentry.example.org/1", Kept)
number = "+393471111111"

@shared_task
def broken(payload):
    numbers = [payload]
    logging.getLogger("a").warning("a crumb %s", payload)
    raise ValueError(f"no such {numbers}")

try:
    broken.apply(args=[number], throw=True)
except ValueError:
    import sentry_sdk
    sentry_sdk.capture_exception()
logging.getLogger("a").error("a line %s", number)
assert len(sent) >= 1, sent
text = "".join(sent)
assert "ValueError" in text
assert "broken" in text
assert "39347" not in text, text
print("good")
"""


REQUEST = """
import sys
from urllib.parse import quote
from django.conf import settings
from django.test import Client
from sentry_sdk.transport import Transport
from xmppservice.runtime import sentry

sent = []

class Kept(Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.serialize().decode())

sentry.begin("https://key@sentry.example.org/1", Kept)
from roster.api.views import AccountViewSet
number = "+393471111111"

def broken(*args, **kwargs):
    raise ValueError(number)

def get(path):
    trace = {"sentry-trace": f"{'1' * 32}-{'2' * 16}-1"}
    baggage = {"baggage": f"sentry-transaction={quote(number)}"}
    Client(raise_request_exception=False).get(path, headers={**trace, **baggage})

settings.ALLOWED_HOSTS = ["*"]
settings.MIDDLEWARE = []
AccountViewSet.initial = broken
get(f"/api/accounts/{quote(number)}/?q={quote(number)}")
# Before the URL is resolved, a request is known by its path only.
sys.modules["broken"] = type(sys)("broken")
sys.modules["broken"].Middleware = lambda get_response: broken
settings.MIDDLEWARE = ["broken.Middleware"]
get(f"/api/accounts/by-number/{number}/?jid={quote(number)}")
assert len(sent) == 2, sent
text = "".join(sent)
assert text.count("ValueError") >= 2
assert "/api/accounts/{pk}/" in text, text
for part in ("39347", "by-number"):
    assert part not in text, text
print("good")
"""


def run(tmp_path, code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code],
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_exception_in_a_task_is_reported_without_its_data(tmp_path):
    assert run(tmp_path, BREAK) == "good"


def test_an_exception_in_a_request_is_reported_without_its_path(tmp_path):
    assert run(tmp_path, REQUEST) == "good"


def test_without_a_dsn_the_module_is_not_loaded(tmp_path):
    code = "import sys; print('xmppservice.runtime.sentry' in sys.modules)"
    assert run(tmp_path, code) == "False"


def test_with_a_dsn_sentry_is_initialised(tmp_path):
    code = "import sentry_sdk; print(sentry_sdk.is_initialized())"
    dsn = "https://key@127.0.0.1:9/1"
    assert run(tmp_path, code, SENTRY_DSN=dsn) == "True"
