"""The environment is read strictly: a typo stops the start."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.ports import free_port
from tests.service import ROOT
from xmppservice import environment


def check(tmp_path, *options: str, **environment: str) -> subprocess.CompletedProcess:
    return manage(tmp_path, "check", *options, **environment)


def start(tmp_path, **environment: str) -> subprocess.CompletedProcess:
    """Read the settings: the first step of each start."""
    return run(tmp_path, "-c", "import xmppservice.settings", **environment)


def manage(tmp_path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    return run(tmp_path, "manage.py", *words, **environment)


def run(tmp_path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "CHANGE_MESSAGE_NAMESPACE",
            "urn:ours",
            "jabber:x:oob or urn:xmppservice:command:1, not 'urn:ours'",
        ),
        ("DOCUMENT_PUBLIC", "yes", "DOCUMENT_PUBLIC must be true or false"),
        ("SUPPORT_ADDRESSES", "help@example.org", "must be like mailto:help@"),
        ("SUPPORT_ADDRESSES", "mailto:a b", "not 'mailto:a b'"),
        ("SEARCH_LIMIT", "many", "SEARCH_LIMIT must be a whole number"),
        ("XMPP_COMPONENT_PORT", "-1", "XMPP_COMPONENT_PORT must be a whole number"),
        ("HTTP_PORT", "99999", "HTTP_PORT must be a port"),
        ("PUBLIC_URL", "buddies.example.org", "PUBLIC_URL must be like https://"),
        ("PUBLIC_URL", "https://buddies.example.org/", "without a trailing slash"),
        ("PUBLIC_URL", "ftp://buddies.example.org", "PUBLIC_URL must be like"),
        ("PUBLIC_URL", "https://a.example?b", "PUBLIC_URL must be like"),
        ("TIME_ZONE", "Rome", "TIME_ZONE must be a time zone such as"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, INFO"),
        ("DATABASE_URL", "garbage", "DATABASE_URL must be like sqlite:///FILE"),
        ("ACCOUNT_WEBHOOK_SECRET", "whsec_short", "must be whsec_ followed by"),
        ("ADDRESS_BOOK_OLD_KEYS", "change-me", "must be set to a secret of your own"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT must be line or json"),
        ("METRICS_TOKEN_FILE", "/nowhere", "METRICS_TOKEN_FILE: No such file"),
        ("XMPP_SECRET_FILE", "/dev", "XMPP_SECRET_FILE: Is a directory"),
        ("CELERY_BROKER_URL", "sqs://here", "must be like redis://HOST or rediss://"),
        ("CHANNEL_LAYER_URL", "amqp://here", "must be like redis://HOST or rediss://"),
        ("WEBCHAT_URL", "https://xmpp.example.org", "WEBCHAT_URL must be like wss://"),
        ("WEBCHAT_URL", "wss://a.example; x", "WEBCHAT_URL must be like wss://"),
        ("VAR_DIR", "/dev/null/here", "VAR_DIR: /dev/null/here: Not a directory"),
    ],
)
def test_an_invalid_value_is_reported_with_its_variable(
    tmp_path, name, value, sentence
):
    done = start(tmp_path, **{name: value})
    assert done.returncode != 0
    assert sentence in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("host", [" ", "a..b", "a" * 64, "h/x", "u@h", "a b"])
def test_a_word_that_is_no_host_is_refused(monkeypatch, host):
    monkeypatch.setenv("XMPP_HOST", host)
    with pytest.raises(ImproperlyConfigured, match="XMPP_HOST must be a host, not"):
        environment.host("XMPP_HOST", "127.0.0.1")


@pytest.mark.parametrize("host", ["::1", "xmpp", "bücher.example.org", "h.example."])
def test_names_and_addresses_are_hosts(monkeypatch, host):
    monkeypatch.setenv("XMPP_HOST", host)
    assert environment.host("XMPP_HOST", "127.0.0.1") == host


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hidden@h/x",
        "oracle://u:hidden@h/x",
        "postgis://u:hidden@h/x",
        "garbage",
        "postgres://u:hidden@h:abc/x",
        "postgres://u:hidden@h:70000/x",
        "postgres://u:hidden@h/",
        "postgres://[::1/x",
        "://",
    ],
)
def test_the_url_of_no_usable_database_is_refused_without_its_password(
    monkeypatch, url
):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.database("DATABASE_URL", "sqlite:///x")
    assert str(refused.value).startswith("DATABASE_URL must be like sqlite:///FILE")
    assert "hidden" not in str(refused.value)


def test_a_database_on_a_socket_with_options(monkeypatch):
    options = "sslmode=require&options=-c%20lock_timeout%3D5s"
    monkeypatch.setenv("DATABASE_URL", f"postgres://%2Frun%2Fpg/x?{options}")
    parts = environment.database("DATABASE_URL", "sqlite:///x")
    assert parts["HOST"] == "/run/pg"
    assert parts["OPTIONS"] == {
        "sslmode": "require",
        "options": "-c lock_timeout=5s",
    }


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hidden@h:abc/0",
        "redis://:hidden@h:70000/0",
        "redis://:hidden@h:0/0",
        "redis://:hidden@:6379",
        "redis://a,b/0",
        "sentinel://a,b:x/0",
        "sentinel://a,,b/0",
        "unix://run/redis.sock",
        "redis+socket://",
        "http://h/0",
        "redis:h",
    ],
)
def test_the_url_of_no_usable_redis_is_refused_without_its_password(monkeypatch, url):
    monkeypatch.setenv("CHANNEL_LAYER_URL", url)
    schemes = ("redis", "sentinel", "redis+socket", "unix")
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.transport("CHANNEL_LAYER_URL", "", *schemes)
    assert "sentinel://HOST,HOST/0?master=NAME or redis+socket:///FILE" in str(
        refused.value
    )
    assert "hidden" not in str(refused.value)


SET = {"SECRET_KEY": "given", "XMPP_SECRET": "given", "ADDRESS_BOOK_KEY": "given"}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"HTTP_PORT": "abc"}, "HTTP_PORT must be a whole number, not 'abc'."),
        ({"VAR_DIR": "/proc/x", **SET}, "VAR_DIR: /proc/x: No such file or directory."),
        ({"HTTP_HOST": "h.invalid"}, "HTTP_HOST: h.invalid: "),
        (
            {"DATABASE_URL": "postgres://u:hidden@127.0.0.1:1/x"},
            "The database x: connection failed: connection to server at ",
        ),
        (
            {"DATABASE_URL": "sqlite:////dev/null/x"},
            "The database /dev/null/x: unable to open database file.",
        ),
    ],
)
def test_serve_reports_in_one_sentence_what_keeps_it_from_starting(
    tmp_path, environment, sentence
):
    port = str(free_port())
    done = manage(tmp_path, "serve", **{"HTTP_PORT": port, **environment})
    assert done.returncode == 1
    assert sentence.format(port=port) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_an_unreadable_secret_names_its_file(tmp_path):
    (tmp_path / "secret-key").mkdir()
    done = manage(tmp_path, "check")
    assert done.stderr == f"VAR_DIR: {tmp_path}/secret-key: Is a directory.\n"


def test_ctrl_c_in_the_first_seconds_leaves_no_traceback(tmp_path):
    for command in ("serve", "runxmpp"):
        fifo = tmp_path / command
        os.mkfifo(fifo)
        # It reads a secret from a pipe in which nothing comes.
        environment = {"VAR_DIR": str(tmp_path), "SECRET_KEY_FILE": str(fifo)}
        child = subprocess.Popen(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background jobs, and what they start, ignore it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        with fifo.open("w"):  # returns when it reads
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=30)
        assert (child.returncode, said) == (130, "")


def test_secrets_are_generated_once_and_only_the_owner_can_read_them(tmp_path):
    assert start(tmp_path).returncode == 0
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(made) == {"secret-key", "xmpp-secret", "address-book-key"}
    assert all(path.stat().st_mode & 0o77 == 0 for path in tmp_path.iterdir())

    start(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_a_given_secret_is_not_written(tmp_path):
    start(tmp_path, SECRET_KEY="given", XMPP_SECRET="given", ADDRESS_BOOK_KEY="given")
    assert list(tmp_path.iterdir()) == []


# --- Files ------------------------------------------------------------------------


def test_a_value_from_a_file_has_no_trailing_newline(tmp_path):
    file = tmp_path / "zone"
    file.write_text("Europe/Nowhere\n")

    done = check(tmp_path / "var", TIME_ZONE_FILE=str(file))

    assert "not 'Europe/Nowhere'." in done.stderr


def test_a_binary_file_is_refused_without_showing_its_content(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe hidden")

    done = start(tmp_path / "var", SECRET_KEY_FILE=str(file))

    last = done.stderr.splitlines()[-1]
    assert last.endswith("SECRET_KEY_FILE: Not a UTF-8 text file.")


# --- A deployment of several processes ----------------------------------------------

SECRETS = {
    "XMPP_SECRET": "x9-component-secret",
    "SECRET_KEY": "".join(chr(65 + n % 57) for n in range(70)),
    "ADDRESS_BOOK_KEY": "k7-address-book-key",
}
SCALED = {
    "PUBLIC_URL": "https://buddies.example.org",
    "DATABASE_URL": "postgres://user:password@db.example.org/xmppservice",
    "CELERY_BROKER_URL": "redis://redis.example.org/0",
    "CHANNEL_LAYER_URL": "redis://redis.example.org/1",
    "ALLOWED_HOSTS": "buddies.example.org",
    "TIME_ZONE": "Europe/Rome",
    **SECRETS,
}


def test_a_scaled_deployment_behind_https_causes_no_warning(tmp_path):
    done = check(tmp_path, "--deploy", "--fail-level", "WARNING", **SCALED)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_processes_with_a_database_file_cause_a_warning(tmp_path):
    done = check(tmp_path, **{**SCALED, "DATABASE_URL": f"sqlite:///{tmp_path}/db"})
    assert done.returncode == 0
    assert "xmppservice.W003" in done.stderr


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", " ", "change-me"])
def test_several_machines_must_be_given_their_secrets(tmp_path, name, value):
    done = start(tmp_path, **{**SCALED, name: value})
    assert done.returncode != 0
    assert f"{name} must be set to a secret" in done.stderr.splitlines()[-1]


def test_one_process_refuses_the_example_secret_too(tmp_path):
    done = start(tmp_path, XMPP_SECRET="change-me")
    assert "must be set to a secret of your own" in done.stderr


SECURE = """
from django.test import Client
page = Client().get("/admin/login/", headers={"x-forwarded-proto": "https"})
print(page.status_code, page.headers.get("Strict-Transport-Security"))
print(page.headers["X-Content-Type-Options"], page.headers["Referrer-Policy"])
print(page.cookies["csrftoken"]["secure"] or "-")
plain = Client().get("/admin/login/")
print(plain.status_code, plain.headers.get("Location", "-"))
print(Client().get("/healthz", headers={"host": "10.0.0.7"}).status_code)
"""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "https://localhost",
            "200 max-age=60|nosniff same-origin|True"
            "|301 https://localhost/admin/login/|200",
        ),
        ("http://localhost", "200 None|nosniff same-origin|-|200 -|200"),
    ],
)
def test_https_is_required_only_with_an_https_public_url(tmp_path, url, said):
    code = SECURE.replace("Client()", 'Client(SERVER_NAME="localhost")')
    done = manage(
        tmp_path, "shell", "-v0", "-c", code, PUBLIC_URL=url, HSTS_SECONDS="60"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == said.split("|")
