import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from channels.layers import channel_layers
from django.db import transaction
from django.utils import timezone

from tests.servers import Redis
from tests.service import until
from xmppservice.connection import gateway
from xmppservice.connection.gateway import Broke, Down, IqRequest, IqResult, Late, State
from xmppservice.connection.models import SILENCE, StreamStatus

PING = IqRequest("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")


@pytest.fixture
async def attached():
    """An owner that echoes requests, or never answers."""

    async def ask(requests, deadline):
        if requests[0].to == "nowhere":
            await asyncio.Event().wait()
        return [IqResult("", request.payload) for request in requests]

    gateway.attach(ask, lambda: State(ready=True, privileged=True))
    yield
    gateway.detach()


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


async def test_a_thread_gets_answers_in_order(attached):
    asked = [PING, PING._replace(payload="other")]

    answers = await asyncio.to_thread(gateway.ask, asked, in_seconds(10))

    assert [answer.payload for answer in answers] == [PING.payload, "other"]
    assert gateway.is_up()


@pytest.mark.django_db(transaction=True)
def test_without_a_stream_asking_raises_down():
    assert not gateway.is_up()
    with pytest.raises(Down):
        gateway.ask([PING], in_seconds(10))


def test_an_empty_list_of_requests_needs_no_stream():
    assert gateway.ask([], in_seconds(10)) == []


@pytest.mark.real_time  # faketime never ends the wait for a future
async def test_an_owner_that_does_not_answer_raises_late(attached):
    silent = PING._replace(to="nowhere")
    with pytest.raises(Late):
        await asyncio.to_thread(gateway.ask, [silent], in_seconds(-1))


@pytest.mark.django_db(transaction=True)
def test_asking_inside_a_transaction_fails():
    with transaction.atomic(), pytest.raises(AssertionError, match="transaction"):
        gateway.ask([PING], in_seconds(10))


async def test_asking_on_the_streams_loop_fails(attached):
    with pytest.raises(AssertionError, match="loop"):
        gateway.ask([PING], in_seconds(10))


@pytest.mark.django_db
class TestStoredState:
    """The row that the stream's owner writes, read by another process."""

    @pytest.fixture
    def row(self, settings) -> StreamStatus:
        settings.CHANNEL_LAYER_URL = "redis://somewhere"
        return StreamStatus.objects.create(
            jid=settings.XMPP_JID, ready=True, privileged=True
        )

    def test_the_owners_last_state_is_used(self, row):
        assert gateway.state() == State(ready=True, privileged=True)
        assert gateway.is_up()

    def test_a_silent_owner_counts_as_down(self, row):
        row.seen_at = timezone.now() - SILENCE - timedelta(seconds=1)
        row.save()
        assert gateway.state() == State(ready=False, privileged=False)
        assert not gateway.is_up()

    def test_without_a_channel_layer_requests_cannot_be_sent(self, row, settings):
        settings.CHANNEL_LAYER_URL = ""
        assert gateway.is_up()
        assert not gateway.state().ready


if shutil.which("redis-server"):
    FAILING = {"down": Down, "broke": Broke, "late": Late, "odd": ValueError}

    @pytest.fixture
    def redis(tmp_path) -> Iterator[Redis]:
        with Redis(tmp_path) as server:
            yield server

    @pytest.fixture
    def layer(redis, settings, monkeypatch) -> Iterator[None]:
        """A channel layer that several processes could share."""
        # Each test's own, because its Redis goes with it.
        monkeypatch.setattr(gateway, "_the_requester", None)
        host = {"address": redis.url, "socket_timeout": None}
        settings.CHANNEL_LAYER_URL = redis.url
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.core.RedisChannelLayer",
                "CONFIG": {"hosts": [host]},
            }
        }
        channel_layers.backends.clear()
        yield
        channel_layers.backends.clear()

    async def answers(requests, deadline) -> list[IqResult]:
        """Answer as a stream's owner: fail as requested, or echo."""
        first = requests[0].payload
        if first in FAILING:
            raise FAILING[first](f"it is {first}")
        if first == "silence":
            await asyncio.Event().wait()
        return [IqResult("", request.payload) for request in requests]

    @asynccontextmanager
    async def owner() -> AsyncIterator[None]:
        answering = asyncio.create_task(gateway.answer_others(answers))
        yield
        answering.cancel()
        await asyncio.wait([answering])

    async def ask(*payloads: str, seconds: float = 10) -> list[str]:
        asked = [PING._replace(payload=payload) for payload in payloads]
        got = await asyncio.to_thread(gateway.ask, asked, in_seconds(seconds))
        return [answer.payload for answer in got]

    async def test_answers_come_through_the_layer_in_order(layer):
        async with owner():
            many = [ask(f"{n} one", f"{n} two") for n in range(20)]
            assert await asyncio.gather(*many) == [
                [f"{n} one", f"{n} two"] for n in range(20)
            ]

    @pytest.mark.parametrize(
        ("payload", "failure"), [("down", Down), ("broke", Broke), ("late", Late)]
    )
    async def test_failures_keep_their_type_through_the_layer(layer, payload, failure):
        async with owner():
            with pytest.raises(failure, match=f"it is {payload}"):
                await ask(payload)

    async def test_other_errors_of_the_owner_raise_broke(layer):
        async with owner():
            with pytest.raises(Broke, match="ValueError"):
                await ask("odd")
            assert await ask("next") == ["next"]

    async def test_without_an_owner_asking_raises_late(layer):
        with pytest.raises(Late):
            await ask("question", seconds=0.2)

    async def test_requests_wait_for_the_next_owner(layer):
        asking = asyncio.create_task(ask("question"))
        async with owner():
            assert await asking == ["question"]

    async def test_a_dead_layer_raises_down_at_once_and_recovers(layer, redis):
        async with owner():
            asking = asyncio.create_task(ask("silence", seconds=60))
            assert await ask("before") == ["before"]
            redis.kill()
            with pytest.raises(Down, match="no channel layer"):
                await asyncio.wait_for(asking, 10)
            with pytest.raises(Down, match="no channel layer"):
                await ask("without")

            await asyncio.to_thread(redis.start)

            async def again() -> bool:
                try:
                    return await ask("after", seconds=2) == ["after"]
                except (Down, Late):
                    return False

            await until(again, 20)
