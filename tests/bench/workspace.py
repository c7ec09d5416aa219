"""The Channels workspace with a thousand entries, in Debian's Chromium."""

import asyncio
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from playwright.async_api import Page, async_playwright, expect

from tests.bench import documents
from tests.bench.report import Report
from tests.bench.times import bar, say
from tests.browser.backstage import WORKSPACE, ready, row, toast
from tests.browser.conftest import CHROMIUM, QUIET, Pages
from tests.service import Service

ENTRIES, ROUNDS = 1_000, 5
USABLE, MOVED = 1.0, 0.2  # seconds


def measure(report: Report) -> None:
    say(f"\nworkspace, {ENTRIES:,} entries")
    with TemporaryDirectory() as folder, Service(Path(folder)) as service:
        path = Path(folder) / "load.json"
        path.write_text(documents.dumps(documents.of_entries(ENTRIES)))
        service.manage("loadbuddies", "--replace", str(path))
        usable, moved = asyncio.run(_measure(service))
    report.add("workspace usable", median(usable), "at most", USABLE, " s")
    report.add("workspace: a move is answered", median(moved), "at most", MOVED, " s")


async def _measure(service: Service) -> tuple[list[float], list[float]]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        pages = Pages(browser, service)
        page = await ready(await pages.open(WORKSPACE))
        usable, moved = [], []
        for turn in range(ROUNDS):
            bar("rounds", turn, ROUNDS)
            began = monotonic()
            await page.goto(WORKSPACE)
            await ready(page)
            usable.append(monotonic() - began)
            moved.append(await _move(page, turn))
        bar("rounds", ROUNDS, ROUNDS)
        await pages.close()
        await browser.close()
    return usable, moved


async def _move(page: Page, turn: int) -> float:
    """Seconds from the keys to the server's answer: a group goes down, or up again."""
    name = "Group number 0 of the city"
    await row(page, name).locator(".wb-title").click()
    key = "Alt+ArrowUp" if turn % 2 else "Alt+ArrowDown"
    began = monotonic()
    async with page.expect_response(lambda one: one.request.method == "POST") as said:
        await page.keyboard.press(key)
    answer = await said.value
    taken = monotonic() - began
    assert answer.ok, await answer.text()
    await expect(toast(page)).to_contain_text("Moved")
    return taken
