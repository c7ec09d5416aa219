"""The drivers alone: what they report when a right is missing, and ejabberd's API."""

import asyncio
import shutil
import time
from collections.abc import Iterator

import pytest

from demo.ejabberd import Ejabberd
from demo.prosody import Prosody
from roster.commands import adhoc
from tests.ports import free_port
from tests.service import COMPONENT, PASSWORD, until
from xmppservice.connection import gateway
from xmppservice.connection.component import ComponentStream
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters import ejabberd, ejabberd_api
from xmppservice.rosters.interface import MISSING, RosterChange, RosterError
from xmppservice.rosters.privileged import PrivilegedRosters

ROMEO, NOBODY = "romeo@localhost", "nobody@localhost"


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


def ports() -> dict[str, int]:
    return {name: free_port() for name in ("c2s_port", "component_port", "http_port")}


# --- Privileges -------------------------------------------------------------------


@pytest.fixture
def prosody(tmp_path) -> Iterator[Prosody]:
    more = ["elsewhere.localhost"]
    with Prosody(tmp_path, **ports(), secret="s", more_domains=more) as server:
        yield server


async def probe(prosody: Prosody, settings, *domains: str) -> str:
    """Return what the driver lacks on a stream that serves ``domains``."""
    settings.XMPP_DOMAINS = list(domains)
    address = ("127.0.0.1", prosody.component_port)
    stream = ComponentStream(COMPONENT, "s", address, domains, adhoc)
    session = asyncio.create_task(stream.session())
    gateway.attach(stream.ask, lambda: gateway.State(stream.ready, stream.privileged))
    try:
        await until(lambda: stream.ready)
        return await asyncio.to_thread(PrivilegedRosters().probe)
    finally:
        gateway.detach()
        session.cancel()
        await asyncio.wait([session])


async def test_nothing_is_missing_with_all_privileges(prosody, settings):
    assert await probe(prosody, settings, "localhost") == ""


async def test_a_domain_without_the_privilege_is_reported(prosody, settings):
    said = await probe(prosody, settings, "localhost", "elsewhere.localhost")
    assert said.startswith("this XMPP server answers forbidden")
    assert "privileged_entities" in said


async def test_missing_privileges_are_reported_with_the_lines_to_add(prosody, settings):
    said = await probe(prosody, settings, "elsewhere.localhost")
    assert f'privileged_entities = {{ ["{settings.XMPP_JID}"]' in said


# --- ejabberd's API ---------------------------------------------------------------


@pytest.fixture(autouse=True)
def _fresh_api() -> Iterator[None]:
    ejabberd_api.api.cache_clear()
    yield
    ejabberd_api.api.cache_clear()


@pytest.fixture
def nowhere(settings) -> None:
    settings.EJABBERD_API_URL = f"http://127.0.0.1:{free_port()}/api"
    settings.EJABBERD_API_USER = "admin@localhost"
    settings.EJABBERD_API_PASSWORD = "secret"


def test_an_unreachable_api_raises_broke(nowhere):
    with pytest.raises(gateway.Broke, match="HTTP API cannot be reached"):
        ejabberd.EjabberdRosters().exist([ROMEO], in_seconds(5))


def test_an_unreachable_api_is_reported(nowhere):
    assert "check EJABBERD_API_URL" in ejabberd.EjabberdRosters().probe()


def test_a_request_past_its_deadline_raises_late(nowhere):
    with pytest.raises(gateway.Late):
        ejabberd.EjabberdRosters().exist([ROMEO], in_seconds(-1))


if shutil.which("ejabberdctl", path="/usr/sbin:/usr/bin"):

    @pytest.fixture(scope="module")
    def server(tmp_path_factory) -> Iterator[Ejabberd]:
        folder = tmp_path_factory.mktemp("ejabberd")
        with Ejabberd(folder, **ports(), secret="s") as running:
            running.register("romeo", PASSWORD)
            yield running

    @pytest.fixture
    def driver(server, settings) -> ejabberd.EjabberdRosters:
        settings.EJABBERD_API_URL = server.api_url
        settings.EJABBERD_API_USER = server.admin
        settings.EJABBERD_API_PASSWORD = server.admin_password
        settings.CHANNEL_LAYER_URL = ""  # no stream to ask
        return ejabberd.EjabberdRosters()

    def test_accounts_are_looked_up(driver):
        assert driver.exist([ROMEO, NOBODY], in_seconds(10)) == [True, False]

    def test_many_accounts_are_looked_up(driver):
        many = [f"{number}@localhost" for number in range(500)]
        asked = [*many, ROMEO, "romeo@no.such.domain"]
        assert driver.exist(asked[:-1], in_seconds(10)) == [False] * 500 + [True]
        with pytest.raises(RosterError, match="400"):
            driver.exist(asked, in_seconds(10))

    def test_all_accounts_of_a_domain_are_listed(driver, server):
        server.register("tybalt", PASSWORD)
        there = {ROMEO, "tybalt@localhost"}
        assert there <= driver.accounts("localhost", in_seconds(10))
        server.unregister("tybalt")
        assert "tybalt@localhost" not in driver.accounts("localhost", in_seconds(10))
        with pytest.raises(RosterError, match="400"):
            driver.accounts("no.such.domain", in_seconds(10))

    def test_roster_items_are_read_back_as_written(driver):
        items = [
            RosterItem("liam@localhost", "Liam <&> é", ("verified",), "both"),
            RosterItem("tybalt@localhost", "", ("others", "family"), "none"),
        ]
        changes = [RosterChange(ROMEO, item) for item in items]

        assert driver.write(changes, in_seconds(10)) == ["", ""]

        (read,) = driver.read([ROMEO], in_seconds(10))
        found = {item.jid: item for item in read}
        assert found["liam@localhost"] == items[0]
        assert sorted(found["tybalt@localhost"].groups) == ["family", "others"]

    def test_no_roster_is_created_without_an_account(driver):
        change = RosterChange(NOBODY, RosterItem("liam@localhost", "Liam", ("others",)))
        assert driver.write([change], in_seconds(10)) == [MISSING]
        assert driver.read([NOBODY], in_seconds(10)) == [[]]

    def test_an_address_that_ejabberd_refuses_is_a_bad_request(driver):
        change = RosterChange(ROMEO, RosterItem("a b@localhost", "", ("others",)))
        assert driver.write([change], in_seconds(10)) == ["bad-request"]

    def test_nothing_is_missing(driver):
        assert driver.probe() == ""

    def test_a_wrong_password_is_reported(driver, settings):
        settings.EJABBERD_API_PASSWORD = "wrong"
        assert "refuses EJABBERD_API_USER" in driver.probe()
        with pytest.raises(RosterError, match="401"):
            driver.exist([ROMEO], in_seconds(10))

    def test_a_missing_right_is_reported_with_the_line_that_grants_it(driver, settings):
        settings.EJABBERD_API_USER = ROMEO
        settings.EJABBERD_API_PASSWORD = PASSWORD
        said = driver.probe()
        assert "api_permissions" in said
        assert "add_rosteritem" in said
