"""Every page of the back office: axe, touch targets and hostile texts."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    LIST,
    REACH,
    VERSIONS,
    WORKSPACE,
    menu,
    preview_import,
    ready,
    row,
    screens,
    switch,
    toast,
)
from tests.browser.conftest import PHONE, overflow, severe, typefaces

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]

TARGET = 44  # px

# Controls too small for a finger: the box is smaller, and so is the area that reacts.
# A link in a sentence may be as small as its line (WCAG 2.5.8).
SMALL = """(least) => {
    const CONTROLS = `main :is(a[href], button, summary, select, textarea,
        input:not([type=hidden]), [role=tab], [role=switch])`;
    const answers = (one, x, y) => {
        const hit = document.elementFromPoint(x, y);
        return one.contains(hit) || hit?.closest("label")?.control === one;
    };
    const isLarge = (one) => {
        one.scrollIntoView({block: "center"});
        const isTick = one.matches("[type=checkbox], [type=radio]");
        const box = (isTick && one.closest("label")) || one;
        const {left, top, width, height} = box.getBoundingClientRect();
        const [x, y] = [left + width / 2, top + height / 2];
        // Two pixels less, for the line between two rows.
        const sides = [2 - least / 2, least / 2 - 2];
        return (height >= least || sides.every((far) => answers(one, x, y + far)))
            && (width >= least || sides.every((far) => answers(one, x + far, y)));
    };
    const isInSentence = (one) => one.matches("p a:not(.button), .help a");
    return [...document.querySelectorAll(CONTROLS)]
        .filter((one) => one.checkVisibility({visibilityProperty: true}))
        .filter((one) => one.getBoundingClientRect().width > 1)
        .filter((one) => !isInSentence(one) && !isLarge(one))
        .map((one) => one.outerHTML.slice(0, 160));
}"""

DOCUMENT = """{"items": [{"address": "new", "type": "channel",
    "mobileIsPublished": true, "webIsPublished": true, "info": {"name": "%s"}}]}"""


async def each(page, paths):
    """Go to each page; yield its address."""
    for path in paths:
        await page.goto(path)
        if path == WORKSPACE:
            await ready(page)
        yield path
    await preview_import(page, DOCUMENT % "New")
    yield "preview of an import"


async def test_axe_finds_nothing_severe_on_any_page(pages, demo):
    await nothing_severe_on_any_page(pages, demo, "light")


async def test_all_pages_have_one_typeface(pages, demo):
    page = await pages.open("/healthz")

    found = {p: await typefaces(page) async for p in each(page, screens(demo))}

    assert {path: what for path, what in found.items() if what} == {}


async def nothing_severe_on_any_page(pages, demo, theme):
    paths = [*screens(demo), REACH]
    page = await pages.open("/healthz", theme=theme)

    found = {path: await severe(page) async for path in each(page, paths)}

    assert {path: what for path, what in found.items() if what} == {}


async def test_axe_finds_nothing_severe_in_what_opens(pages, demo):
    await nothing_severe_in_what_opens(pages, demo, "dark")


async def nothing_severe_in_what_opens(pages, demo, theme):
    paths = [*screens(demo), REACH]
    page = await ready(await pages.open(WORKSPACE, theme=theme))
    found = {}

    for tab in ("Webchat", "Changes", "Phone"):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
        found[tab] = await severe(page)
    await page.locator("#panel").get_by_role("button", name="Liam").click()
    found["chat"] = await severe(page)
    await row(page, "Liam").locator("button.more").click()
    await expect(page.get_by_role("menu")).to_be_visible()
    found["menu"] = await severe(page)
    await page.get_by_role("menuitem", name="Move to …").click()
    found["places"] = await severe(page)
    await page.keyboard.press("Escape")
    await menu(page, "Liam", "Delete …")
    await expect(page.get_by_role("dialog")).to_be_visible()
    found["deletion"] = await severe(page)
    await page.keyboard.press("Escape")
    await switch(page, "Mobile", "Fibra Fastweb").click()
    await expect(toast(page)).to_contain_text("Changed the visibility")
    found["toast"] = await severe(page)
    await page.get_by_role("searchbox", name="Search channels").fill("li")
    await expect(page.locator("#tree mark").first).to_be_visible()
    found["search"] = await severe(page)
    await page.goto(next(path for path in paths if path.endswith("/change/")))
    for tab in ("Where it appears", "Schedule", "Technical"):
        await page.get_by_role("tab", name=tab).click()
        found[tab] = await severe(page)
    await page.goto(LIST)
    await page.get_by_role("button", name="Cut “Liam”").click()
    await expect(page.locator(".cut")).to_be_visible()
    found["cut"] = await severe(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".cut")).to_have_count(0)

    assert {name: what for name, what in found.items() if what} == {}


async def test_nothing_overflows_a_phone_or_is_too_small(pages, demo):
    paths = [*screens(demo), REACH]
    demo("edits.change([one('Liam')], 'admin', status='can be undone')")
    page = await pages.open("/healthz", size=PHONE, has_touch=True)

    found = {
        path: [await overflow(page), *await page.evaluate(SMALL, TARGET)]
        async for path in each(page, paths)
    }

    assert {path: what for path, what in found.items() if what != [0]} == {}


async def test_a_small_target_is_found(pages):
    page = await pages.open(VERSIONS, size=PHONE, has_touch=True)

    await page.evaluate(
        "() => { const one = document.createElement('button'); one.textContent = 'x';"
        " document.querySelector('main').prepend(one); }"
    )

    assert "<button>x</button>" in await page.evaluate(SMALL, TARGET)


# --- Hostile texts -----------------------------------------------------------

HOSTILE = "<img src=x onerror=alert(1)>"
FLAGS = {"mobileIsPublished": True, "webIsPublished": True}
TEXTS = {"name": HOSTILE, "status": HOSTILE, "imageUrl": HOSTILE, "thumbUrl": HOSTILE}
SEED = {
    "items": [
        {
            "address": "a group",
            "type": "group",
            **FLAGS,
            "info": {**TEXTS, "name": f"{HOSTILE} group"},
            "items": [
                {
                    "address": HOSTILE,
                    "type": "channel",
                    **FLAGS,
                    "info": {**TEXTS, "defaultMessage": HOSTILE},
                }
            ],
        }
    ]
}


@pytest.fixture
def hostile(demo):
    demo(f"load({json.dumps(SEED)!r})")
    return demo


async def harmless(page) -> None:
    """Check that the text is shown and made no element."""
    await expect(page.get_by_text(HOSTILE).first).to_be_attached()
    await expect(page.locator("img[src=x], [onerror]")).to_have_count(0)


async def test_hostile_texts_are_escaped_in_the_workspace(pages, hostile):
    paths = screens(hostile, HOSTILE, HOSTILE)
    page = await ready(await pages.open(WORKSPACE))
    page.on("dialog", lambda dialog: pages.complaints.append(dialog.message))

    await expect(row(page, HOSTILE)).to_be_visible()
    await harmless(page)
    await page.get_by_role("searchbox", name="Search channels").fill("img src")
    await expect(page.locator("#tree mark").first).to_have_text("img")
    await harmless(page)
    for tab, device in (("Webchat", ".webchat"), ("Phone", ".phone")):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.locator(f"#panel .device{device}")).to_contain_text(HOSTILE)
        await harmless(page)
    await page.locator("#panel .chat.channel button").first.click()
    await expect(page.get_by_label("First message")).to_have_value(HOSTILE)
    await harmless(page)
    for item in ("Move to …", "Delete …"):
        await menu(page, HOSTILE, item)
        await expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
        await harmless(page)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
    await switch(page, "Mobile", HOSTILE).click()
    await expect(toast(page)).to_contain_text(HOSTILE)
    await expect(page.locator("#undo")).to_contain_text(HOSTILE)
    await harmless(page)
    (campaign,) = (path for path in paths if path.startswith(f"{WORKSPACE}?"))
    await page.goto(campaign)
    await ready(page)
    await expect(page.locator("#headline")).to_contain_text(HOSTILE)
    await page.get_by_role("tab", name="Changes").click()
    await expect(page.locator("#panel")).to_contain_text(HOSTILE)
    await harmless(page)


async def test_hostile_texts_are_escaped_on_every_other_page(pages, hostile):
    paths = screens(hostile, HOSTILE, HOSTILE)[1:]
    page = await pages.open("/healthz")
    page.on("dialog", lambda dialog: pages.complaints.append(dialog.message))

    for path in paths:
        await page.goto(path)
        await expect(page.locator("img[src=x], [onerror]")).to_have_count(0)
        if not path.endswith(("/add/", "/transfer/")):
            await expect(page.locator("main")).to_contain_text(HOSTILE)
    await page.goto(LIST)
    await page.get_by_role("button", name=f"Cut “{HOSTILE}”").click()
    await expect(page.locator(".cut")).to_contain_text(HOSTILE)
    await harmless(page)
    await page.get_by_role("button", name="Cancel").click()
    await preview_import(page, DOCUMENT % HOSTILE)
    await harmless(page)
