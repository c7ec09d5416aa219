"""The drivers alone: what they report when a right is missing, and ejabberd's API."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from demo.client import Client
from demo.ejabberd import Ejabberd
from demo.prosody import Prosody
from roster.commands import adhoc
from tests.ports import free_port
from tests.prosody_files import FiledProsody
from tests.service import COMPONENT, PASSWORD, until
from xmppservice.connection import gateway
from xmppservice.connection.component import ComponentStream
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters import ejabberd, ejabberd_api
from xmppservice.rosters.interface import MISSING, RosterError, RosterWrite
from xmppservice.rosters.privileged import PrivilegedRosters

ROMEO, NOBODY = "romeo@localhost", "nobody@localhost"
ITEM = RosterItem("liam@localhost", "Liam", ("others",))


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


def ports() -> dict[str, int]:
    return {name: free_port() for name in ("c2s_port", "component_port", "http_port")}


# --- Privileges -------------------------------------------------------------------


RIGHTS = "\tprivileged_entities = {{ [{!r}] = {{ roster = {!r} }} }}\n".format
# What each domain has in its configuration; "older" is configured without "iq".
DOMAINS = {
    "deaf.localhost": '\tmodules_disabled = { "privilege" }\n',
    "stranger.localhost": "",
    "reader.localhost": RIGHTS(COMPONENT, "get"),
    "older.localhost": RIGHTS(COMPONENT, "both")
    + '\tmodules_enabled = { "blocklist" }\n',
}
ALL_DOMAINS = "localhost", *DOMAINS


class UnequalProsody(FiledProsody):
    """A Prosody whose domains differ in what the service may do there."""

    def _settings(self) -> str:
        common = super()._settings().replace('"roster";', '"roster"; "admin_shell";')
        hosts = (f'VirtualHost "{name}"\n{lines}' for name, lines in DOMAINS.items())
        return common + "".join(hosts)


@pytest.fixture(scope="module")
def prosody(tmp_path_factory) -> Iterator[UnequalProsody]:
    folder = tmp_path_factory.mktemp("prosody")
    with UnequalProsody(folder, **ports(), secret="s") as server:
        for domain in ALL_DOMAINS:
            server.register("romeo", PASSWORD, domain)
        yield server


@asynccontextmanager
async def stream(
    server: Prosody | Ejabberd, settings, *domains: str
) -> AsyncIterator[None]:
    """Hold a stream that serves ``domains``."""
    settings.XMPP_DOMAINS = list(domains)
    address = ("127.0.0.1", server.component_port)
    opened = ComponentStream(COMPONENT, "s", address, domains, adhoc)
    session = asyncio.create_task(opened.session())
    gateway.attach(opened.ask, lambda: gateway.State(opened.ready, opened.privileged))
    try:
        await until(lambda: opened.ready)
        yield
    finally:
        gateway.detach()
        session.cancel()
        await asyncio.wait([session])


async def probe(prosody: Prosody, settings, *domains: str) -> dict[str, str]:
    async with stream(prosody, settings, *domains):
        return await asyncio.to_thread(PrivilegedRosters().probe)


async def exist(*jids: str) -> list[bool]:
    return await asyncio.to_thread(PrivilegedRosters().exist, jids, in_seconds(10))


async def test_nothing_is_missing_with_all_privileges(prosody, settings):
    assert await probe(prosody, settings, "localhost", "older.localhost") == {}


async def test_each_domain_is_told_what_it_lacks(prosody, settings):
    lacking = await probe(prosody, settings, *ALL_DOMAINS, "missing.localhost")

    assert {domain: sentence[:22] for domain, sentence in lacking.items()} == {
        "deaf.localhost": "give the VirtualHost p",
        "stranger.localhost": "give the VirtualHost p",
        "reader.localhost": "give the VirtualHost p",
        "missing.localhost": "the XMPP server answer",
    }
    assert "answers not-allowed: give it a VirtualHost" in lacking["missing.localhost"]


def test_missing_privileges_are_reported_with_the_lines_to_add(settings):
    settings.CHANNEL_LAYER_URL = ""  # no stream to ask
    settings.XMPP_DOMAINS = ["localhost", "elsewhere.localhost"]
    lacking = PrivilegedRosters().probe()
    assert list(lacking) == settings.XMPP_DOMAINS
    lines = f'privileged_entities = {{ ["{settings.XMPP_JID}"] = {{ roster = "both"'
    assert lines in lacking["localhost"]


async def test_accounts_are_told_from_absent_ones(prosody, settings):
    async with stream(prosody, settings, "localhost", "older.localhost"):
        jids = ROMEO, NOBODY, "romeo@older.localhost", "nobody@older.localhost"
        assert await exist(*jids, "a b@localhost", "Ro meo@older.localhost") == [
            *(True, False, True, False, False, False)
        ]
        assert await exist() == []


@pytest.mark.parametrize("domain", ["deaf.localhost", "missing.localhost"])
async def test_a_domain_that_does_not_answer_has_no_absent_accounts(
    prosody, settings, domain
):
    async with stream(prosody, settings, "localhost", domain):
        with pytest.raises(RosterError):
            await exist(f"romeo@{domain}", f"nobody@{domain}")
        assert await exist(ROMEO, NOBODY) == [True, False]


async def test_accounts_are_known_without_the_privilege(prosody, settings):
    async with stream(prosody, settings, "localhost", "stranger.localhost"):
        jids = "romeo@stranger.localhost", "nobody@stranger.localhost"
        assert await exist(*jids) == [True, False]


async def test_what_is_refused_for_one_domain_is_done_for_the_others(prosody, settings):
    owners = [*(f"romeo@{domain}" for domain in ALL_DOMAINS), NOBODY]
    writes = [RosterWrite(owner, [ITEM]) for owner in owners]
    driver = PrivilegedRosters()
    async with stream(prosody, settings, *ALL_DOMAINS):
        written = await asyncio.to_thread(driver.write, writes, in_seconds(10))
        read = await asyncio.to_thread(driver.read, owners, in_seconds(10))

    refused, granted = ["forbidden"], [""]
    conditions = [condition for one in written for condition in one.conditions]
    assert conditions == [*granted, *refused * 3, *granted, MISSING]
    kinds = [one.items if isinstance(one, Roster) else str(one) for one in read]
    assert kinds == [[ITEM], MISSING, "forbidden", [], [ITEM], []]


async def test_a_right_that_is_withdrawn_and_granted_again(prosody, settings):
    """Prosody advertises neither."""
    async with stream(prosody, settings, "localhost", "older.localhost"):
        for verb, lacking in ("unload", {"older.localhost"}), ("load", set()):
            module = verb, "privilege", "older.localhost"
            await asyncio.to_thread(prosody._control, "shell", "module", *module)
            probed = await asyncio.to_thread(PrivilegedRosters().probe)
            assert probed.keys() == lacking
    async with stream(prosody, settings, "older.localhost"):
        assert await exist("romeo@older.localhost") == [True]


async def test_a_user_who_blocks_the_service_has_an_account(prosody, settings):
    romeo = "romeo@older.localhost"
    write = RosterWrite(romeo, [ITEM])
    driver = PrivilegedRosters()
    item = f"<item jid='{COMPONENT}'/>"
    async with (
        stream(prosody, settings, "older.localhost"),
        Client(romeo, PASSWORD, prosody.c2s_port) as client,
    ):
        for verb, condition in ("block", "forbidden"), ("unblock", ""):
            await client.iq("set", f"<{verb} xmlns='urn:xmpp:blocking'>{item}</{verb}>")
            assert await exist(romeo) == [True]
            (written,) = await asyncio.to_thread(driver.write, [write], in_seconds(10))
            assert written.conditions == [condition]


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


def test_an_unreachable_api_is_reported(nowhere, settings):
    settings.XMPP_DOMAINS = ["localhost", "elsewhere.localhost"]
    lacking = ejabberd.EjabberdRosters().probe()
    assert list(lacking) == settings.XMPP_DOMAINS
    assert all("check EJABBERD_API_URL" in sentence for sentence in lacking.values())


def test_a_request_past_its_deadline_raises_late(nowhere):
    with pytest.raises(gateway.Late):
        ejabberd.EjabberdRosters().exist([ROMEO], in_seconds(-1))


if shutil.which("ejabberdctl", path="/usr/sbin:/usr/bin"):

    @pytest.fixture(scope="module")
    def server(tmp_path_factory) -> Iterator[Ejabberd]:
        folder = tmp_path_factory.mktemp("ejabberd")
        more = ["elsewhere.localhost"]
        with Ejabberd(folder, **ports(), secret="s", more_domains=more) as running:
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

        (written,) = driver.write([RosterWrite(ROMEO, items)], in_seconds(10))
        (read,) = driver.read([ROMEO], in_seconds(10))

        assert written.conditions == ["", ""]
        found = {item.jid: item for item in read.items}
        assert found["liam@localhost"] == items[0]
        assert sorted(found["tybalt@localhost"].groups) == ["family", "others"]

    def test_no_roster_is_created_without_an_account(driver):
        (written,) = driver.write([RosterWrite(NOBODY, [ITEM])], in_seconds(10))
        assert written.conditions == [MISSING]
        assert driver.read([NOBODY], in_seconds(10)) == [Roster([])]

    async def test_a_domain_without_the_privilege_is_read(driver, server, settings):
        server.register("paris", PASSWORD, "elsewhere.localhost")
        paris = "paris@elsewhere.localhost"
        domains = "localhost", "elsewhere.localhost"
        async with stream(server, settings, *domains):
            await until(lambda: gateway.state().privileged)
            for owner in (ROMEO, paris):
                write = RosterWrite(owner, [ITEM])
                await asyncio.to_thread(driver.write, [write], in_seconds(10))
            read = await asyncio.to_thread(driver.read, [paris], in_seconds(10))
        assert read == [Roster([ITEM])]

    def test_an_address_that_ejabberd_refuses_is_a_bad_request(driver):
        bad = RosterWrite(ROMEO, [RosterItem("a b@localhost", "", ("others",))])
        (written,) = driver.write([bad], in_seconds(10))
        assert written.conditions == ["bad-request"]

    def test_nothing_is_missing(driver):
        assert driver.probe() == {}

    def test_a_domain_that_ejabberd_does_not_serve_is_reported(driver, settings):
        settings.XMPP_DOMAINS = ["localhost", "missing.localhost"]
        lacking = driver.probe()
        assert list(lacking) == ["missing.localhost"]
        assert "give it a host of this name" in lacking["missing.localhost"]

    def test_a_wrong_password_is_reported(driver, settings):
        settings.EJABBERD_API_PASSWORD = "wrong"
        assert "refuses EJABBERD_API_USER" in driver.probe()["localhost"]
        with pytest.raises(RosterError, match="401"):
            driver.exist([ROMEO], in_seconds(10))
        (written,) = driver.write([RosterWrite(ROMEO, [ITEM])], in_seconds(10))
        assert written.conditions[0].startswith("401")

    def test_a_missing_right_is_reported_with_the_line_that_grants_it(driver, settings):
        settings.EJABBERD_API_USER = ROMEO
        settings.EJABBERD_API_PASSWORD = PASSWORD
        said = driver.probe()["localhost"]
        assert "api_permissions" in said
        assert "add_rosteritem" in said
