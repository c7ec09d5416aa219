"""The parts of the service as processes: what they refuse, and how they exit."""

import os
import re
import subprocess
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests import golden
from tests.ports import free_port
from tests.service import DEPLOYMENT, MANAGE, ROOT, SECRET, Service

several = DEPLOYMENT != "one"
one_process_only = pytest.mark.skipif(several, reason="needs one process")


@one_process_only
def test_a_second_service_on_the_same_files_is_refused(service: Service):
    said = service.manage("serve", fails=True)
    assert "Another service is running on" in said


def test_runxmpp_needs_a_broker_and_a_channel_layer(service: Service, tmp_path):
    alone = {"VAR_DIR": str(tmp_path), "CELERY_BROKER_URL": "", "CHANNEL_LAYER_URL": ""}
    said = service.manage("runxmpp", fails=True, **alone)
    assert "set CELERY_BROKER_URL and CHANNEL_LAYER_URL" in said


def test_a_port_in_use_is_reported_in_one_sentence(service: Service, tmp_path):
    said = service.manage("serve", fails=True, VAR_DIR=str(tmp_path))
    assert f"HTTP_PORT: 127.0.0.1:{service.http_port}: Address already in use." in said


def test_a_database_without_tables_is_reported_in_one_sentence(
    service: Service, tmp_path
):
    elsewhere = {
        "VAR_DIR": str(tmp_path),
        "HTTP_PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3",
    }
    said = service.manage("serve", fails=True, **elsewhere)
    assert said.endswith(
        "CommandError: The database is not up to date: run manage.py migrate.\n"
    )


def test_it_exits_with_zero_on_a_signal(new_service):
    service = new_service()
    assert service.stop() == 0


@one_process_only
def test_it_exits_while_its_broker_is_away(tmp_path):
    nobody = "redis://127.0.0.1:1/0"
    environment = {
        **os.environ,
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{golden.migrated(MANAGE, tmp_path)}",
        "HTTP_PORT": str(free_port()),
        "XMPP_COMPONENT_PORT": "1",
        "CELERY_BROKER_URL": nobody,
        "CHANNEL_LAYER_URL": nobody,
        "SECRET_KEY": "a-key-of-this-test",
        "XMPP_SECRET": "a-secret-of-this-test",
        "ADDRESS_BOOK_KEY": "another-key-of-this-test",
    }
    with subprocess.Popen(
        [*MANAGE, "serve"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr
        while "Cannot connect to" not in child.stderr.readline():
            assert child.poll() is None
        child.terminate()
        try:
            child.communicate(timeout=40)
        finally:
            child.kill()
    assert child.returncode == 0


# When a browser disconnects during a static file, servestatic leaves the file open:
# Python reports that where warnings are errors.
LEFT_OPEN = re.compile(
    r"Exception ignored in: <_io\.FileIO .*\n"
    r"Traceback .*\n(?:  .*\n)*ResourceWarning:.*\n"
)


def test_nothing_private_reaches_the_log(service: Service):
    for path in ("by-number/+393471111111/", "00393471111111@localhost/"):
        assert service.http("GET", f"/api/accounts/{path}")[0] == 404
    assert service.http("GET", "/api/accounts/?q=%2B393471111111")[0] == 400
    log = LEFT_OPEN.sub("", service.log.read_text())
    assert "Not Found: /api/accounts/by-number/~" in log or several
    for word in (SECRET, "0039", "3471111", "channelUsers", "userList", "Traceback"):
        assert word not in log


def login(service: Service, name: str, proxied_for: str) -> int:
    """Return the status of a login with a wrong password, forwarded by a proxy."""
    cookies = HTTPCookieProcessor(CookieJar())
    browser = build_opener(cookies)
    url = f"http://127.0.0.1:{service.http_port}/admin/login/"
    with browser.open(url) as page:
        page.read()
    (token,) = (one.value for one in cookies.cookiejar if one.name == "csrftoken")
    form = {"username": name, "password": "wrong", "csrfmiddlewaretoken": token}
    request = Request(url, urlencode(form).encode(), {"X-Forwarded-For": proxied_for})
    try:
        with browser.open(request) as page:
            return page.status
    except HTTPError as error:
        with error:
            return error.code


def test_behind_a_proxy_only_the_guessing_network_is_locked_out(service: Service):
    guesses = [login(service, "tybalt", f"2001:db8:1:2::{n}") for n in range(10)]
    assert guesses[-1] == 429
    assert login(service, "tybalt", "192.0.2.2") == 200
