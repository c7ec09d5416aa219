"""mod_xmppservice of Prosody in what takes longer, or needs a Prosody of its own."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from demo.client import Client, Item
from demo.component import RawComponent
from demo.prosody import Prosody
from tests.deploy import bulk
from tests.deploy.bulk import contact, item, items, user
from tests.deploy.servers import BIND, OpenProsody, leave, pushed
from tests.service import COMPONENT, PASSWORD, SECRET, until

SECOND = "second.localhost"
ROSTER_ITEM = "{jabber:iq:roster}item"
SM = "urn:xmpp:sm:3"
ENABLE = f"<enable xmlns='{SM}' resume='true'/>"
ROSTER_GET = "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"


def component_of(server: Prosody) -> RawComponent:
    return RawComponent(COMPONENT, SECRET, server.component_port)


# --- Many pushes ------------------------------------------------------------------


class Silent(Client):
    """A client with stream management (XEP-0198) that acknowledges nothing."""

    async def __aenter__(self) -> "Silent":
        await super().__aenter__()
        await self.send(ENABLE)
        return self

    def _handle(self, stanza: Element) -> None:
        if stanza.tag.startswith("{jabber:client}"):
            super()._handle(stanza)


async def test_2500_pushes_arrive_without_an_acknowledgement(tmp_path: Path):
    with OpenProsody(tmp_path) as server:
        local = server.new_account()
        jid = f"{local}@localhost/silent"
        async with (
            component_of(server) as component,
            Silent(jid, PASSWORD, server.c2s_port) as client,
        ):
            await client.roster()
            for start in range(0, 2500, 500):
                await bulk.write_one(component, local, items(500, start))

            await until(lambda: len(client.pushes) == 2500)
            assert [jid for _, jid in pushed(client)] == [*map(contact, range(2500))]
            await client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost")


async def test_a_session_without_a_connection_gets_its_pushes_when_it_resumes(
    tmp_path: Path,
):
    with OpenProsody(tmp_path) as server:
        local = server.new_account()
        async with component_of(server) as component:
            lost = await server.authenticated(local)
            lost.write(BIND + ROSTER_GET + ENABLE)
            _, _, enabled = [await lost.next() for _ in range(3)]
            lost.transport.abort()
            await until(lambda: "Client disconnected" in server.log.read_text())
            await bulk.write_one(component, local, items(100))

            back = await server.authenticated(local)
            previous = enabled.get("id")
            back.write(f"<resume xmlns='{SM}' h='0' previd='{previous}'/>")
            resumed = await back.next()
            jids: list[str | None] = []
            while len(jids) < 100:
                stanza = await back.next()
                jids += [one.get("jid") for one in stanza.iter(ROSTER_ITEM)]
            await back.close()

    assert resumed.tag == f"{{{SM}}}resumed"
    assert jids == [*map(contact, range(100))]


async def test_owners_do_not_wait_for_the_pushes_of_others(tmp_path: Path):
    with OpenProsody(tmp_path) as server:
        first, second = server.new_account(), server.new_account()
        async with (
            component_of(server) as component,
            server.online(first) as large,
            server.online(second) as small,
        ):
            for start in range(0, 4000, 1000):
                await bulk.write_one(component, first, items(1000, start))
            await bulk.write_one(component, second, items(1))
            await until(lambda: small.pushes)

            assert len(large.pushes) < 4000
            await until(lambda: len(large.pushes) == 4000)


# --- What is stored ---------------------------------------------------------------


class SQLProsody(OpenProsody):
    """A Prosody that stores everything in SQLite, accounts included."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        # SQLite opens its files by their real path, which pytest's folder hides.
        self._database = TemporaryDirectory()
        Path(self._database.name).chmod(0o777)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._database.cleanup()

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        Prosody.register(self, local, password, domain)

    def _settings(self) -> str:
        file = f"{self._database.name}/prosody.sqlite"
        sql = f'sql = {{ driver = "SQLite3", database = "{file}" }}\n'
        return f'storage = "sql"\n{sql}{super()._settings()}'


@pytest.mark.parametrize("kind", [OpenProsody, SQLProsody])
async def test_rosters_last_in_each_storage(tmp_path: Path, kind: type[OpenProsody]):
    """Also a few contacts on a large roster, which SQL stores row by row."""
    with kind(tmp_path) as server:
        local, friend = server.new_account(), server.new_account()
        async with component_of(server) as component:
            async with server.online(local) as client:
                await client.presence(f"{friend}@localhost", "subscribe")
                await until(lambda: client.pushes)
                await bulk.write_one(component, local, items(400))
                changed = item(contact(0), "Changed", "others")
                few = changed + item(f"{friend}@localhost", "Friend") + items(1, 500)
                answer = await bulk.write_one(component, local, few)
                await until(lambda: len(client.pushes) == 1 + 400 + 3)
                assert pushed(client)[-1][0] == answer.ver
                assert [int(ver) for ver, _ in pushed(client)] == [*range(1, 405)]
            listed = (await component.iq("get", bulk.request("list")))[0]
            assert {one.get("name") for one in listed} == {local, friend}
        server.stop()
        server.start()

        async with component_of(server) as component, server.online(local) as client:
            (read,) = await bulk.read(component, local)
            contacts = await client.roster()

        assert read.ver == answer.ver
        assert len(read.items) == len(contacts) == 402
        assert contacts[contact(0)] == Item("Changed", frozenset({"others"}), "none")
        assert contacts[contact(1)] == Item("A name", frozenset({"verified"}), "none")
        assert contacts[f"{friend}@localhost"].name == "Friend"


async def test_a_listing_survives_writes_to_a_database(tmp_path: Path):
    with SQLProsody(tmp_path) as server:
        accounts = {server.new_account() for _ in range(4)}
        listed, cursor = set(), ""
        async with component_of(server) as component:
            for _ in range(5):
                attributes = "max='1'" + (f" cursor='{cursor}'" if cursor else "")
                asked = bulk.request("list", attributes=attributes)
                answer = (await component.iq("get", asked))[0]
                listed |= {one.get("name") for one in answer}
                await bulk.write(component, *(user(one, items(3)) for one in accounts))
                cursor = answer.get("cursor", "")
                if not cursor:
                    break

        assert not cursor
        assert listed == accounts


# --- Several hosts ----------------------------------------------------------------


class DoubleProsody(OpenProsody):
    """Two hosts that the component may serve."""

    def _settings(self) -> str:
        host = f'\nVirtualHost "{SECOND}"\n\tmodules_enabled = {{ "xmppservice" }}\n'
        return super()._settings() + host + f'\txmppservice_component = "{COMPONENT}"\n'


async def test_each_host_has_rosters_and_events_of_its_own(tmp_path: Path):
    with DoubleProsody(tmp_path) as server:
        local = server.new_account()
        server.register(local, PASSWORD, SECOND)
        async with component_of(server) as component:
            asked = bulk.request("write", user(local, items(2)))
            await component.iq("set", asked, SECOND)
            await server.register_in_band("mercutio", SECOND)
            await until(lambda: bulk.events(component, SECOND))

            (here,) = await bulk.read(component, local)
            there = await component.iq("get", bulk.request("read", user(local)), SECOND)

            assert here.items == ()
            assert len(bulk.answers(there)[0].items) == 2
            assert bulk.events(component, SECOND) == [("registered", "mercutio")]
            assert bulk.events(component) == []


# --- Prosody without the module ---------------------------------------------------


@pytest.mark.parametrize("companion", [False, True])
async def test_prosody_alone_gives_the_next_owner_of_a_number_the_old_roster(
    tmp_path: Path, companion: bool
):
    """The steps of docs/upstream/: with our module the roster is empty."""
    with OpenProsody(tmp_path, companion=companion) as server:
        local = server.new_account()
        own = item(f"{local}@localhost")
        lookup = f"<query xmlns='jabber:iq:roster'>{own}</query>"
        async with component_of(server) as component:
            await component.iq("set", lookup, f"{local}@localhost")
            async with server.online(local) as last:
                await last.roster_set("friend@localhost", "A friend", ["Secret"])
                await leave(last)
            await server.register_in_band(local)

            async with server.online(local) as new:
                contacts = set(await new.roster())

    assert contacts == (set() if companion else {"friend@localhost"})


@pytest.mark.parametrize("companion", [False, True])
async def test_prosody_alone_hides_the_first_contact_from_a_client(
    tmp_path: Path, companion: bool
):
    """It says version 1 before and after the first save (docs/upstream/)."""
    with OpenProsody(tmp_path, companion=companion) as server:
        local = server.new_account()
        async with component_of(server) as component:
            before, _ = await versioned(server, local)
            if companion:
                await bulk.write_one(component, local, items(1))
            else:
                query = f"<query xmlns='jabber:iq:roster'>{items(1)}</query>"
                await component.iq("set", query, f"{local}@localhost")

            _, contacts = await versioned(server, local, before)

    assert contacts == ({contact(0)} if companion else set())


async def versioned(server: Prosody, local: str, ver: str = "") -> tuple[str, set[str]]:
    """Log in, and return version and JIDs of the roster, if ``ver`` is an old one."""
    query = f"<query xmlns='jabber:iq:roster' ver='{ver}'/>"
    async with Client(f"{local}@localhost", PASSWORD, server.c2s_port) as client:
        (answer,) = [*await client.iq("get", query)] or [None]
        if answer is None:
            return ver, set()
        return answer.get("ver", ""), {one.get("jid", "") for one in answer}
