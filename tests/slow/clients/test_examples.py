"""The programs of docs/clients that must wait: for their budget, for the service."""

import asyncio
import re

import pytest

from tests.clients.test_examples import NUMBERS, ended, programs, start
from tests.service import GUEST, PASSWORD, SERVER


@programs
async def test_a_search_beyond_the_budget_is_repeated(new_service, tmp_path, language):
    service = new_service(
        DISCOVERY_BURST=str(NUMBERS),
        SEARCH_LIMIT=str(NUMBERS),
        # Four seconds for the three numbers: less than the first pause.
        DISCOVERY_PER_YEAR=str(365 * 24 * 3600 * NUMBERS // 4),
    )
    service.server.register(GUEST, PASSWORD)

    program = await start(language, service, tmp_path, GUEST)
    said, complained, code = await ended(program)

    limited, repeated = complained.splitlines()
    assert re.fullmatch(r"Too many new numbers: again in [1-4] s\.", limited)
    assert repeated == "cmd_search_users: RATE_LIMITED, sent again"
    assert code == 0
    assert "\nadded 0 OK\n" in said
    assert "\nfound 0 OK" in said
    # A repeat has the id of the first: each command was stored once.
    assert sum(service.states().values()) == 2


@pytest.mark.skipif(SERVER != "prosody", reason="ejabberd returns another error type")
@programs
async def test_it_waits_for_an_unavailable_service(new_service, tmp_path, language):
    service = new_service()
    service.server.register(GUEST, PASSWORD)
    service.stop()

    program = await start(language, service, tmp_path, GUEST)
    first = (await asyncio.wait_for(program.stderr.readline(), 30)).decode()
    await asyncio.to_thread(service.start)
    said, _, code = await ended(program)

    assert re.fullmatch(r"document: [\w-]+, (sent|requested) again\n", first)
    assert code == 0
    assert "\nadded 0 OK\n" in said
