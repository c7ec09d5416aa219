"""The change signal where it takes its time: many, and a table out of reach."""

import asyncio
import json

from demo.client import CLIENT
from tests.conversations.presences import (
    add,
    digest,
    is_told,
    kept,
    newest,
    read,
    subscribe,
    subscribers,
    untold,
)
from tests.service import SERVICE, Service, component_only, until


async def test_each_of_many_is_told_the_newest_in_the_end(new_service):
    service: Service = new_service(ANNOUNCEMENTS_PER_SECOND="8")
    async with subscribers(service, 12) as clients:
        first = newest(clients[0])
        await asyncio.to_thread(add, service, "One")
        await until(lambda: any(newest(client) != first for client in clients))
        # In the middle of it.
        await asyncio.to_thread(add, service, "Two")

        async def all_are_told() -> bool:
            document = await clients[0].document(SERVICE)
            told = {newest(client) for client in clients}
            return "Two" in document and told == {digest(document)}

        await until(all_are_told, 30)


@component_only
async def test_a_message_says_it_too_and_waits_for_nobody(new_service):
    service: Service = new_service(CHANGE_MESSAGE="true")
    async with subscribers(service, 2) as (here, leaving):
        local = leaving.jid.partition("@")[0]
        jids = {client.jid.partition("/")[0] for client in (here, leaving)}
        await until(lambda: jids <= set(kept(service)))
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

        # Who is told first is up to chance: the one who left may be still to come.
        await until(lambda: untold(service, payload["version"]) == 0)
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
async def test_a_table_out_of_reach_costs_nobody_anything(new_service):
    service: Service = new_service()
    async with subscribers(service, 1) as (romeo,):
        jid = romeo.jid.partition("/")[0]
        await until(lambda: jid in kept(service))
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
        assert await is_told(romeo)
        await until(lambda: f"{late}@localhost" in kept(service))
