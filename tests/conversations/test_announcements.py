"""The change signal over a real stream (contract, 6)."""

import asyncio

import pytest

from tests.conversations.presences import (
    add,
    hashes,
    is_up_to_date,
    newest,
    read,
    stored_jids,
    subscribe,
    subscribers,
)
from tests.service import SERVICE, Service, component_only, until


async def test_subscribers_get_the_live_hash_at_once_and_each_change(
    service: Service,
):
    async with subscribers(service, 1) as (client,):
        before = await read(client)
        assert newest(client) == before

        await asyncio.to_thread(add, service, "Heard of")

        await until(lambda: newest(client) != before)
        assert await is_up_to_date(client)


async def test_unsubscribed_clients_get_no_more_announcements(service: Service):
    async with subscribers(service, 2) as (romeo, juliet):
        await romeo.presence(to=SERVICE, type="unsubscribe")

        async def is_off() -> bool:
            return (await romeo.roster())[SERVICE].subscription == "none"

        await until(is_off)
        jid = romeo.jid.partition("/")[0]
        await until(lambda: jid not in stored_jids(service))
        romeo.stanzas.clear()
        before = newest(juliet)

        await asyncio.to_thread(add, service, "Not for Romeo")

        await until(lambda: newest(juliet) != before)
        await read(romeo)  # all that was sent before has arrived
        assert hashes(romeo) == []


async def test_subscribers_coming_online_get_the_live_hash(service: Service):
    async with subscribers(service, 1) as (phone,):
        local, before = phone.jid.partition("@")[0], newest(phone)
    await asyncio.to_thread(add, service, "While away")

    async with service.client(local, "tablet") as tablet:
        await tablet.presence()
        await until(lambda: newest(tablet) not in ("", before))
        assert await is_up_to_date(tablet)


@component_only
async def test_subscribers_of_unserved_domains_get_the_hash_but_are_not_stored(
    service: Service,
):
    service.server.register("stranger", "demo", "elsewhere.localhost")
    async with service.client("stranger", domain="elsewhere.localhost") as stranger:
        await subscribe(stranger)
        await until(lambda: newest(stranger))
        async with subscribers(service, 1) as (client,):
            jid = client.jid.partition("/")[0]
            # A later subscriber is stored, so the earlier one was handled.
            await until(lambda: jid in stored_jids(service))
    assert "elsewhere" not in " ".join(stored_jids(service))


@component_only
@pytest.mark.parametrize("condition", ["gone", "item-not-found"])
async def test_subscribers_that_are_gone_are_deleted(service: Service, condition):
    error = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    async with subscribers(service, 1) as (client,):
        jid = client.jid.partition("/")[0]
        await until(lambda: jid in stored_jids(service))

        await client.send(
            f"<presence to='{SERVICE}' type='error'>"
            f"<error type='cancel'>{error}</error></presence>"
        )

        await until(lambda: jid not in stored_jids(service))


@component_only
async def test_subscribers_from_before_the_table_are_stored(service: Service):
    async with subscribers(service, 1) as (phone,):
        jid = phone.jid.partition("/")[0]
        await until(lambda: jid in stored_jids(service))
    service.sql(f"DELETE FROM roster_subscriber WHERE jid = '{jid}'")

    async with service.client(jid.partition("@")[0]) as phone:
        await phone.presence()
        await until(lambda: jid in stored_jids(service))
