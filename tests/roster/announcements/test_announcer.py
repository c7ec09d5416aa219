"""The announcer alone: how often it notifies users, and what it does after failures."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from asgiref.sync import sync_to_async

from roster.announcements import announcer as announcer_module
from roster.announcements.announcer import PARTS_PER_SECOND, Announcer
from roster.models import Subscriber
from tests.service import until
from tests.xmppservice.service.test_consumer import without
from xmppservice.runtime.threads import Thread

pytestmark = pytest.mark.django_db(transaction=True)

JIDS = [f"user-{number}@localhost" for number in range(6)]


class Server:
    """Records announcements; for ``broken`` calls there is no stream."""

    def __init__(self) -> None:
        self.parts: list[list[str]] = []
        self.messages: set[bool] = set()
        self.broken = 0

    async def send(self, event: dict) -> None:
        assert event["type"] == "xmpp.announce"
        self.parts.append(event["to"])
        self.messages.add(event["message"])
        if self.broken:
            self.broken -= 1
            raise OSError

    @property
    def notified(self) -> Counter[str]:
        return Counter(jid for part in self.parts for jid in part)


@pytest.fixture
def server() -> Server:
    return Server()


class Failures(list[Exception]):
    """Database errors; ``then`` is called for each."""

    then: Callable[[], None] = staticmethod(lambda: None)

    def append(self, error: Exception) -> None:
        super().append(error)
        self.then()


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
async def announcer(
    server, failures, settings, monkeypatch
) -> AsyncIterator[Announcer]:
    settings.ANNOUNCEMENTS_PER_SECOND = 40
    monkeypatch.setattr(announcer_module, "RETRY_SECONDS", 0.02)
    async with Thread("announcer") as thread:
        one = Announcer(thread, server.send, failures.append)
        running = asyncio.create_task(one.run())
        yield one
        running.cancel()
        await asyncio.wait([running])


@sync_to_async
def stored() -> dict[str, int]:
    return dict(Subscriber.objects.values_list("jid", "told"))


async def are_stored(rows: dict[str, int]) -> bool:
    return await stored() == rows


async def all_notified(number: int, jids: list[str] = JIDS) -> None:
    await until(lambda: are_stored(dict.fromkeys(jids, number)))


async def keep(announcer: Announcer, server: Server, number: int) -> None:
    """Store all subscribers, and let them be greeted in this session."""
    for jid in JIDS:
        announcer.note(jid, number)
    await all_notified(number)
    announcer.begin(number)
    await until(lambda: set(server.notified) == set(JIDS))
    server.parts.clear()
    server.messages.clear()


async def test_subscribers_are_notified_once_and_a_few_at_a_time(
    announcer, server, settings
):
    await keep(announcer, server, 1)
    settings.ANNOUNCEMENTS_PER_SECOND = 8

    announcer.begin(2)
    await all_notified(2)

    assert server.notified == dict.fromkeys(JIDS, 1)
    assert max(map(len, server.parts)) == 8 // PARTS_PER_SECOND
    assert server.messages == {False}


async def test_who_learns_of_a_release_is_counted_once(announcer, server):
    await keep(announcer, server, 1)
    assert announcer.told == 0  # they knew it before it began here

    announcer.begin(2)
    announcer.note("new@localhost", 2)  # came online, and was told there
    await all_notified(2, [*JIDS, "new@localhost"])
    await until(lambda: announcer.told == len(JIDS) + 1)

    announcer.note(JIDS[0], 2)
    announcer.begin(2)
    announcer.note("newer@localhost", 2)
    await all_notified(2, [*JIDS, "new@localhost", "newer@localhost"])
    await until(lambda: announcer.told == len(JIDS) + 2)
    announcer.begin(3)
    assert announcer.told == 0


async def test_the_size_of_a_batch_is_limited(announcer, server, settings, monkeypatch):
    settings.ANNOUNCEMENTS_PER_SECOND = 1_000_000
    await keep(announcer, server, 1)
    monkeypatch.setattr(announcer_module, "BATCH_SIZE", 2)

    announcer.begin(2)
    await all_notified(2)

    assert max(map(len, server.parts)) == 2


async def test_a_batch_has_at_least_one_subscriber(announcer, server, settings):
    settings.ANNOUNCEMENTS_PER_SECOND = 0
    announcer.note(JIDS[0], 1)
    await all_notified(1, JIDS[:1])
    announcer.begin(2)
    await until(lambda: JIDS[:1] in server.parts)


async def test_announcing_the_same_release_again_notifies_no_one(announcer, server):
    await keep(announcer, server, 1)
    for number in (2, 2, 3):
        announcer.begin(number)
        await all_notified(number)
    assert server.notified == dict.fromkeys(JIDS, 2)


async def test_a_newer_release_replaces_the_announcement(announcer, server, settings):
    await keep(announcer, server, 1)
    settings.ANNOUNCEMENTS_PER_SECOND = 4
    announcer.begin(2)
    await until(lambda: len(server.parts) == 2)

    settings.ANNOUNCEMENTS_PER_SECOND = 400
    announcer.begin(3)
    await all_notified(3)

    assert set(server.notified) == set(JIDS)
    assert server.notified.total() < 2 * len(JIDS)
    early = {jid for part in server.parts[:2] for jid in part}
    assert all(server.notified[jid] == 2 for jid in early)


async def test_users_who_come_online_meanwhile_are_not_notified_again(
    announcer, server
):
    await keep(announcer, server, 1)
    announcer.note(JIDS[0], 2)  # just before the announcement begins
    await until(lambda: are_stored({**dict.fromkeys(JIDS, 1), JIDS[0]: 2}))
    announcer.begin(2)
    await all_notified(2)
    assert server.notified == dict.fromkeys(JIDS[1:], 1)


async def test_users_notified_of_the_previous_release_are_notified(
    announcer, server, settings
):
    settings.ANNOUNCEMENTS_PER_SECOND = 4_000
    await keep(announcer, server, 2)
    late = [f"late-{number}@localhost" for number in range(4)]
    # One after the other: the first may be part of the current announcement.
    for count, jid in enumerate(late, start=1):
        announcer.note(jid, 1)
        await all_notified(2, [*JIDS, *late[:count]])
    assert server.notified == dict.fromkeys(late, 1)


async def test_an_announcement_resumes_after_a_broken_stream(announcer, server):
    await keep(announcer, server, 1)
    server.broken = 2
    announcer.begin(2)
    await all_notified(2)
    assert set(server.notified) == set(JIDS)
    assert max(server.notified.values()) > 1


async def test_a_new_session_greets_all_once_after_the_remaining_ones(
    announcer, server, settings
):
    settings.CHANGE_MESSAGE = True
    await keep(announcer, server, 1)
    announcer.pause()
    announcer.note(JIDS[3], 0)
    await until(lambda: are_stored({**dict.fromkeys(JIDS, 1), JIDS[3]: 0}))

    announcer.begin(1)
    await until(lambda: set(server.notified) == set(JIDS))
    announcer.begin(1)
    announcer.begin(2)
    await all_notified(2)

    assert server.parts[0] == [JIDS[3]]
    assert server.notified == {**dict.fromkeys(JIDS, 2), JIDS[3]: 3}


async def test_users_notified_of_a_newer_release_are_not_greeted(
    announcer, server, settings
):
    await keep(announcer, server, 1)
    settings.ANNOUNCEMENTS_PER_SECOND = 1
    announcer.pause()
    announcer.begin(1)
    await until(lambda: server.parts)
    early = set(server.parts[0])

    settings.ANNOUNCEMENTS_PER_SECOND = 400
    for number in (2, 3):
        announcer.begin(number)
        await all_notified(number)

    assert server.notified == {jid: 3 if jid in early else 2 for jid in JIDS}


async def test_without_a_stream_no_one_is_notified(announcer, server):
    await keep(announcer, server, 1)
    announcer.begin(2)
    announcer.pause()
    announcer.note(JIDS[0], None)
    await all_notified(1, JIDS[1:])
    assert server.parts == []


async def test_an_announcement_resumes_after_a_database_failure(
    announcer, server, failures
):
    await keep(announcer, server, 1)
    gone = without("roster_subscriber")
    await sync_to_async(gone.__enter__)()
    try:
        announcer.begin(2)
        await until(lambda: failures)
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)
    await all_notified(2)
    assert server.notified == dict.fromkeys(JIDS, 1)


async def test_subscribers_that_could_not_be_stored_are_stored_later(
    announcer, failures
):
    # This note is newer than the one being stored.
    failures.then = lambda: announcer.note(JIDS[0], None)
    gone = without("roster_subscriber")
    await sync_to_async(gone.__enter__)()
    try:
        announcer.note(JIDS[0], 1)
        announcer.note(JIDS[1], 1)
        await until(lambda: failures)
    finally:
        await sync_to_async(gone.__exit__)(None, None, None)
    await all_notified(1, JIDS[1:2])


async def test_the_number_of_waiting_notes_is_limited(announcer, monkeypatch):
    monkeypatch.setattr(announcer_module, "MAX_WAITING", 2)
    for jid in JIDS:
        announcer.note(jid, 1)
    announcer.note(JIDS[1], 2)

    await until(lambda: are_stored({JIDS[0]: 1, JIDS[1]: 2}))


async def test_the_setting_adds_a_message_to_the_announcement(
    announcer, server, settings
):
    settings.CHANGE_MESSAGE = True
    await keep(announcer, server, 1)
    announcer.begin(2)
    await all_notified(2)
    assert server.messages == {True}
