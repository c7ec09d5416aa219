"""The document after many edits, and when it is too large."""

import asyncio
import time

from tests.conversations.test_document import names
from tests.service import SERVICE, until


async def test_a_burst_of_edits_makes_few_releases_and_the_last_is_live(
    new_service,
):
    service = new_service()
    (local,) = service.register()
    _, _, buddy = service.http(
        "POST",
        "/api/buddies/",
        {"type": "channel", "webIsPublished": True, "info": {"name": "Edit"}},
    )
    path = f"/api/buddies/{buddy['id']}/"
    began = time.monotonic()
    async with service.client(local) as client:
        for number in range(100):
            status, _, _ = await asyncio.to_thread(
                service.http, "PATCH", path, {"info": {"name": f"Edit {number}"}}
            )
            assert status == 200

        async def last_is_live():
            return "Edit 99" in names(await client.document(SERVICE))

        await until(last_is_live)
    seconds = time.monotonic() - began
    releases = service.shell(
        "from buddies.models import Release; print(Release.objects.count())"
    )
    # One for the demo, one for the new entry, and one a second for the burst.
    assert int(releases) <= 2 + seconds + 1


async def test_a_document_too_large_is_refused_and_the_old_one_stays(new_service):
    service = new_service(XMPP_STANZA_LIMIT="6000")
    (local,) = service.register()
    async with service.client(local) as client:
        before = await client.document(SERVICE)
        _, _, buddy = service.http(
            "POST",
            "/api/buddies/",
            {
                "type": "channel",
                "webIsPublished": True,
                "info": {"name": "Long", "defaultMessage": "x" * 6000},
            },
        )

        async def refused():
            said = service.shell(
                "from buddies.models import Tree; print(Tree.objects.get().refused)"
            )
            return said == "too_large"

        await until(refused)
        assert await client.document(SERVICE) == before

        service.http("DELETE", f"/api/buddies/{buddy['id']}/")
        service.http(
            "POST",
            "/api/buddies/",
            {"type": "channel", "webIsPublished": True, "info": {"name": "Short"}},
        )

        async def shown():
            return "Short" in names(await client.document(SERVICE))

        await until(shown)
