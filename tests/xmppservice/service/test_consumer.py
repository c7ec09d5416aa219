"""The consumer alone: what it does when its database or its layer fails."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, nullcontext

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import channel_layers
from django.db import connection

from buddies.models import Release
from roster.models import Account, Command
from tests.service import until
from xmppservice.connection import events
from xmppservice.connection.models import StreamStatus
from xmppservice.service import consumer as consumers
from xmppservice.service.consumer import (
    BATCH_SIZE,
    MAX_UNCONFIRMED_REPLIES,
    ServiceConsumer,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 10  # seconds

SEARCH = {
    "sender": "romeo@localhost/phone",
    "owner": "romeo@localhost",
    "id": "one",
    "thread": "",
    "message_type": "chat",
    "namespace": "jabber:x:oob",
    "envelope_type": "cmd_search_users",
    "envelope_action": "cmd_search_users",
    "command": "cmd_search_users",
    "payload": '{"userList":[]}',
}


@pytest.fixture
async def consumer() -> AsyncIterator[ApplicationCommunicator]:
    scope = {"type": "xmpp", "jid": "service.localhost", "reads": lambda: 0}
    running = ApplicationCommunicator(ServiceConsumer.as_asgi(), scope)
    yield running
    running.stop()
    await asyncio.wait([running.future])


@contextmanager
def without(table: str):
    """Make a table unavailable."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO out_of_reach")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE out_of_reach RENAME TO {table}")


def body(name: str) -> str:
    info = {"name": name, "status": "", "imageUrl": "", "thumbUrl": ""}
    return json.dumps({"items": [{"address": "a", "type": "channel", "info": info}]})


def release(name: str) -> Release:
    return Release.objects.create(body=body(name), digest="d", size=1)


def publish(name: str) -> events.Publish:
    number = Release.objects.get(body=body(name)).number
    entry = events.CatalogueEntry("a", "", False, "a", "a", "", name, "", "", b"")
    return events.publish(number, body(name), [entry])


async def output(consumer: ApplicationCommunicator) -> dict:
    return await consumer.receive_output(PATIENCE)


async def test_the_live_release_and_each_newer_one_are_published(consumer):
    await sync_to_async(release)("first")
    await consumer.send_input(events.disconnected())
    assert await output(consumer) == await sync_to_async(publish)("first")

    await sync_to_async(release)("second")

    assert await output(consumer) == await sync_to_async(publish)("second")


async def test_a_command_that_cannot_be_stored_is_answered_with_sql_error(consumer):
    await sync_to_async(release)("first")
    gone = without("roster_command")
    await sync_to_async(gone.__enter__)()
    try:
        await consumer.send_input(events.message(SEARCH))
        sent = [await output(consumer), await output(consumer)]
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)

    (send,) = [event for event in sent if event["type"] == "xmpp.send"]
    (answer,) = send["answers"]
    assert answer["to"] == SEARCH["sender"]
    assert '"errorCode":"SQL_ERROR"' in answer["payload"]


@pytest.mark.parametrize("table", ["roster_command", None])
async def test_a_receipt_is_sent_for_what_is_stored_and_nothing_else(consumer, table):
    """XEP-0184: a receipt means that the service will not lose the command."""
    await sync_to_async(release)("first")
    gone = without(table) if table else nullcontext()
    await sync_to_async(gone.__enter__)()
    try:
        for id in ("one", "two"):
            message = events.message({**SEARCH, "id": id, "receipt": id})
            await consumer.send_input(message)
        await consumer.send_input(events.message({**SEARCH, "id": "three"}))
        receipts: set[str] = set()
        answered: set[str] = set()
        while len(receipts | answered) < (3 if table else 2):
            for answer in (await output(consumer)).get("answers", ()):
                kind = receipts if "receipt" in answer else answered
                kind.add(answer.get("receipt", answer["id"]))
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)

    assert receipts == (set() if table else {"one", "two"})


@pytest.mark.parametrize("message_type", ["chat", events.ADHOC])
async def test_what_could_not_be_answered_in_time_is_refused(
    settings, consumer, message_type
):
    settings.COMMAND_MAX_WAIT_SECONDS = 0
    await sync_to_async(release)("first")
    message = events.message({**SEARCH, "message_type": message_type, "receipt": "one"})
    message["arrived"] = time.monotonic() - 1

    await consumer.send_input(message)

    sent = [await output(consumer), await output(consumer)]
    (answer,) = (answer for event in sent for answer in event.get("answers", ()))
    assert (answer["to"], answer["id"]) == (SEARCH["sender"], SEARCH["id"])
    assert (answer["message_type"], answer["refusal"]) == (
        message_type,
        events.OVERLOADED,
    )
    assert not await Command.objects.aexists()


@asynccontextmanager
async def refusing(
    count: int, send: Callable[[dict], Awaitable[None]]
) -> AsyncIterator[asyncio.Queue[events.Message]]:
    """A consumer that refuses so many commands, and sends so; yields its inbox."""
    inbox: asyncio.Queue[events.Message] = asyncio.Queue()
    for number in range(count):
        message = events.message({**SEARCH, "id": f"{number}"})
        message["arrived"] = time.monotonic() - 1
        inbox.put_nowait(message)
    scope = {"type": "xmpp", "jid": "service.localhost", "reads": lambda: 0}
    running = asyncio.create_task(ServiceConsumer.as_asgi()(scope, inbox.get, send))
    try:
        yield inbox
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_refusals_go_out_as_fast_as_the_xmpp_server_takes_them(settings):
    settings.COMMAND_MAX_WAIT_SECONDS = 0
    count = 20 * BATCH_SIZE
    sending, most, refused = 0, 0, 0
    takes = asyncio.Event()

    async def send(event: dict) -> None:
        nonlocal sending, most, refused
        sending += 1
        most = max(most, sending)
        await takes.wait()
        sending -= 1
        refused += len(event.get("answers", ()))

    async with refusing(count, send):
        await until(lambda: sending == MAX_UNCONFIRMED_REPLIES)
        takes.set()
        await until(lambda: refused == count)

    assert most == MAX_UNCONFIRMED_REPLIES


async def test_new_commands_do_not_wait_until_refusals_are_taken(
    settings, monkeypatch, caplog
):
    """They would grow too old meanwhile, and the XMPP server's queue with them."""
    settings.COMMAND_MAX_WAIT_SECONDS = 0
    room = 3 * BATCH_SIZE
    monkeypatch.setattr(consumers, "MAX_REPLIES", room)
    is_taking = asyncio.Event()
    refused: list[str] = []

    async def send(event: dict) -> None:
        answers = [answer for answer in event.get("answers", ()) if "refusal" in answer]
        if answers:
            await is_taking.wait()
        refused.extend(answer["id"] for answer in answers)

    async with refusing(16 * BATCH_SIZE, send) as inbox:
        await until(inbox.empty)
        await until(lambda: "some get no error" in caplog.text)
        is_taking.set()
        await until(lambda: len(refused) > room)

    assert len(set(refused)) == len(refused) < 16 * BATCH_SIZE
    assert caplog.text.count("some get no error") == 1


async def test_it_recovers_when_its_tables_are_back(consumer, caplog):
    gone = without("buddies_release")
    await sync_to_async(gone.__enter__)()
    try:
        await consumer.send_input(events.connected(privileged=False))
        await until(lambda: "the database does not answer" in caplog.text)
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)

    await sync_to_async(release)("back")

    assert await output(consumer) == await sync_to_async(publish)("back")


async def test_the_log_calls_the_database_back_only_when_it_is(consumer, caplog):
    caplog.set_level("INFO")
    await consumer.send_input(events.disconnected())
    await until(StreamStatus.objects.aexists)
    gone = without("roster_command")
    await sync_to_async(gone.__enter__)()
    try:
        await until(lambda: "the database does not answer" in caplog.text)
        await sync_to_async(release)("by the next tick")
        await output(consumer)
        assert "answers again" not in caplog.text
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)

    await until(lambda: "the database answers again" in caplog.text)


async def test_answers_are_sent_when_the_stream_opens_and_confirmed(consumer):
    await sync_to_async(release)("first")
    row = {
        field: SEARCH[field]
        for field in ("sender", "owner", "message_type", "namespace", "command")
    }
    command = await Command.objects.acreate(key="k", state="done", answer="{}", **row)
    await consumer.send_input(events.disconnected())
    assert await output(consumer) == await sync_to_async(publish)("first")

    await consumer.send_input(events.connected(privileged=False))

    sent = await output(consumer)
    assert [answer["key"] for answer in sent["answers"]] == [command.pk]
    await until(lambda: Command.objects.filter(state="sent").aexists())


async def test_what_each_domain_lacks_is_stored(consumer, settings):
    settings.XMPP_DOMAINS = ["localhost", "elsewhere.localhost"]

    await consumer.send_input(events.connected(privileged=False))

    await until(lambda: StreamStatus.objects.exclude(lacking={}).aexists())
    row = await StreamStatus.objects.aget()
    assert list(row.lacking) == ["localhost", "elsewhere.localhost"]
    assert row.missing.startswith("localhost, elsewhere.localhost: give ")


async def test_privileges_that_change_are_stored(consumer):
    async def stored(privileged: bool) -> bool:
        rows = StreamStatus.objects.filter(ready=True, privileged=privileged)
        return await rows.aexists()

    await consumer.send_input(events.connected(privileged=False))
    await until(lambda: stored(False))
    await consumer.send_input(events.privileges(privileged=True))
    await until(lambda: stored(True))
    assert (await StreamStatus.objects.aget()).sessions == 1


async def test_where_our_module_is_loaded_is_stored(consumer):
    domains = ["a.localhost", "b.localhost"]
    connected = events.connected(privileged=False, companions=frozenset(domains))
    await consumer.send_input(connected)
    await until(lambda: StreamStatus.objects.filter(companions=domains).aexists())
    await consumer.send_input(events.disconnected())
    await until(lambda: StreamStatus.objects.filter(companions=[]).aexists())


async def test_news_of_accounts_are_stored_in_their_order(consumer):
    gone = "00393471111111@localhost"
    for jid, registered in (
        ("romeo@localhost", True),
        (gone, True),
        (gone, False),
        ("juliet@localhost", False),
        ("juliet@localhost", True),
    ):
        await consumer.send_input(events.account(jid, registered=registered))

    present = Account.objects.filter(gone_at=None).values_list("jid", flat=True)

    async def jids() -> set[str]:
        return {jid async for jid in present.all()}

    await until(lambda: _is(jids, {"romeo@localhost", "juliet@localhost"}))
    assert (await Account.objects.aget(jid=gone)).purged


async def test_news_of_accounts_are_dropped_without_a_database(consumer, caplog):
    gone = without("roster_account")
    await sync_to_async(gone.__enter__)()
    try:
        await consumer.send_input(events.account("a@localhost", registered=True))
        await until(lambda: "the database does not answer" in caplog.text)
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)

    await consumer.send_input(events.account("b@localhost", registered=True))

    await until(lambda: Account.objects.filter(jid="b@localhost").aexists())


async def _is(jids, expected: set[str]) -> bool:
    return await jids() == expected


async def test_releases_are_published_while_the_layer_fails(settings, consumer, caplog):
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "tests.xmppservice.service.broken.Layer"}
    }
    channel_layers.backends.clear()
    try:
        await consumer.send_input(events.disconnected())
        await until(lambda: "no bells: OSError" in caplog.text)

        await sync_to_async(release)("by the tick")

        assert await output(consumer) == await sync_to_async(publish)("by the tick")
    finally:
        channel_layers.backends.clear()
