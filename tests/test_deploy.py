"""The files in deploy/ are valid, and name only what the source has."""

import ast
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.bin.celery import celery
from click import Command, Context
from django.conf import settings
from django.core.management import get_commands
from granian.cli import cli as granian

from tests.service import ROOT
from tests.test_docs import CONFIGURATION, ROW, service_reads

DEPLOY = ROOT / "deploy"
BACKUP = DEPLOY / "systemd" / "xmppservice-backup.service"
UNITS = sorted(set((DEPLOY / "systemd").glob("*.service")) - {BACKUP})
ENVIRONMENT = DEPLOY / "environment"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
HOME = "/opt/xmppservice"

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
SYSTEMD = shutil.which("systemd-analyze")
OPENSSL = shutil.which("openssl")
PROMTOOL = shutil.which("promtool")


class Unit(ConfigParser):
    """A systemd unit; if a key occurs several times, the last one counts."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.read(path)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


# --- Command lines ----------------------------------------------------------------


def command_lines() -> Iterator[tuple[str, list[str]]]:
    for path in UNITS:
        yield path.name, Unit(path)["Service"]["ExecStart"].split()
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        name, _, command = line.partition(":")
        if not name.startswith("#"):
            yield f"Procfile-{name}", shlex.split(command)
    for name, service in compose().items():
        if "build" in service:
            yield f"compose-{name}", service["command"]
    words = re.findall(
        r"^CMD (\[.+\])$", DEPLOY.joinpath("Dockerfile").read_text(), re.M
    )
    yield "Dockerfile", ast.literal_eval(words[0])


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]


LINES = dict(command_lines())


def parsed(command: Command, words: list[str]) -> tuple[dict, list[str]]:
    """Return options and other words of a click command; fail on unknown options."""
    parser = command.make_parser(Context(command))
    options, rest, _ = parser.parse_args(words)
    return options, rest


def program(words: list[str]) -> str:
    return Path(words[0]).name


def test_all_deployments_start_the_same_programs():
    assert len(LINES) == 5 + 5 + 6 + 1
    assert set(map(program, LINES.values())) == {"python", "granian", "celery"}


@pytest.mark.parametrize("name", LINES)
def test_each_command_line_is_valid(name):
    words = LINES[name]

    if program(words) == "python":
        assert words[1] == "manage.py"
        assert words[2] in get_commands()
    elif program(words) == "granian":
        options, _ = parsed(granian, words[1:])
        module, _, attribute = options["app"].partition(":")
        assert options["interface"] == "wsgi"
        # It never ends a worker that was asked to stop before it was ready.
        assert 0 < int(options["workers_kill_timeout"]) < 30
        assert callable(getattr(import_module(module), attribute))
    else:
        options, rest = parsed(celery, words[1:])
        module, part = options["app"], rest[0]
        assert import_module(f"{module}.celery").app
        parsed(celery.commands[part], rest[1:])


def queues(start: str) -> set[str]:
    """Return the queues with a worker in the command lines named ``start``…"""
    return {
        words[words.index("-Q") + 1]
        for name, words in LINES.items()
        if name.startswith(start) and "-Q" in words
    }


@pytest.mark.parametrize("start", ["Procfile", "compose"])
def test_each_queue_has_a_worker(start):
    assert queues(start) == {queue.name for queue in settings.CELERY_TASK_QUEUES}


def test_each_queue_has_a_unit_that_the_page_starts():
    started = re.findall(r"xmppservice-worker@(\w+)", PAGE)
    assert queues("xmppservice-worker@") == {"%i"}
    assert set(started) == {queue.name for queue in settings.CELERY_TASK_QUEUES}


# --- Units ------------------------------------------------------------------------


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_unit_restarts_and_is_confined(path: Path):
    service = Unit(path)["Service"]

    assert service["User"] == service["Group"] == "xmppservice"
    assert service["WorkingDirectory"] == HOME
    assert service["ExecStart"].startswith(f"{HOME}/.venv/bin/")
    assert service["EnvironmentFile"] == "/etc/xmppservice/environment"
    assert service["Restart"] == "always"
    assert service["StateDirectory"] == "xmppservice"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


def test_all_units_have_the_same_sandbox():
    sandboxes = {
        path.read_text().partition("\nUMask=")[2].partition("\n\n")[0] for path in UNITS
    }
    assert len(sandboxes) == 1
    assert "SystemCallFilter" in sandboxes.pop()


def test_the_parts_belong_to_the_target():
    for path in UNITS:
        unit = Unit(path)
        if path.stem == "xmppservice":
            assert unit["Unit"]["Conflicts"] == "xmppservice.target"
        else:
            assert unit["Unit"]["PartOf"] == "xmppservice.target"
            assert unit["Install"]["WantedBy"] == "xmppservice.target"


@pytest.mark.skipif(not SYSTEMD, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong(tmp_path):
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace(f"{HOME}/.venv", sys.prefix)
        tmp_path.joinpath(path.name).write_text(text.replace(HOME, str(ROOT)))
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        [SYSTEMD, "verify", "--man=no", *files], capture_output=True, text=True
    )
    said = [line for line in done.stderr.splitlines() if "xmppservice" in line]
    assert said == []


# --- Settings ---------------------------------------------------------------------


def values(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z_]+)='([^']*)'$", text, re.M))


def settings_error(tmp_path: Path, **environment: str) -> str:
    """Return the last line of the settings' error, or "" if there is none."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
    )
    return done.stderr.splitlines()[-1] if done.returncode else ""


def given(*, scaled: bool) -> dict[str, str]:
    """deploy/environment, with the secrets and the time zone of a deployment."""
    text = ENVIRONMENT.read_text()
    lines = text if scaled else re.sub(r"^#.*$", "", text, flags=re.M)
    found = values(lines)
    for name in list(found):
        if name.endswith("_FILE") or name in ("VAR_DIR", "EJABBERD_API_URL"):
            del found[name]
    keys = dict.fromkeys(("SECRET_KEY", "ADDRESS_BOOK_KEY"), "long-enough-0" * 5)
    answers = {"XMPP_SECRET": "secret", "TIME_ZONE": "Europe/Rome"}
    return {**found, **answers, **(keys if scaled else {})}


def test_each_variable_of_the_environment_is_read():
    found = values(ENVIRONMENT.read_text())
    assert len(found) > 15
    assert {name.removesuffix("_FILE") for name in found} <= set(service_reads())


def test_the_environment_is_the_same_for_a_shell(tmp_path):
    done = subprocess.run(
        ["sh", "-c", f"set -a; . {shlex.quote(str(ENVIRONMENT))}; env"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    found = values(re.sub(r"^#.*$", "", ENVIRONMENT.read_text(), flags=re.M))
    assert (
        found.items()
        <= dict(line.split("=", 1) for line in done.stdout.splitlines()).items()
    )


@pytest.mark.parametrize("scaled", [False, True])
def test_the_environment_with_its_secrets_is_accepted(tmp_path, scaled):
    assert settings_error(tmp_path, **given(scaled=scaled)) == ""


def test_the_environment_without_secrets_is_refused(tmp_path):
    found = values(re.sub(r"^#.*$", "", ENVIRONMENT.read_text(), flags=re.M))
    del found["VAR_DIR"]
    found["TIME_ZONE"] = "Europe/Rome"
    assert "XMPP_SECRET must be set to a secret" in settings_error(tmp_path, **found)


@pytest.mark.parametrize("name", ["XMPP_SECRET", "SECRET_KEY", "ADDRESS_BOOK_KEY"])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_placeholder_is_refused_as_a_secret(tmp_path, name, scaled):
    environment = given(scaled=scaled) | {name: "change-me"}
    assert f"{name} must be set to a secret" in settings_error(tmp_path, **environment)


def test_the_time_zone_is_asked_for(tmp_path):
    found = values(ENVIRONMENT.read_text())
    environment = given(scaled=False) | {"TIME_ZONE": found["TIME_ZONE"]}
    reason = settings_error(tmp_path, **environment)
    assert reason.endswith("a time zone such as Europe/Rome, not 'change-me'.")


# --- The image --------------------------------------------------------------------


def test_the_image_contains_everything_that_runs():
    text = (DEPLOY / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M))
    names = {name for words in copied for name in words.split()}

    apps = {app.partition(".")[0] for app in settings.INSTALLED_APPS}
    ours = {app for app in apps if (ROOT / app).is_dir()}
    assert names >= ours | {"manage.py", "requirements.txt", "templates", "locale"}
    assert [name for name in names if not (ROOT / name).exists()] == []


# --- The proxy --------------------------------------------------------------------


def test_the_proxy_hides_metrics_and_readiness():
    text = (DEPLOY / "nginx.conf").read_text()
    for path in ("/metrics", "/readyz"):
        assert re.search(rf"location = {path} {{\s+return 404;", text)


@pytest.fixture
def nginx(tmp_path) -> list[str]:
    """The command line of an nginx with our configuration, on sockets of its own."""
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a"]
    subprocess.run(
        [OPENSSL, *words, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    site = "".join(
        (DEPLOY / name).read_text() for name in ("nginx-http.conf", "nginx.conf")
    )
    site = re.sub(r"/etc/letsencrypt/live/[^/]+", str(tmp_path), site)
    site = site.replace("/var/log/nginx", str(tmp_path))
    site = site.replace("/var/www/letsencrypt", str(tmp_path / "www"))
    # Its ports need a privilege that tests lack.
    site = re.sub(r"listen (\[::\]:)?(80|443)\b", r"listen unix:\1\2.sock", site)
    site = re.sub(r"unix:\S*?(80|443)\.sock", rf"unix:{tmp_path}/\1.sock", site)
    site = re.sub(r"^(\s+listen [^\n]+\n)\1", r"\1", site, flags=re.M)
    temporary = "".join(
        f"{name}_temp_path {tmp_path};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
        f"master_process off; http {{ access_log off; {temporary}\n{site}\n}}"
    )
    return [str(NGINX), "-q", "-e", str(tmp_path / "log"), "-c", str(whole)]


without_nginx = not (NGINX and OPENSSL)
needs_nginx = pytest.mark.skipif(without_nginx, reason="nginx or openssl is missing")


@needs_nginx
def test_nginx_accepts_its_configuration(nginx):
    done = subprocess.run([*nginx, "-t"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_nginx
def test_nginx_logs_neither_numbers_nor_jids_nor_addresses(nginx, tmp_path):
    paths = (
        "/api/buddies/12345678/?q=+393471111111",
        "/api/accounts/by-number/+393471111111/",
        "/api/accounts/%2B393471111111/",
        "/api/accounts/0039-347-111-1111/",
        "/api/accounts/mario%40localhost/",
        "/api/accounts/mario%2540localhost/",
        "/c/romeo/montague?qr=svg",
        "/api/accounts/%EF%BC%93%EF%BC%99%EF%BC%93%EF%BC%94%EF%BC%97%EF%BC%91/",
    )
    subprocess.run(nginx, check=True, stderr=subprocess.DEVNULL)
    try:
        for path in paths:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(tmp_path / "80.sock"))
                headers = f"Host: a\r\nReferer: http://a{path}\r\nConnection: close"
                connection.sendall(f"GET {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
                while connection.recv(4096):
                    pass
    finally:
        subprocess.run([*nginx, "-s", "stop"], check=True, stderr=subprocess.DEVNULL)

    log = (tmp_path / "access.log").read_text()
    assert '"GET /api/buddies/12345678/" 301' in log
    assert log.count("(hidden)") == len(paths) - 1
    for part in ("347", "111", "mario", "romeo", "BC"):
        assert part not in re.sub(r"\[.*?\]", "", log)


@needs_nginx
def test_nginx_starts_before_there_is_a_certificate(nginx, tmp_path):
    whole = tmp_path / "nginx.conf"
    http, _, https = whole.read_text().partition("# A proxy that terminates TLS")
    assert "ssl_certificate" in https
    assert "ssl_certificate" not in http
    whole.write_text(f"{http}}}")
    done = subprocess.run([*nginx, "-t"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- Backup and monitoring --------------------------------------------------------

RULES = DEPLOY / "prometheus" / "xmppservice.yml"
ALERTS = [
    rule
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
]

needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")


def test_a_timer_starts_the_backup():
    timer = Unit(BACKUP.with_suffix(".timer"))
    assert timer["Install"]["WantedBy"] == "timers.target"
    service = Unit(BACKUP)["Service"]
    script = service["ExecStart"].removeprefix("/bin/sh ")
    assert (ROOT / script).is_file()
    assert service["WorkingDirectory"] == HOME
    assert service["ReadWritePaths"] == "/var/backups /var/lib/xmppservice"


@needs_promtool
@pytest.mark.parametrize(
    "words",
    [
        ["check", "rules", str(RULES)],
        ["check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml"))],
        ["test", "rules", "tests/alerts.yml"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_prometheus_accepts(words):
    done = subprocess.run(
        [str(PROMTOOL), *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried_and_says_what_to_do():
    rows = re.findall(r"^\| `(XmppService\w+)` \| \S", PAGE, re.M)
    assert rows == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == "docs/deployment.md#monitoring"
        assert alert["labels"]["severity"] in ("critical", "warning")


# --- The page ---------------------------------------------------------------------

FILES = [
    path
    for package in ("xmppservice", "buddies", "roster")
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
]


@cache
def calls() -> list[tuple[str, ast.expr, Path]]:
    """Return calls of a name or a logger method, their first argument and file."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(name) | ast.Attribute(ast.Name("logger"), name),
                    args=[first, *_],
                ):
                    found.append((name, first, path))
    return found


def messages(levels: set[str]) -> Iterator[str]:
    """Yield the texts that the source logs or raises with these names."""
    for name, first, path in calls():
        if name in levels:
            yield from texts(first, path)


def texts(node: ast.expr, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) else "%s"
            for part in node.values
        )
    elif isinstance(node, ast.IfExp):
        for one in (node.body, node.orelse):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield getattr(import_module(module), ast.unparse(one))


def pieces(text: str) -> list[str]:
    """Return the constant parts of a format string."""
    return [piece.strip(" .") for piece in re.split(r"%[sdr]", text) if len(piece) > 5]


def quoted() -> set[str]:
    """Return what the first column of the troubleshooting tables quotes."""
    troubles = PAGE.partition("\n## Troubleshooting\n")[2]
    cells = re.findall(r"^\| (`.+?) \| ", troubles, re.M)
    return {
        text.strip(" .") for cell in cells for text in re.findall(r"`([^`]+)`", cell)
    }


WARNINGS = {"warning", "error", "exception"}
FATAL_ERRORS = {"CommandError", "ImproperlyConfigured"}


@pytest.mark.parametrize("text", sorted(set(messages(WARNINGS))))
def test_every_logged_warning_has_a_troubleshooting_entry(text):
    found = [
        quote
        for quote in quoted()
        for piece in pieces(text)
        if quote in piece or piece in quote
    ]
    assert found


@pytest.mark.parametrize("quote", sorted(quoted()))
def test_every_quoted_message_is_in_the_source(quote):
    known = [
        piece
        for text in messages(WARNINGS | FATAL_ERRORS | {"info"})
        for piece in pieces(text)
    ]
    assert [piece for piece in known if quote in piece or piece in quote]


def test_each_variable_that_the_page_names_is_documented():
    known = {name for name, _ in ROW.findall(CONFIGURATION)}
    words = set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]", PAGE))
    others = {"NAME_FILE", "POSTGRES_PASSWORD", "SSL_CERT_FILE", "SQL_ERROR"}
    assert words - known - others == set()
