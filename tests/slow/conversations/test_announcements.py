"""The change signal with many subscribers, by message, and without its table."""

import asyncio
import json

from demo.client import CLIENT
from tests.conversations.presences import (
    add,
    digest,
    is_up_to_date,
    newest,
    pending_count,
    read,
    stored_jids,
    subscribe,
    subscribers,
)
from tests.service import SERVICE, Service, component_only, until


async def test_each_of_many_subscribers_finally_gets_the_newest_hash(new_service):
    service: Service = new_service(ANNOUNCEMENTS_PER_SECOND="8")
    async with subscribers(service, 12) as clients:
        first = newest(clients[0])
        await asyncio.to_thread(add, service, "One")
        await until(lambda: any(newest(client) != first for client in clients))
        # In the middle of the announcement.
        await asyncio.to_thread(add, service, "Two")

        async def all_are_up_to_date() -> bool:
            document = await clients[0].document(SERVICE)
            hashes = {newest(client) for client in clients}
            return "Two" in document and hashes == {digest(document)}

        await until(all_are_up_to_date, 30)


@component_only
async def test_change_messages_reach_only_clients_that_are_online(new_service):
    service: Service = new_service(CHANGE_MESSAGE="true")
    async with subscribers(service, 2) as (here, leaving):
        local = leaving.jid.partition("@")[0]
        jids = {client.jid.partition("/")[0] for client in (here, leaving)}
        await until(lambda: jids <= set(stored_jids(service)))
        await leaving.__aexit__()
        before = newest(here)

        await asyncio.to_thread(add, service, "Said")

        message = await here.message(lambda one: one.find("{*}x") is not None)
        await until(lambda: newest(here) != before)
        x = message.find("{jabber:x:oob}x")
        assert message.get("type") == "headline"
        assert message.get("from") == SERVICE
        assert message.findtext("{*}body") == ""
        assert x.findtext("{*}type") == x.findtext("{*}action") == "vcard_updated"
        payload = json.loads(x.findtext("{*}payload"))
        assert payload["hash"] == await read(here)
        live = "from buddies.models import Release; print(Release.objects.first().pk)"
        assert payload["version"] == int(service.shell(live))

        # The order is random: the client that left may come last.
        await until(lambda: pending_count(service, payload["version"]) == 0)
        async with service.client(local) as back:
            await back.presence()
            await until(lambda: newest(back))
            await read(back)
            assert not [
                one
                for one in back.stanzas
                if one.tag == CLIENT + "message" and one.get("from") == SERVICE
            ]


@component_only
async def test_an_unavailable_table_loses_no_announcement(new_service):
    service: Service = new_service()
    async with subscribers(service, 1) as (romeo,):
        jid = romeo.jid.partition("/")[0]
        await until(lambda: jid in stored_jids(service))
        service.sql("ALTER TABLE roster_subscriber RENAME TO out_of_reach")
        try:
            (late,) = service.register()
            async with service.client(late) as juliet:
                await subscribe(juliet)
                await until(lambda: newest(juliet))
                await asyncio.to_thread(add, service, "Nobody is told")
                before = newest(romeo)
                await until(lambda: "does not answer" in service.log.read_text())
        finally:
            service.sql("ALTER TABLE out_of_reach RENAME TO roster_subscriber")
        await until(lambda: newest(romeo) != before)
        assert await is_up_to_date(romeo)
        await until(lambda: f"{late}@localhost" in stored_jids(service))
