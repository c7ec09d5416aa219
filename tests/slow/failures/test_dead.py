"""A command that always fails: only it is given up, and staff can retry it."""

import asyncio
import http.cookiejar
import re
import urllib.parse
import urllib.request

import pytest

from demo.client import Client
from tests.service import MODE, PASSWORD, SERVER, SERVICE, Service, until

LIST = "/admin/roster/command/"
# Until a command is dead: skips the pauses between its attempts.
HURRY = """
import time
from django.utils import timezone
from roster.models import Command
began = timezone.now()
while not (dead := Command.objects.filter(state="dead", done_at__gt=began)):
    waiting = Command.objects.filter(state="received", attempts__gt=0)
    waiting.update(not_before=began)
    time.sleep(0.1)
print(dead.get().attempts)
"""

elsewhere = (SERVER, MODE) != ("prosody", "component")
pytestmark = pytest.mark.skipif(elsewhere, reason="all domains have the privilege")


async def test_a_command_that_always_fails(new_service):
    service: Service = new_service(XMPP_DOMAINS="localhost,elsewhere.localhost")
    (romeo,) = service.register()
    service.server.register("paris", PASSWORD, "elsewhere.localhost")
    async with (
        service.client("paris", domain="elsewhere.localhost") as paris,
        service.client(romeo) as other,
    ):
        await paris.send(_message())
        await _dies(service, paris, other)

        staff = Staff(service)
        row = staff.dead()
        assert "1 command will be retried" in staff.retry(row)
        await _dies(service, paris, other)
        assert staff.dead() == row

        await paris.send(_message())
        await _dies(service, paris, other)
    assert service.states()["dead"] == 1


async def test_a_domain_without_the_privilege(new_service):
    service: Service = new_service(XMPP_DOMAINS="localhost,elsewhere.localhost")
    (romeo,) = service.register()
    (tybalt,) = service.unknown()
    for local in ("paris", tybalt):
        service.server.register(local, PASSWORD, "elsewhere.localhost")

    says = await until(lambda: _what_rosters_lack(service))
    assert "something: elsewhere.localhost: give the VirtualHost privileged" in says
    log = "rosters cannot be kept: elsewhere.localhost: give the VirtualHost"
    assert log in service.log.read_text()
    _, _, metrics = service.http("GET", "/metrics")
    missing = dict(re.findall(r'domain_rosters_missing{domain="(.*)"} (.*)', metrics))
    assert missing == {"localhost": "0.0", "elsewhere.localhost": "1.0"}
    _, _, delivery = service.http("GET", "/api/delivery/")
    assert delivery["stream"]["missing"].startswith("elsewhere.localhost: give")

    async with (
        service.client("paris", domain="elsewhere.localhost") as paris,
        service.client(romeo) as other,
    ):
        # It could be mistaken for a number that nobody has.
        payload = f'{{"userList":["{tybalt}"]}}'
        await paris.send(_message("cmd_search_users", payload))
        await _dies(service, paris, other)


def _what_rosters_lack(service: Service) -> str:
    _, _, readiness = service.http("GET", "/readyz")
    (rosters,) = (one for one in readiness["checks"] if one["name"] == "rosters")
    return rosters["says"] if "lacks" in rosters["says"] else ""


def _message(
    command: str = "cmd_add_to_roster",
    payload: str = '{"channelUsers":[{"name":"Liam","address":"liam"}]}',
) -> str:
    return (
        f"<message to='{SERVICE}' id='fails' type='chat'><body/>"
        f"<x xmlns='jabber:x:oob'><type>{command}</type><action>{command}</action>"
        f"<payload>{payload}</payload></x></message>"
    )


async def _dies(service: Service, paris: Client, other: Client) -> None:
    """Assert that the command of Paris dies, and another user is served meanwhile."""
    paris.stanzas.clear()
    dying = asyncio.create_task(asyncio.to_thread(service.shell, HURRY))
    served = 0
    while not dying.done():
        payload = {"channelUsers": [{"name": "Mario", "address": f"mario-{served}"}]}
        answer = await other.command(SERVICE, "cmd_add_to_roster", payload)
        assert answer["status"] == 0
        served += 1
    print(f"dead after {await dying} attempts; meanwhile {served} others were served")
    assert await dying == "8"
    assert served
    answer = await paris.message(lambda stanza: stanza.get("id") == "fails")
    assert '"errorCode":"SQL_ERROR"' in answer.findtext("{*}x/{*}payload")


class Staff:
    """A staff user who is logged in to the admin."""

    def __init__(self, service: Service) -> None:
        self._site = f"http://127.0.0.1:{service.http_port}"
        self._cookies = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self._get("/admin/login/")
        self._post("/admin/login/", username="admin", password=PASSWORD)

    def dead(self) -> str:
        """The number of the one dead command that the list shows."""
        (row,) = set(re.findall(rf"{LIST}(\d+)/", self._get(f"{LIST}?state=dead")))
        return row

    def retry(self, row: str) -> str:
        """Choose the command and *Retry dead commands*; return the page after."""
        return self._post(LIST, action="retry", _selected_action=row)

    def _get(self, path: str) -> str:
        with self._browser.open(self._site + path) as page:
            return page.read().decode()

    def _post(self, path: str, **fields: str) -> str:
        (token,) = (one.value for one in self._cookies if one.name == "csrftoken")
        form = {**fields, "csrfmiddlewaretoken": token}
        data = urllib.parse.urlencode(form).encode()
        with self._browser.open(self._site + path, data) as page:
            return page.read().decode()
