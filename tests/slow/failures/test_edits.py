"""100 edits while the process that makes releases is killed: the last one is live."""

import asyncio
import http.client
import time

from tests.service import DEPLOYMENT, Service, until
from tests.slow.failures.phones import read

EDITS = 100
KILLS_AFTER = (20, 50, 80)  # edits
PATIENCE = 60  # seconds
VICTIM = "serve" if DEPLOYMENT == "one" else "others"  # its queue has the releases


async def test_100_edits_while_their_worker_dies(new_service):
    service: Service = new_service()
    service.keep()
    first, began = _releases(service), time.monotonic()
    path = await _new_entry(service)

    made = first
    for number in range(EDITS):
        if number in KILLS_AFTER:
            # It has restarted, and made a release since the last kill.
            await until(lambda: _releases(service) > made, PATIENCE)  # noqa: B023  (awaited here)
            made = _releases(service)
            service.kill(VICTIM)
        await _rename(service, path, f"Edit {number}")

    (local,) = service.register()
    async with service.client(local) as client:

        async def live() -> bool:
            return f'"Edit {EDITS - 1}"' in await read(client)

        await until(live, PATIENCE)
    releases = _releases(service) - first
    print(f"{EDITS} edits, {len(KILLS_AFTER)} kills: {releases} releases")
    # One a second, and one more for each process that starts.
    assert releases <= time.monotonic() - began + len(KILLS_AFTER) + 1


def _releases(service: Service) -> int:
    return int(
        service.shell(
            "from buddies.models import Release; print(Release.objects.count())"
        )
    )


async def _new_entry(service: Service) -> str:
    entry = {"type": "channel", "webIsPublished": True, "info": {"name": "New"}}
    status, _, made = await asyncio.to_thread(
        service.http, "POST", "/api/buddies/", entry
    )
    assert status == 201
    return f"/api/buddies/{made['id']}/"


async def _rename(service: Service, path: str, name: str) -> None:
    """Rename the entry; repeat the request until it succeeds."""

    async def done() -> bool:
        try:
            status, _, _ = await asyncio.to_thread(
                service.http, "PATCH", path, {"info": {"name": name}}
            )
        except (OSError, http.client.HTTPException):
            return False  # the process is down, or died meanwhile
        return status == 200

    await until(done, PATIENCE)
