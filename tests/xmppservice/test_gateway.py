import asyncio
import time

import pytest
from django.db import transaction

from xmppservice import gateway
from xmppservice.gateway import Answer, Down, Iq, Late

PING = Iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")


@pytest.fixture
async def attached():
    """An owner that answers with what it was asked, or never."""

    async def ask(requests, deadline):
        if requests[0].to == "nowhere":
            await asyncio.Event().wait()
        return [Answer("", request.payload) for request in requests]

    gateway.attach(ask, lambda: True)
    yield
    gateway.detach()


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


async def test_answers_cross_from_a_thread_in_order(attached):
    asked = [PING, PING._replace(payload="other")]

    answers = await asyncio.to_thread(gateway.ask, asked, in_seconds(10))

    assert [answer.payload for answer in answers] == [PING.payload, "other"]
    assert gateway.is_up()


def test_without_a_stream_it_is_down():
    assert not gateway.is_up()
    with pytest.raises(Down):
        gateway.ask([PING], in_seconds(10))


def test_nothing_asked_needs_no_stream():
    assert gateway.ask([], in_seconds(10)) == []


async def test_an_owner_that_does_not_answer_is_late(attached):
    silent = PING._replace(to="nowhere")
    with pytest.raises(Late):
        await asyncio.to_thread(gateway.ask, [silent], in_seconds(-1))


@pytest.mark.django_db(transaction=True)
def test_never_inside_a_transaction():
    with transaction.atomic(), pytest.raises(AssertionError, match="transaction"):
        gateway.ask([PING], in_seconds(10))


async def test_never_on_the_streams_own_loop(attached):
    with pytest.raises(AssertionError, match="loop"):
        gateway.ask([PING], in_seconds(10))
