"""Answers to ordinary clients that survive a restart."""

import asyncio
from xml.etree.ElementTree import tostring

from tests.conversations.browsing import TARGET
from tests.conversations.test_adhoc import FIND, _results, command, lines
from tests.service import Service, until


async def test_an_answer_survives_a_restart(new_service):
    service: Service = new_service()
    (local,) = service.register()
    async with service.client(local) as client:
        asked = command(FIND, lines("numbers", "00393200999999"))
        await client.send(f"<iq type='set' id='one' to='{TARGET}'>{asked}</iq>")
        await until(lambda: _results(client, "one"))
        await asyncio.to_thread(service.stop)
        service.shell(
            "from roster.models import Command\n"
            "assert Command.objects.update(state='done', sent_at=None) == 1"
        )
        await asyncio.to_thread(service.start)

        await until(lambda: len(_results(client, "one")) == 2)
        assert len({tostring(one) for one in _results(client, "one")}) == 1
