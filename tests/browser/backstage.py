"""Helpers of the page tests: a shell of the service, and how to read pages."""

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Error, Locator, Page, expect

from tests.golden import DOCUMENTS
from tests.service import Service

# The machine may be busy; no test waits longer than it has to.
expect.set_options(timeout=30_000)

WORKSPACE = "/admin/buddies/buddy/channels/"
CAMPAIGNS = f"{WORKSPACE}campaigns/"
LIST = "/admin/buddies/buddy/"
HOME = f"{LIST}home/"
VERSIONS = "/admin/buddies/release/"
REACH = f"{VERSIONS}reach/"
TRANSFER = "/admin/buddies/buddy/transfer/"

DEMO = [
    "bot-for-test-all-possibilities-facebook",
    "Bot for Test: All possibilities",
    "Fibra Fastweb",
    "Mobile Ticketing",
    "  ATM Milano",
    "  ATAF Firenze",
    "Liam",
]

BEGIN = f"""
import json
from datetime import datetime, timedelta
from pathlib import Path
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone
from buddies.document import build, parse
from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.publishing import applying, releases
from buddies.publishing.review import review
from buddies.publishing.live import live_release
from buddies.tree import edits, history, whole_tree
from buddies.models import Answerer, Buddy, Campaign, HistoricalBuddy, Release, Tree
def one(name):
    return Buddy.objects.get(name=name)
def campaign(title, by, entry, **fields):
    made = making.make(by, title)
    CampaignEdits(made.pk).change([one(entry)], by, **fields)
    return Campaign.objects.get(pk=made.pk)
def publish(made, by):
    applying.publish(made.pk, by, review(made).digest)
def plan(made, by):
    soon = timezone.now() + timedelta(days=1)
    applying.plan(made.pk, by, review(made).digest, soon)
def load(*texts):
    Campaign.objects.all().delete()
    Tree.objects.update(refused="")
    HistoricalBuddy.objects.all().delete()
    named = [(str(n), parse.loads(text)) for n, text in enumerate(texts)]
    whole_tree.load(named, "command line", replace=True)
    # What the test before had is not in the trash.
    HistoricalBuddy.objects.filter(history_type=history.DELETED).delete()
    releases.sync()
def state():
    tree = Tree.objects.values_list("version", "refused").get()
    newest = Release.objects.values_list("number", flat=True).first()
    return tree, newest, Campaign.objects.count(), HistoricalBuddy.objects.count()
def is_live():
    return not releases.is_behind() and bool(live_release().live_at)
after_reset = None
def demo():
    # Forms that were saved have asked who answers.
    Answerer.objects.all().delete()
    # Nothing to do when nothing has changed since the last time.
    global after_reset
    if state() == after_reset:
        return
    load(*(Path(one).read_text() for one in {[str(path) for path in DOCUMENTS]!r}))
    after_reset = state()
def outline():
    def below(items, depth):
        for item in items:
            yield "  " * depth + item["info"]["name"]
            yield from below(item.get("items", ()), depth + 1)
    return list(below(build.whole(Buddy.objects.all())["items"], 0))
"""


class Backstage:
    """A persistent shell of a service, with the names of BEGIN.

    Called with code, it returns what that printed.
    """

    def __init__(self, service: Service) -> None:
        self._shell = service.open_shell
        self(BEGIN)

    def __call__(self, code: str) -> str:
        return self._shell(code, keep=True)

    def read(self, expression: str) -> Any:
        """Return the value of an expression, through JSON."""
        return json.loads(self(f"print(json.dumps({expression}))"))

    def outline(self) -> list[str]:
        """Return the stored tree: a name for each entry, two spaces for each level."""
        found: list[str] = self.read("outline()")
        return found


async def becomes(read: Callable[[], Any], wanted: Any, seconds: float = 30) -> None:
    """Wait until ``read()``, sync or async, returns ``wanted``; else show both."""
    end = time.monotonic() + seconds
    found: object = object()  # so that None is awaited, too
    while found != wanted and time.monotonic() < end:
        try:
            found = read()
            if isinstance(found, Awaitable):
                found = await found
        except Error:  # the next page is loading
            continue
    assert found == wanted, f"{found} instead of {wanted}"


# --- The workspace -----------------------------------------------------------

OUTLINE = """rows => rows
    .filter((row) => row.ariaLevel > 0)
    .map((row) => [row.getBoundingClientRect().top, row])
    .sort(([one], [other]) => one - other)
    .map(([, row]) => "  ".repeat(row.ariaLevel - 1) +
        row.querySelector(".wb-title").textContent)"""


async def ready(page: Page) -> Page:
    """Wait until the workspace can be used."""
    await expect(page.locator("body[data-ready]")).to_be_attached()
    return page


def row(page: Page, name: str) -> Locator:
    """Return the row of the entry with this name in the workspace's tree."""
    title = page.locator(".wb-title", has_text=re.compile(f"^{re.escape(name)}$"))
    return page.locator("#tree .wb-node-list .wb-row").filter(has=title)


def switch(page: Page, flag: str, name: str) -> Locator:
    return page.get_by_role("switch", name=f"{flag}: {name}", exact=True)


@asynccontextmanager
async def click_during_poll(page: Page, control: Locator) -> AsyncIterator[None]:
    """Click a control; press it before the block, release it once the page knows."""
    await control.hover()
    await page.mouse.down()
    is_state = re.compile(r"/state/")
    async with page.expect_response(
        lambda one: one.status == 200 and is_state.search(one.url)
    ):
        yield
    # The next poll begins when what the previous one told is drawn.
    async with page.expect_response(is_state):
        pass
    await page.mouse.up()


async def shown(page: Page) -> list[str]:
    """Return the displayed tree, from top to bottom."""
    rows = page.locator("#tree .wb-node-list .wb-row")
    found: list[str] = await rows.evaluate_all(OUTLINE)
    return found


async def looks(page: Page, wanted: list[str]) -> None:
    """Wait until the displayed tree is ``wanted``."""
    await becomes(lambda: shown(page), wanted)


async def drag(page: Page, name: str, target: str, where: str = "over") -> None:
    """Drag a row with the mouse: ``before``, ``after`` or ``over`` another one."""
    start = await row(page, name).locator(".wb-title").bounding_box()
    end = await row(page, target).locator(".wb-title").bounding_box()
    assert start
    assert end
    x = end["x"] + 20
    y = end["y"] + end["height"] * {"before": 0.1, "over": 0.5, "after": 0.9}[where]
    await page.mouse.move(start["x"] + 20, start["y"] + start["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(x + 5, y, steps=5)
    # Keep moving until the row marks the drop position.
    sign = row(page, target).and_(page.locator(f".wb-drop-{where}"))

    async def seen() -> int:
        await page.mouse.move(x, y)
        await page.mouse.move(x + 5, y)
        return await sign.count()

    await becomes(seen, 1)
    await page.mouse.up()


async def menu(page: Page, name: str, item: str) -> None:
    """Choose an item from the menu of an entry."""
    await row(page, name).locator("button.more").click()
    await page.get_by_role("menuitem", name=item, exact=True).click()


def toast(page: Page) -> Locator:
    return page.locator("#toast.shown")


# --- The document, as a client reads it --------------------------------------


def items(text: str) -> dict[str, Any]:
    """Return each item of a document by its name."""
    found: dict[str, Any] = {}
    waiting = list(json.loads(text)["items"])
    while waiting:
        item = waiting.pop()
        found[item["info"]["name"]] = item
        waiting += item.get("items", ())
    return found


def names(text: str) -> list[str]:
    """A document as an outline."""

    def below(inside: Any, depth: int) -> Any:
        for item in inside:
            yield "  " * depth + item["info"]["name"]
            yield from below(item.get("items", ()), depth + 1)

    return list(below(json.loads(text)["items"], 0))


# --- Every screen ------------------------------------------------------------

BUSY = """
edits.change([one({name!r})], "admin", status={text!r})
releases.sync()
shown = {{"status": {text!r} + "!", "web_is_published": True}}
publish(campaign({text!r}, "admin", {name!r}, **shown), "admin")
saldi = campaign({text!r}, "admin", {name!r}, status={text!r} + "?")
plan(saldi, "admin")
edits.change([one({name!r})], "admin", status={text!r} + "…")
edits.remove(edits.duplicate([one({name!r})], "admin"), "admin")
edits.move([one({name!r})], "admin", None, "first")
releases.sync()
"""


def screens(backstage: Backstage, name: str = "Liam", text: str = "Out") -> list[str]:
    """Fill each page of the back office; return the pages' paths.

    This makes an edited entry ``name``, and two campaigns ``text``: one that was
    published, and one with a decision. The workspace is the first page.
    """
    backstage(BUSY.format(name=name, text=text))
    key = backstage.read(f"one({name!r}).pk")
    newest, older = backstage.read("[r.number for r in Release.objects.all()[:2]]")
    number = backstage.read("saldi.pk")
    own = f"{CAMPAIGNS}{number}/"
    return [
        WORKSPACE,
        HOME,
        f"{LIST}trash/",
        LIST,
        f"{LIST}add/",
        f"{LIST}{key}/change/",
        f"{LIST}{key}/history/",
        f"{LIST}{key}/delete/",
        TRANSFER,
        VERSIONS,
        f"{WORKSPACE}?campaign={number}",
        f"{LIST}{key}/change/?campaign={number}",
        f"{LIST}{key}/history/?campaign={number}",
        CAMPAIGNS,
        own,
        f"{own}review/",
        f"{own}decisions/",
        f"{VERSIONS}{newest}/change/",
        f"{VERSIONS}{newest}/compare/?with={older}",
        f"{VERSIONS}{older}/again/",
    ]


async def preview_import(page: Page, text: str) -> None:
    """Open the preview of importing a pasted document."""
    await page.goto(TRANSFER)
    form = page.locator("form", has=page.locator("[name=what][value=document]"))
    await form.locator("textarea").fill(text)
    await form.locator("button").click()
    await page.wait_for_url("**/transfer/preview/")
