"""What clients see of the change signal: presence that names the document."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from xml.etree.ElementTree import Element

from demo.client import CLIENT, Client
from tests.service import SERVICE, Service, until

DOCUMENT = "{urn:xmppservice:document:1}document"
JIDS = (
    "from roster.models import Subscriber\n"
    "print(*Subscriber.objects.order_by('pk').values_list('jid', flat=True))"
)


def announced(client: Client) -> list[Element]:
    """Return the ``document`` elements in the service's presence, in order."""
    found = (
        stanza.find(DOCUMENT)
        for stanza in client.stanzas
        if stanza.tag == CLIENT + "presence"
        and stanza.get("from", "").partition("/")[0] == SERVICE
        and stanza.get("type") is None
    )
    return [document for document in found if document is not None]


def hashes(client: Client) -> list[str]:
    """Return the hashes that the service has announced to this client, in order."""
    return [document.get("hash", "") for document in announced(client)]


def newest(client: Client) -> str:
    """Return the last of them, or "" before the first."""
    return (hashes(client) or [""])[-1]


async def read(client: Client) -> str:
    """The hash of the document that this client reads."""
    return digest(await client.document(SERVICE))


def digest(document: str) -> str:
    return hashlib.sha1(document.encode()).hexdigest()


async def subscribe(client: Client) -> None:
    await client.presence()
    await client.presence(to=SERVICE, type="subscribe")


def add(service: Service, name: str) -> None:
    """Make an edit that goes live by itself."""
    entry = {"type": "channel", "webIsPublished": True, "info": {"name": name}}
    status, _, said = service.http("POST", "/api/buddies/", entry)
    assert status == 201, said


async def remove(service: Service, client: Client, entry: dict) -> None:
    """Delete an entry; await that this is live, too."""
    service.http("DELETE", f"/api/buddies/{entry['id']}/")

    async def is_gone() -> bool:
        return f'"{entry["address"]}"' not in await client.document(SERVICE)

    await until(is_gone)


def stored_jids(service: Service) -> list[str]:
    """JIDs of the subscribers that the service has in its table."""
    return service.shell(JIDS).split()


def pending_count(service: Service, number: int) -> int:
    """Return how many of them have not been sent this release yet."""
    count = "from roster.announcements import subscribers as s; print(s.counts({})[1])"
    return int(service.shell(count.format(number)))


async def is_up_to_date(client: Client) -> bool:
    """Return whether the last hash is that of the document that is read now."""
    return newest(client) == await read(client)


@asynccontextmanager
async def subscribers(service: Service, count: int) -> AsyncIterator[list[Client]]:
    """Yield subscribed clients that have the hash of the live document."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(service.client(local))
            for local in service.register(count)
        ]
        for client in clients:
            await subscribe(client)
        for client in clients:
            await until(lambda: newest(client))  # noqa: B023  (awaited here)
        yield clients
