"""Campaigns in a large tree: opening one, and editing in it, beside what is live."""

import asyncio
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from playwright.async_api import Page, async_playwright, expect

from tests.bench.edits import load_document
from tests.bench.report import Report
from tests.bench.times import bar, say
from tests.browser.backstage import WORKSPACE, ready, row, toast
from tests.browser.conftest import CHROMIUM, QUIET, Pages
from tests.service import Service

ENTRIES, SHOWN, CAMPAIGNS, ROUNDS = 10_000, 700, 20, 5
OPENED, EDITED, AS_LIVE = 1.0, 0.5, 2.0  # seconds, seconds, times

# So few entries are shown that the document can go live. All campaigns but one are
# planned, so that the last one is drawn on nineteen others.
FILL = f"""
import random
from datetime import timedelta
from django.utils import timezone
from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.sketch import Sketch
from buddies.models import Buddy, Campaign
from buddies.tree import edits
hidden = {{"mobile_is_published": False, "web_is_published": False}}
edits.change(list(Buddy.objects.order_by("pk")[{SHOWN}:]), "anna", **hidden)
rng = random.Random(1)
for number in range({CAMPAIGNS}):
    made = making.make("anna", f"Campaign {{number}}")
    def change(view):
        sketch = Sketch(view.tree)
        for key in rng.sample(sorted(sketch.entries), 100):
            sketch.change([key], {{"status": f"new in {{number}}"}})
        return sketch.finish()
    CampaignEdits(made.pk).replace("anna", change)
    at = timezone.now() + timedelta(days=number + 1)
    Campaign.objects.filter(pk=made.pk).update(state="planned", due_at=at)
"""


def measure(report: Report) -> None:
    say(f"\ncampaigns: {CAMPAIGNS}, {ENTRIES:,} entries")
    with TemporaryDirectory() as folder, Service(Path(folder)) as service:
        load_document(service, ENTRIES)
        service.shell(FILL)
        times = asyncio.run(_measure(service))
    opened, edited, live, live_edited = map(median, times)
    report.add("campaign: opened", opened, "at most", OPENED, " s")
    report.add("campaign: an edit is answered", edited, "at most", EDITED, " s")
    report.add("campaign: opened / live opened", opened / live, "at most", AS_LIVE)
    report.add("live with campaigns: an edit", live_edited, "at most", EDITED, " s")


async def _measure(service: Service) -> list[list[float]]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        pages = Pages(browser, service)
        page = await ready(await pages.open(WORKSPACE))
        times: list[list[float]] = [[], [], [], []]
        for turn in range(ROUNDS):
            bar("rounds", turn, ROUNDS)
            times[0].append(await _open(page, f"{WORKSPACE}?campaign={CAMPAIGNS}"))
            times[1].append(await _edit(page))
            times[2].append(await _open(page, WORKSPACE))
            times[3].append(await _edit(page))
        bar("rounds", ROUNDS, ROUNDS)
        await pages.close()
        await browser.close()
    return times


async def _open(page: Page, address: str) -> float:
    """Seconds from a link until the tree can be used."""
    began = monotonic()
    await page.goto(address)
    await ready(page)
    return monotonic() - began


async def _edit(page: Page) -> float:
    """Seconds from a click on a switch to the server's answer."""
    switch = row(page, "Group number 0 of the city").get_by_role("switch").first
    began = monotonic()
    async with page.expect_response(lambda one: one.request.method == "POST") as said:
        await switch.click()
    answer = await said.value
    taken = monotonic() - began
    assert answer.ok, await answer.text()
    await expect(toast(page)).to_contain_text("visibility")
    return taken
