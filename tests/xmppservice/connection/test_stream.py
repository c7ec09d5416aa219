"""One stream in this process, to a real Prosody that is frozen and killed."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

from demo.client import CLIENT, Client
from demo.prosody import Prosody
from roster.commands import adhoc
from tests.conversations.presences import digest, newest
from tests.ports import free_port
from tests.service import PASSWORD, SERVICE, until
from xmppservice.connection import responder, stream
from xmppservice.connection.component import ComponentStream
from xmppservice.connection.gateway import Broke, Down, IqRequest, Late
from xmppservice.protocol import iq, roster
from xmppservice.protocol.namespaces import NS_PRIVILEGE

ROMEO = "romeo@localhost"
ROSTER = IqRequest("get", ROMEO, roster.get())


@pytest.fixture
def prosody(tmp_path) -> Iterator[Prosody]:
    server = Prosody(
        tmp_path,
        c2s_port=free_port(),
        component_port=free_port(),
        http_port=free_port(),
        secret="s",
        more_domains=["elsewhere.localhost"],
    )
    with server:
        server.register("romeo", PASSWORD)
        yield server


@asynccontextmanager
async def connected(
    prosody: Prosody, domain: str = "localhost"
) -> AsyncIterator[stream.ServiceStream]:
    port = prosody.component_port
    one = ComponentStream(SERVICE, "s", ("127.0.0.1", port), [domain], adhoc)
    session = asyncio.create_task(one.session())
    await until(lambda: one.open)
    yield one
    session.cancel()
    await asyncio.wait([session])


@asynccontextmanager
async def privileged(prosody: Prosody) -> AsyncIterator[stream.ServiceStream]:
    async with connected(prosody) as one:
        await until(lambda: one.privileged)
        yield one


@pytest.mark.parametrize(
    ("host", "jid", "secret", "reason"),
    [
        ("127.0.0.1", SERVICE, "wrong", "closes the stream: not-authorized"),
        ("127.0.0.1", "unknown.localhost", "s", "closes the stream: host-unknown"),
        ("h.invalid", SERVICE, "s", "(the name h.invalid cannot be resolved)"),
        ("127.0.0.2", SERVICE, "s", "(Connection refused)"),
    ],
)
async def test_why_a_session_cannot_begin_is_known(prosody, host, jid, secret, reason):
    address = (host, prosody.component_port)
    one = ComponentStream(jid, secret, address, ["localhost"], adhoc)
    await one.session()
    assert reason in one.failure
    assert "None" not in one.failure


def freeze(prosody: Prosody) -> None:
    os.kill(prosody._child.pid, signal.SIGSTOP)


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


async def test_answers_keep_the_order_of_requests(prosody):
    async with privileged(prosody) as one:
        item = roster.set_item("liam@localhost", "Liam", ["others"])
        asked = [
            IqRequest("set", ROMEO, item),
            ROSTER,
            IqRequest("set", "nobody@localhost", item),
        ]

        written, read, refused = await one.ask(asked, in_seconds(10))

    assert written.condition == ""
    (entry,) = roster.items_of(read.payload)
    assert (entry.name, entry.groups) == ("Liam", ("others",))
    assert refused.condition == "service-unavailable"


async def test_characters_that_xml_forbids_are_not_sent(prosody):
    async with privileged(prosody) as one:
        bell = IqRequest("set", ROMEO, roster.set_item("liam@localhost", "bell\x07"))
        with pytest.raises(ValueError, match="XML cannot carry"):
            await one.ask([bell], in_seconds(10))

        assert await one.ask([ROSTER], in_seconds(10))


async def test_requests_past_their_deadline_are_not_sent(prosody):
    item = IqRequest("set", ROMEO, roster.set_item("liam@localhost", "Liam"))
    async with privileged(prosody) as one:
        with pytest.raises(Late):
            await one.ask([item], in_seconds(-1))

        (read,) = await one.ask([ROSTER], in_seconds(10))
        assert not list(roster.items_of(read.payload))


class Silent(Client):
    """A client that answers no request by itself."""

    def _reply(self, request: Element) -> None:
        pass

    async def first_request_id(self) -> str:
        """Wait for the first request; return its id."""
        await until(self._iqs)
        return self._iqs()[0].get("id", "")

    def _iqs(self) -> list[Element]:
        return [stanza for stanza in self.stanzas if stanza.tag == f"{CLIENT}iq"]


async def test_an_answer_from_another_sender_is_ignored(prosody):
    """RFC 6120, 8.2.3: a guessed id does not let others answer."""
    domain = "elsewhere.localhost"
    prosody.register("mercutio", PASSWORD, domain)
    port = prosody.c2s_port
    async with (
        privileged(prosody) as one,
        Silent(f"{ROMEO}/phone", PASSWORD, port) as romeo,
        Client(f"mercutio@{domain}/phone", PASSWORD, port) as mercutio,
    ):
        ping = IqRequest("get", romeo.jid, iq.ping())
        asked = asyncio.create_task(one.ask([ping], in_seconds(30)))
        id = await romeo.first_request_id()

        await mercutio.send(f"<iq type='result' id='{id}' to='{SERVICE}'/>")
        # One sender's stanzas arrive in order (RFC 6120, 10.1): the forged one, too.
        await mercutio.iq("get", iq.ping(), SERVICE)
        assert not asked.done()

        await romeo.send(f"<iq type='result' id='{id}' to='{SERVICE}'/>")
        (answer,) = await asked
        assert answer.condition == ""


async def test_a_frozen_server_raises_late_and_a_killed_one_broke(prosody):
    async with privileged(prosody) as one:
        freeze(prosody)
        with pytest.raises(Late):
            await one.ask([ROSTER], in_seconds(0.2))

        asked = asyncio.create_task(one.ask([ROSTER], in_seconds(30)))
        await asyncio.sleep(0)  # so that it is asked
        prosody.kill()

        with pytest.raises(Broke):
            await asked
        with pytest.raises(Down):
            await one.ask([ROSTER], in_seconds(30))


async def test_a_silent_server_ends_the_session(prosody, monkeypatch, caplog):
    """One that still sends is busy: its answer waits behind thousands of stanzas."""
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)
    async with privileged(prosody) as one:
        monkeypatch.setattr(stream, "OPENING_SECONDS", 1.0)
        freeze(prosody)
        async with flood(one):
            with pytest.raises(Late):
                await one.ask([ROSTER], in_seconds(2.5))
            assert one.open
        await until(lambda: not one.open)
    assert "the XMPP server does not answer: reconnecting" in caplog.text


@asynccontextmanager
async def flood(one: stream.ServiceStream) -> AsyncIterator[None]:
    """Let stanzas arrive all the while, as from clients of a busy server."""

    async def feed() -> None:
        while True:
            one.xmpp.data_received(b"<presence from='juliet@localhost/phone'/>")
            await asyncio.sleep(0.01)

    feeding = asyncio.create_task(feed())
    yield
    feeding.cancel()
    await asyncio.wait([feeding])


async def test_a_stream_without_a_privilege_is_ready_and_not_privileged(
    prosody, monkeypatch
):
    monkeypatch.setattr(stream, "ADVERTISEMENT_SECONDS", 0.2)
    async with connected(prosody, "elsewhere.localhost") as one:
        with pytest.raises(Down):
            await one.ask([ROSTER], in_seconds(10))
        await until(lambda: one.ready)
        assert not one.privileged


async def test_privileges_that_change_are_reported(prosody):
    def advertise(domain: str, *rights: str) -> None:
        perms = "".join(f"<perm access='roster' type='{right}'/>" for right in rights)
        message = ET.fromstring(
            f"<message from='{domain}' to='{SERVICE}'>"
            f"<privilege xmlns='{NS_PRIVILEGE[0]}'>{perms}</privilege></message>"
        )
        one._message(message)
        reported.append(one.privileged)

    reported: list[object] = []
    async with connected(prosody) as one:
        one.on_privileges = lambda: reported.append("changed")
        await until(lambda: one.ready)

        advertise("localhost", "both")
        advertise("localhost")
        advertise("elsewhere.localhost", "both")  # not served
        advertise("localhost", "both")

    assert reported == ["changed", True, "changed", False, False, "changed", True]


async def test_a_wrong_secret_is_logged(prosody, caplog):
    port = prosody.component_port
    one = ComponentStream(SERVICE, "wrong", ("127.0.0.1", port), ["localhost"], adhoc)

    await one.session()

    assert "the XMPP server closes the stream: not-authorized" in caplog.text


async def test_subscribers_get_the_live_digest_and_are_reported(prosody):
    told: list[tuple[str, int | None]] = []
    async with connected(prosody) as one, romeo(prosody) as client:
        one.on_subscription = lambda jid, number: told.append((jid, number))
        one.publish(7, "{}", [])

        for type in ("subscribe", "unsubscribe"):
            await client.presence(to=SERVICE, type=type)

        await until(lambda: told == [(ROMEO, 7), (ROMEO, None)])
        await until(lambda: newest(client) == digest("{}"))


async def test_subscribers_wait_while_the_server_reads_too_slowly(prosody, monkeypatch):
    told: list[tuple[str, int | None]] = []
    monkeypatch.setattr(responder, "MAX_UNWRITTEN_BYTES", -1)
    async with connected(prosody) as one, romeo(prosody) as client:
        one.on_subscription = lambda jid, number: told.append((jid, number))
        one.publish(7, "{}", [])

        await client.presence(to=SERVICE, type="subscribe")
        await until(lambda: told == [(ROMEO, 0)])
        assert newest(client) == ""

        await until(lambda: one.ready)
        await one.announce([ROMEO], message=False)
        await until(lambda: newest(client) == digest("{}"))


async def test_presence_for_other_jids_is_ignored(prosody):
    told: list[tuple[str, int | None]] = []
    async with connected(prosody) as one, romeo(prosody) as client:
        one.on_subscription = lambda jid, number: told.append((jid, number))
        await client.presence(to=f"liam@{SERVICE}", type="subscribe")
        await client.presence(to=SERVICE, type="subscribe")
        await until(lambda: told)
    assert len(told) == 1


async def test_announcing_without_a_stream_raises_down():
    one = ComponentStream(
        SERVICE, "s", ("127.0.0.1", free_port()), ["localhost"], adhoc
    )
    with pytest.raises(Down):
        await one.announce([ROMEO], message=False)


@asynccontextmanager
async def romeo(prosody: Prosody) -> AsyncIterator[Client]:
    async with Client(f"{ROMEO}/phone", PASSWORD, prosody.c2s_port) as client:
        await client.presence()
        yield client
