"""The driver of mod_xmppservice, on domains that differ in what it permits there."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from demo.client import Client
from roster.commands import adhoc
from tests.deploy.servers import OpenProsody
from tests.service import COMPONENT, PASSWORD, SECRET, until
from tests.xmppservice.rosters.test_drivers import ITEM, NOBODY, ROMEO, in_seconds
from xmppservice.connection import gateway, stream
from xmppservice.connection.component import ComponentStream
from xmppservice.connection.rights import Rights
from xmppservice.protocol.companion import NEEDED_FEATURES
from xmppservice.protocol.namespaces import NS_COMPANION, NS_INFO, NS_ROSTER
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.interface import (
    CONFLICT,
    MISSING,
    NoAccount,
    RosterError,
    RosterWrite,
)
from xmppservice.rosters.prosody import ProsodyRosters

COMPANION = (
    '\tmodules_enabled = {{ "xmppservice" }}\n'
    f'\txmppservice_component = "{COMPONENT}"\n'
    "\txmppservice_permissions = {{ {} }}\n"
).format
PRIVILEGE = "\tprivileged_entities = {{ [{!r}] = {{ roster = 'both'; iq = {{}} }} }}\n"
PRIVILEGE = PRIVILEGE.format(COMPONENT)
FEATURE = "<feature var='{}'/>".format
# What each domain permits; "localhost" permits everything.
DOMAINS = {
    "small.localhost": COMPANION('"exist"; "read"; "write"'),
    "blind.localhost": COMPANION('"exist"; "write"; "list"') + PRIVILEGE,
    "plain.localhost": PRIVILEGE,
}
ALL_DOMAINS = ["localhost", *DOMAINS]


class UnequalProsody(OpenProsody):
    def _settings(self) -> str:
        hosts = (f'VirtualHost "{name}"\n{lines}' for name, lines in DOMAINS.items())
        common = super()._settings().replace('"roster";', '"roster"; "admin_shell";')
        return common + "".join(hosts)


@pytest.fixture(scope="module")
def prosody(tmp_path_factory) -> Iterator[UnequalProsody]:
    folder = tmp_path_factory.mktemp("prosody")
    with UnequalProsody(folder) as server:
        for domain in ALL_DOMAINS:
            server.register("romeo", PASSWORD, domain)
        yield server


@asynccontextmanager
async def opened(server, settings) -> AsyncIterator[ComponentStream]:
    """Hold a stream that serves all domains, and that drivers ask."""
    settings.XMPP_DOMAINS = ALL_DOMAINS
    address = ("127.0.0.1", server.component_port)
    one = ComponentStream(COMPONENT, SECRET, address, ALL_DOMAINS, adhoc)
    session = asyncio.create_task(one.session())
    gateway.attach(
        one.ask, lambda: gateway.State(one.ready, one.privileged, one.companions)
    )
    try:
        await until(lambda: one.ready)
        yield one
    finally:
        gateway.detach()
        session.cancel()
        await asyncio.wait([session])


@pytest.fixture
async def driver(prosody, settings) -> AsyncIterator[ProsodyRosters]:
    async with opened(prosody, settings):
        yield ProsodyRosters()


async def call(function, *args):
    return await asyncio.to_thread(function, *args, in_seconds(20))


def contacts(count: int, *, name: str = "A name") -> list[RosterItem]:
    return [RosterItem(f"c{n}@localhost", name, ("others",)) for n in range(count)]


async def test_each_domain_has_the_driver_that_it_permits(prosody, settings):
    async with opened(prosody, settings) as one:
        driver = ProsodyRosters()

        assert driver.ready()
        assert one.companions == {"localhost", "small.localhost"}
        assert driver.name == "mod_xmppservice, privileged stanzas (XEP-0356)"
        # Nothing is missing: privileged stanzas do on the others.
        assert await asyncio.to_thread(driver.probe) == {}


async def test_a_roster_is_written_and_read_on_each_domain(driver):
    owners = [f"romeo@{domain}" for domain in ALL_DOMAINS]

    written = await call(driver.write, [RosterWrite(one, [ITEM]) for one in owners])
    read = await call(driver.read, owners)

    assert [one.conditions for one in written] == [[""]] * 4
    assert [one.items for one in read] == [[ITEM]] * 4
    assert [bool(one.version) for one in read] == [True, True, False, False]
    assert [one.version for one in written] == [one.version for one in read]


async def test_accounts_are_told_from_absent_ones_on_each_domain(driver):
    jids = [
        f"{local}@{domain}" for local in ("romeo", "nobody") for domain in ALL_DOMAINS
    ]
    assert await call(driver.exist, [*jids, "a b@localhost"]) == [
        *[True] * 4,
        *[False] * 5,
    ]
    assert await call(driver.exist, []) == []


async def test_owners_without_an_account_are_missing(driver):
    write = RosterWrite(NOBODY, [ITEM, ITEM])
    (written,) = await call(driver.write, [write])
    (read,) = await call(driver.read, [NOBODY])

    assert written.conditions == [MISSING, MISSING]
    assert isinstance(read, NoAccount)


async def test_accounts_are_listed_where_that_is_permitted(driver, prosody):
    assert ROMEO in await call(driver.accounts, "localhost")
    assert await call(driver.accounts, "small.localhost") is None
    assert await call(driver.accounts, "plain.localhost") is None


async def test_all_pages_of_a_listing_are_read(driver, prosody, monkeypatch):
    monkeypatch.setattr("xmppservice.rosters.companion.PAGE_SIZE", 2)
    locals = {f"page{n}" for n in range(5)}
    for local in locals:
        prosody.register(local, PASSWORD)
    listed = await call(driver.accounts, "localhost")
    assert {f"{local}@localhost" for local in locals} | {ROMEO} <= listed


async def test_many_and_long_items_take_several_requests(driver, prosody):
    """More than the module takes in one, in number and in bytes."""
    prosody.register("many", PASSWORD)
    prosody.register("long", PASSWORD)
    writes = [
        RosterWrite("many@localhost", contacts(520)),
        RosterWrite("long@localhost", contacts(120, name="é" * 1_000)),
    ]

    written = await call(driver.write, writes)
    read = await call(driver.read, [write.owner for write in writes])

    for write, (conditions, version), found in zip(writes, written, read, strict=True):
        assert conditions == [""] * len(write.items)
        assert {item.jid: item for item in found.items} == {
            item.jid: item for item in write.items
        }
        assert version == found.version


async def test_more_rosters_than_one_answer_holds_are_read(driver, prosody):
    owners = [f"reader{n}@localhost" for n in range(3)]
    for owner in owners:
        prosody.register(owner.partition("@")[0], PASSWORD)
    await call(driver.write, [RosterWrite(one, contacts(1_000)) for one in owners])

    read = await call(driver.read, [*owners, NOBODY])

    assert [len(one.items) for one in read[:3]] == [1_000] * 3
    assert isinstance(read[3], NoAccount)


async def test_an_item_that_is_refused_does_not_affect_the_others(driver, prosody):
    prosody.register("mercutio", PASSWORD)
    mercutio = "mercutio@localhost"
    own = RosterItem(mercutio, "Myself", ("others",))
    (written,) = await call(driver.write, [RosterWrite(mercutio, [own, ITEM])])
    assert written.conditions == ["not-allowed", ""]


async def test_a_roster_with_another_version_is_not_written(driver, prosody):
    prosody.register("tybalt", PASSWORD)
    tybalt = "tybalt@localhost"
    (before,) = await call(driver.read, [tybalt])
    async with Client(tybalt, PASSWORD, prosody.c2s_port) as client:
        item = "<item jid='own@localhost' name='Own'/>"
        await client.iq("set", f"<query xmlns='{NS_ROSTER}'>{item}</query>")

    write = RosterWrite(tybalt, [ITEM, ITEM], before.version)
    (written,) = await call(driver.write, [write])

    assert written.conditions == [CONFLICT, CONFLICT]
    (after,) = await call(driver.read, [tybalt])
    assert [item.jid for item in after.items] == ["own@localhost"]


async def test_news_of_accounts_reach_the_service(prosody, settings):
    told: list[tuple[str, bool]] = []
    async with opened(prosody, settings) as one:
        one.on_account = lambda jid, registered: told.append((jid, registered))
        prosody.register("paris", PASSWORD)
        async with Client("paris@localhost", PASSWORD, prosody.c2s_port) as client:
            remove = "<query xmlns='jabber:iq:register'><remove/></query>"
            await client.iq("set", remove)
        await until(lambda: ("paris@localhost", False) in told)


async def test_only_accounts_of_the_domain_that_tells_them_are_news(prosody, settings):
    def tell(name: str, domain: str = "localhost", to: str = COMPONENT) -> None:
        news = f"<deleted xmlns='{NS_COMPANION}' name='{name}'/>"
        text = f"<message from='{domain}' to='{to}'>{news}</message>"
        one._message(ET.fromstring(text))

    told: list[str] = []
    async with opened(prosody, settings) as one:
        one.on_account = lambda jid, registered: told.append(jid)

        for name in (
            "",
            "@",
            "a/b",
            "a b",
            "&quot;",
            "x" * 1024,
            "mab@other.localhost",
        ):
            tell(name)
        tell("mab", "elsewhere.localhost")
        tell("mab", "plain.localhost")  # without the module
        tell("mab", "romeo@localhost")
        tell("mab", to="other.localhost")
        tell("Mab")
        tell("o\\20mab")

    assert told == ["mab@localhost", "o\\20mab@localhost"]


async def test_a_domain_that_does_not_answer_hides_no_other():
    rights = Rights(COMPONENT, ["localhost", "silent.localhost"])
    supported = (
        f"<query xmlns='{NS_INFO}'>{''.join(map(FEATURE, NEEDED_FEATURES))}</query>"
    )
    is_silent = False

    async def ask(requests, deadline):
        (request,) = requests
        if request.to == "silent.localhost" and is_silent:
            raise gateway.Late("no answer by the deadline")
        return [gateway.IqResult("", supported)]

    assert await rights.discover(ask, 1)
    is_silent = True
    assert not await rights.discover(ask, 1)
    assert rights.companions == {"localhost", "silent.localhost"}
    rights.reset()
    assert await rights.discover(ask, 1)
    assert rights.companions == {"localhost"}


async def control(prosody: UnequalProsody, verb: str) -> None:
    module = "module", verb, "xmppservice", "small.localhost"
    await asyncio.to_thread(prosody._control, "shell", *module)


async def test_the_module_is_found_and_missed_during_a_session(
    prosody, settings, monkeypatch
):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)
    async with opened(prosody, settings) as one:
        driver = ProsodyRosters()
        assert driver.ready()  # from now on it knows what there was
        await control(prosody, "unload")
        # Until that is found out, nothing is taken for an absent account.
        with pytest.raises(RosterError):
            await call(driver.exist, ["romeo@small.localhost"])
        await until(lambda: one.companions == {"localhost"})
        await control(prosody, "load")
        await until(lambda: one.companions == {"localhost", "small.localhost"})
        assert driver.ready()
        (read,) = await call(driver.read, ["romeo@small.localhost"])
        assert isinstance(read, Roster)


async def test_an_item_that_no_stanza_can_carry_does_not_end_the_stream(
    prosody, settings
):
    """Escaped, what a user wrote can be longer than what Prosody takes from us."""
    long = RosterItem("long@localhost", "'" * 250_000, ("others",))
    owners = [f"romeo@{domain}" for domain in ("small.localhost", "plain.localhost")]
    async with opened(prosody, settings) as one:
        writes = [RosterWrite(owner, [long, ITEM]) for owner in owners]

        written = await call(ProsodyRosters().write, writes)

        assert [one.conditions for one in written] == [["not-acceptable", ""]] * 2
        assert one.ready
