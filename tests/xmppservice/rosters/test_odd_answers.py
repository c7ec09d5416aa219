"""The driver of mod_xmppservice when its requests are answered in another way.

The XMPP server's side of the stream is played here: Prosody with the module has no
such answers, but it may lose the module between two requests.
"""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.xmppservice.rosters.test_drivers import ITEM, ROMEO, in_seconds
from xmppservice.connection import gateway
from xmppservice.connection.gateway import IqResult
from xmppservice.protocol.namespaces import NS_COMPANION, NS_ROSTER
from xmppservice.rosters.companion import CompanionRosters
from xmppservice.rosters.interface import (
    CONFLICT,
    MISSING,
    PERMANENT,
    NoAccount,
    RosterError,
    RosterWrite,
)

OTHER_ANSWERS = ["", f"<query xmlns='{NS_ROSTER}'/>", "<exist/>"]


async def call(answer: IqResult, function: Callable, *args):
    async def ask(requests, deadline):
        if time.time() > deadline:
            raise gateway.Late("no answer by the deadline")
        return [answer] * len(requests)

    gateway.attach(ask, lambda: gateway.State(True, False, frozenset({"localhost"})))
    try:
        return await asyncio.to_thread(function, *args, in_seconds(2))
    finally:
        gateway.detach()


@pytest.mark.parametrize("condition", sorted({MISSING, CONFLICT, *PERMANENT}))
async def test_a_refused_request_says_nothing_of_its_users(condition):
    """Prosody without the module calls itself unavailable, as if there were no user."""
    rosters, refusal = CompanionRosters(), IqResult(condition, "")

    write = RosterWrite(ROMEO, [ITEM])
    (written,) = await call(refusal, rosters.write, [write])
    (read,) = await call(refusal, rosters.read, [ROMEO])

    assert written.conditions == [f"request refused: {condition}"]
    assert isinstance(read, RosterError)
    assert not isinstance(read, NoAccount)
    with pytest.raises(RosterError):
        await call(refusal, rosters.exist, [ROMEO])


@pytest.mark.parametrize("payload", OTHER_ANSWERS)
async def test_an_answer_of_another_kind_says_nothing_of_users(payload):
    rosters, answer = CompanionRosters(), IqResult("", payload)

    (written,) = await call(answer, rosters.write, [RosterWrite(ROMEO, [ITEM])])
    (read,) = await call(answer, rosters.read, [ROMEO])

    assert written.conditions == ["request refused: no answer"]
    assert isinstance(read, RosterError)
    assert not isinstance(read, NoAccount)
    for function, argument in (
        (rosters.exist, [ROMEO]),
        (rosters.accounts, "localhost"),
    ):
        with pytest.raises(RosterError):
            await call(answer, function, argument)


async def test_a_read_that_is_always_for_later_ends():
    later = f"<read xmlns='{NS_COMPANION}'><later name='romeo'/></read>"

    (read,) = await call(IqResult("", later), CompanionRosters().read, [ROMEO])

    assert str(read) == "later"


async def test_an_item_refused_without_a_reason_is_not_taken_for_written():
    refused = f"<refused jid='{ITEM.jid}'/>"
    answer = (
        f"<write xmlns='{NS_COMPANION}'>"
        f"<user name='romeo' ver='2' written='0'>{refused}</user></write>"
    )

    write = RosterWrite(ROMEO, [ITEM])
    (written,) = await call(IqResult("", answer), CompanionRosters().write, [write])

    assert written.conditions == ["undefined-condition"]
