"""The change signal over a real stream (contract, 6)."""

import asyncio

import pytest

from tests.conversations.presences import (
    add,
    is_told,
    kept,
    newest,
    photos,
    read,
    subscribe,
    subscribers,
)
from tests.service import SERVICE, Service, component_only, until


async def test_who_subscribes_is_told_at_once_and_then_of_each_change(
    service: Service,
):
    async with subscribers(service, 1) as (client,):
        before = await read(client)
        assert newest(client) == before

        await asyncio.to_thread(add, service, "Heard of")

        await until(lambda: newest(client) != before)
        assert await is_told(client)


async def test_who_unsubscribes_is_told_no_more(service: Service):
    async with subscribers(service, 2) as (romeo, juliet):
        await romeo.presence(to=SERVICE, type="unsubscribe")

        async def is_off() -> bool:
            return (await romeo.roster())[SERVICE].subscription == "none"

        await until(is_off)
        jid = romeo.jid.partition("/")[0]
        await until(lambda: jid not in kept(service))
        romeo.stanzas.clear()
        before = newest(juliet)

        await asyncio.to_thread(add, service, "Not for Romeo")

        await until(lambda: newest(juliet) != before)
        await read(romeo)  # whatever was sent before has come
        assert photos(romeo) == []


async def test_who_comes_online_is_told_what_is_live(service: Service):
    async with subscribers(service, 1) as (phone,):
        local = phone.jid.partition("@")[0]
    await asyncio.to_thread(add, service, "While away")

    async with service.client(local, "tablet") as tablet:
        await tablet.presence()
        await until(lambda: newest(tablet))
        await until(lambda: is_told(tablet))


@component_only
async def test_who_is_of_no_served_domain_is_told_and_not_kept(service: Service):
    service.server.register("stranger", "demo", "elsewhere.localhost")
    async with service.client("stranger", domain="elsewhere.localhost") as stranger:
        await subscribe(stranger)
        await until(lambda: newest(stranger))
        async with subscribers(service, 1) as (client,):
            jid = client.jid.partition("/")[0]
            # Who came after is kept, so the other was looked at.
            await until(lambda: jid in kept(service))
    assert "elsewhere" not in " ".join(kept(service))


@component_only
@pytest.mark.parametrize("condition", ["gone", "item-not-found"])
async def test_who_is_not_there_any_more_is_not_kept(service: Service, condition):
    error = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    async with subscribers(service, 1) as (client,):
        jid = client.jid.partition("/")[0]
        await until(lambda: jid in kept(service))

        await client.send(
            f"<presence to='{SERVICE}' type='error'>"
            f"<error type='cancel'>{error}</error></presence>"
        )

        await until(lambda: jid not in kept(service))


@component_only
async def test_who_was_subscribed_before_there_was_a_table_is_kept(service: Service):
    async with subscribers(service, 1) as (phone,):
        jid = phone.jid.partition("/")[0]
        await until(lambda: jid in kept(service))
    service.sql(f"DELETE FROM roster_subscriber WHERE jid = '{jid}'")

    async with service.client(jid.partition("@")[0]) as phone:
        await phone.presence()
        await until(lambda: jid in kept(service))
