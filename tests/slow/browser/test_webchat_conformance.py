"""The kit tries the webchat, which reads the document and writes to channels."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from tests.browser.conftest import Pages
from tests.ports import free_port
from tests.service import ROOT, Service

KIT = [sys.executable, "-m", "demo.conformance"]
Reports = Callable[..., Awaitable[str]]

NAMES = ("plain", "changed", "unread", "gone", "replaced")


@pytest_asyncio.fixture(loop_scope="session")
async def reports() -> AsyncIterator[tuple[int, Reports]]:
    """The kit as a person starts it: the port of its WebSocket, and what it says."""
    ports = [free_port() for _ in range(3)]
    words = ["--platform", "web", "--without-commands", "--pause", "2"]
    process = await asyncio.create_subprocess_exec(
        *(*KIT, *words, "--only", *NAMES, "--ports", *map(str, ports)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )

    async def read(*beginnings: str) -> str:
        """Return the next line that begins with one of these."""
        while line := (await process.stdout.readline()).decode():
            if line.startswith(beginnings):
                return line
        raise AssertionError("the kit has ended")

    await read("  replaced@localhost")
    yield ports[2], read
    process.terminate()
    await process.wait()


async def test_the_webchat_does_all_as_the_contract_says(reports, chromium, tmp_path):
    port, read = reports
    websocket = f"ws://127.0.0.1:{port}/xmpp-websocket"
    with Service(tmp_path / "service", WEBCHAT_URL=websocket) as service:
        pages = Pages(chromium, service)
        for name in NAMES:
            page = await pages.open("/webchat/", user="")
            await page.locator("summary").click()
            await page.fill("#jid", f"{name}@localhost")
            await page.fill("#password", "demo")
            await page.locator("#account button").click()
            await page.locator("#tree .channel").first.click()
            await page.fill("#text", "Ciao")
            await page.locator("#write button").click()
        said = [await read(*NAMES, "  ") for _ in NAMES]
        await pages.close()
    assert sorted(line.split()[0] for line in said) == sorted(NAMES), said
    assert {line.split()[1] for line in said} == {"fine"}
    # Strophe says that the kit has ended a stream.
    assert [one for one in pages.complaints if "Websocket closed" not in one] == []
