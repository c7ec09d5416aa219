"""The service as an account, whose vCard the XMPP server serves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from demo.client import Client
from demo.prosody import Prosody
from roster.commands import adhoc
from tests.ports import free_port
from tests.service import ACCOUNT, PASSWORD, until
from xmppservice.connection.account import ClientStream

DOCUMENT = '{"items":[{"address":"liam & <co>","info":{"name":"Liam 🧘\\n"}}]}'


class LegacyProsody(Prosody):
    """Prosody with the vCard modules of Debian's configuration."""

    def _settings(self) -> str:
        return super()._settings().replace('"vcard"', '"vcard4"; "vcard_legacy"')


def running(kind: type[Prosody], tmp_path) -> Prosody:
    server = kind(
        tmp_path,
        c2s_port=free_port(),
        component_port=free_port(),
        http_port=free_port(),
        secret="s",
        account=ACCOUNT,
    )
    server.start()
    server.register("xmpp_service", PASSWORD)
    server.register("romeo", PASSWORD)
    return server


@pytest.fixture
def prosody(tmp_path) -> Iterator[Prosody]:
    server = running(Prosody, tmp_path)
    yield server
    server.stop()


@pytest.fixture
def legacy(tmp_path) -> Iterator[Prosody]:
    server = running(LegacyProsody, tmp_path)
    yield server
    server.stop()


@asynccontextmanager
async def account(
    server: Prosody, password: str = PASSWORD, *, tls: bool = False
) -> AsyncIterator[tuple[ClientStream, list[int]]]:
    """Yield an account with a session, and the numbers of published documents."""
    address, published = ("127.0.0.1", server.c2s_port), []
    one = ClientStream(ACCOUNT, password, address, ["localhost"], adhoc, tls=tls)
    one.on_published = published.append
    session = asyncio.create_task(one.session())
    yield one, published
    session.cancel()
    await asyncio.wait([session])


async def read(server: Prosody) -> str:
    async with Client("romeo@localhost/phone", PASSWORD, server.c2s_port) as romeo:
        return await romeo.document(ACCOUNT)


async def test_clients_read_the_last_published_document(prosody):
    async with account(prosody) as (one, published):
        one.publish(1, DOCUMENT, ())
        await until(lambda: published == [1])
        assert await read(prosody) == DOCUMENT

        for number in range(2, 6):
            one.publish(number, f'{{"items":[],"n":{number}}}', ())
        await until(lambda: published[-1] == 5)
        assert await read(prosody) == '{"items":[],"n":5}'


async def test_the_document_outlives_the_service_and_is_published_again(prosody):
    async with account(prosody) as (one, published):
        one.publish(1, DOCUMENT, ())
        await until(lambda: published == [1])
    assert await read(prosody) == DOCUMENT

    async with account(prosody) as (one, published):
        one.publish(1, DOCUMENT, ())
        await until(lambda: published == [1])


async def test_a_server_that_turns_desc_into_note_is_logged(legacy, caplog):
    async with account(legacy) as (one, published):
        one.publish(1, DOCUMENT, ())
        await until(lambda: "into NOTE" in caplog.text)
    assert published == []
    assert 'module "vcard"' in caplog.text


async def test_an_account_has_stream_management_and_its_privileges(prosody):
    async with account(prosody) as (one, _):
        await until(lambda: one.privileged)
        await until(lambda: one.xmpp.plugin["xep_0198"].enabled_in)


async def test_a_wrong_password_is_logged(prosody, caplog):
    async with account(prosody, "wrong"):
        await until(lambda: "refuses the password" in caplog.text)
    assert "wrong" not in caplog.text


async def test_without_encryption_it_does_not_log_in(prosody, caplog):
    async with account(prosody, tls=True) as (one, _):
        await until(lambda: "not encrypted" in caplog.text)
        assert not one.open


async def test_a_document_is_not_announced_before_it_can_be_read():
    stream = ClientStream(ACCOUNT, "", ("127.0.0.1", 1), ["localhost"], None, tls=False)
    sent: list[str] = []
    stream.xmpp.send_raw = sent.append
    stream.publish(1, DOCUMENT, [])
    stream._session_start(None)

    assert sent[0] == "<presence><priority>127</priority></presence>"
