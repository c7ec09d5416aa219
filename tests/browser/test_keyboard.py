"""The workspace by keyboard alone."""

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    WORKSPACE,
    becomes,
    looks,
    ready,
    row,
    switch,
    toast,
)
from tests.browser.conftest import severe
from tests.browser.reading import BOT, on_tree, walk

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]


ACTIVE = """(grid) => {
    const row = document.getElementById(grid.getAttribute("aria-activedescendant"));
    const isSelected = row?.ariaSelected === "true";
    return isSelected ? row.querySelector(".wb-title").textContent : "";
}"""


async def active(page) -> str:
    """Return the name of the active row, as the grid tells screen readers."""
    found: str = await page.locator("#tree").evaluate(ACTIVE)
    return found


async def test_the_tree_is_a_treegrid_to_a_screen_reader(pages):
    page = await ready(await pages.open(WORKSPACE))

    grid = page.get_by_role("treegrid", name="Groups and channels")

    heads = await grid.get_by_role("columnheader").all_inner_texts()
    assert [head.strip() for head in heads[:4]] == [
        "Name",
        "Status text",
        "Mobile",
        "Web",
    ]
    await expect(grid.get_by_role("columnheader", name="Actions")).to_have_count(1)
    group = grid.get_by_role("row", name="Mobile Ticketing").first
    await expect(group).to_have_attribute("aria-level", "1")
    await expect(group).to_have_attribute("aria-expanded", "true")
    await expect(group.get_by_role("gridcell")).to_have_count(5)
    inside = grid.get_by_role("row", name="ATM Milano")
    await expect(inside).to_have_attribute("aria-level", "2")
    await expect(inside).not_to_have_attribute("aria-expanded", "true")
    assert await inside.get_attribute("aria-expanded") is None
    on = grid.get_by_role("switch", name="Mobile: ATM Milano", checked=True)
    await expect(on).to_have_count(1)
    off = grid.get_by_role("switch", name="Web: ATM Milano", checked=False)
    await expect(off).to_have_count(1)
    await expect(
        grid.get_by_role("button", name="Actions: ATM Milano")
    ).to_have_attribute("aria-haspopup", "menu")


async def test_arrows_navigate_expand_and_collapse(pages):
    page = await ready(await pages.open(WORKSPACE))

    await on_tree(page)
    for name in DEMO[:4]:
        await walk(page, "ArrowDown")
        await becomes(lambda: active(page), name)
    group = row(page, "Mobile Ticketing")
    await expect(group).to_have_attribute("aria-selected", "true")
    await expect(page.locator("#tree [aria-selected=true]")).to_have_count(1)

    await walk(page, "ArrowLeft")
    await expect(group).to_have_attribute("aria-expanded", "false")
    await looks(page, [*DEMO[:4], "Liam"])

    await walk(page, "ArrowRight")
    await expect(group).to_have_attribute("aria-expanded", "true")
    await looks(page, DEMO)
    await walk(page, "ArrowRight")
    await becomes(lambda: active(page), "ATM Milano")
    await walk(page, "ArrowUp")
    await becomes(lambda: active(page), "Mobile Ticketing")
    await walk(page, "End")
    await becomes(lambda: active(page), "Liam")
    await walk(page, "Control+Home")
    await becomes(lambda: active(page), BOT)
    await walk(page, "Control+End")
    await becomes(lambda: active(page), "Liam")
    await walk(page, "Home")
    await becomes(lambda: active(page), BOT)


async def test_alt_and_arrows_move_in_all_four_directions(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End")
    await becomes(lambda: active(page), "Liam")

    async def moved(key, wanted):
        await walk(page, key)
        await looks(page, wanted)
        await becomes(lambda: active(page), "Liam")
        await becomes(demo.outline, wanted)

    await moved("Alt+ArrowRight", [*DEMO[:6], "  Liam"])
    await moved("Alt+ArrowUp", [*DEMO[:5], "  Liam", "  ATAF Firenze"])
    await moved("Alt+ArrowDown", [*DEMO[:6], "  Liam"])
    await moved("Alt+ArrowLeft", DEMO)
    await moved("Alt+ArrowUp", [*DEMO[:3], "Liam", *DEMO[3:6]])


async def test_several_moves_in_a_row_are_all_done(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End")

    await walk(page, *["Alt+ArrowUp"] * 4)

    wanted = ["Liam", *DEMO[:6]]
    await looks(page, wanted)
    await becomes(demo.outline, wanted)


async def test_space_switches_and_enter_edits(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End")

    await walk(page, "Space")
    await expect(switch(page, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "false"
    )
    await walk(page, "Shift+Space")
    await expect(switch(page, "Web", "Liam")).to_have_attribute("aria-checked", "true")
    flags = "[one('Liam').mobile_is_published, one('Liam').web_is_published]"
    assert demo.read(flags) == [False, True]

    await walk(page, "Enter")

    name = page.locator("#panel").get_by_label("Name")
    await expect(name).to_be_focused()
    await page.keyboard.type("Liam the monk")
    await page.keyboard.press("Enter")
    await looks(page, [*DEMO[:6], "Liam the monk"])
    await page.keyboard.press("Escape")
    await expect(name).to_have_count(0)
    await expect(page.locator("#tree")).to_be_focused()


async def test_f2_renames_in_the_row_and_escape_does_not(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End", "F2")
    name = page.locator("#tree").get_by_label("Name")
    await expect(name).to_be_focused()
    await page.keyboard.type("Nobody")
    await page.keyboard.press("Escape")
    await looks(page, DEMO)

    await walk(page, "F2")
    await page.keyboard.type("Liam the monk")
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text("Edited “Liam the monk”")
    await looks(page, [*DEMO[:6], "Liam the monk"])
    assert demo.outline() == [*DEMO[:6], "Liam the monk"]


async def test_the_menu_works_by_keyboard(pages):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End")
    item = page.get_by_role("menuitem")

    await walk(page, "Shift+F10")

    await expect(page.get_by_role("menu")).to_be_visible()
    assert await item.all_inner_texts() == [
        "Edit",
        "Rename",
        "Move to …",
        "Schedule …",
        "Duplicate with contents",
        "Hide everywhere",
        "Link and QR code",
        "All settings",
        "History",
        "Select",
        "Delete …",
    ]
    await expect(item.first).to_be_focused()
    await walk(page, "ArrowDown")
    await expect(item.nth(1)).to_be_focused()
    await walk(page, "ArrowUp", "ArrowUp")
    await expect(item.last).to_be_focused()
    await walk(page, "ArrowDown")
    await expect(item.first).to_be_focused()
    await walk(page, "End")
    await expect(item.last).to_be_focused()

    await walk(page, "Escape")

    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(page.locator("#tree")).to_be_focused()
    await becomes(lambda: active(page), "Liam")


async def test_delete_asks_and_escape_cancels(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End", "Delete")
    dialog = page.get_by_role("dialog", name="Delete “Liam”?")
    await expect(dialog).to_contain_text("Apps show it now; it will disappear.")

    await walk(page, "Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#tree")).to_be_focused()
    assert demo.outline() == DEMO

    await walk(page, "Delete")
    await expect(dialog.get_by_role("button", name="Delete")).to_be_focused()
    await walk(page, "Enter")
    await looks(page, DEMO[:6])
    assert demo.outline() == DEMO[:6]


async def test_the_menu_opens_the_link_and_its_code(pages):
    page = await pages.open("/healthz", theme="dark")
    # As on a page without HTTPS, where a browser offers no clipboard.
    await page.add_init_script("delete Navigator.prototype.clipboard")
    await page.goto(WORKSPACE)
    await ready(page)
    await on_tree(page, "End", "Shift+F10")
    await walk(page, *["ArrowUp"] * 5)
    await expect(page.get_by_role("menuitem", name="Link")).to_be_focused()

    await walk(page, "Enter")

    dialog = page.get_by_role("dialog", name="Link and QR code of “Liam”")
    link = dialog.get_by_label("Link for XMPP apps").and_(dialog.locator("input"))
    await expect(link).to_have_value("xmpp:liam@localhost?message;thread=liam")
    await expect(link).not_to_be_editable()
    code = dialog.get_by_role("img", name="QR code of the link")
    await becomes(lambda: code.evaluate("(image) => image.naturalWidth > 0"), True)
    assert await severe(page) == []

    copy = dialog.get_by_role("button", name="Copy: Link for XMPP apps")
    await expect(copy).to_be_focused()
    await walk(page, "Enter")
    await expect(dialog.get_by_role("status").first).to_have_text("Copied")
    async with page.expect_download() as download:
        await dialog.get_by_role("link", name="Download PNG").press("Enter")
    assert (await download.value).suggested_filename == "Liam.png"

    await walk(page, "Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#tree")).to_be_focused()


async def test_arrows_switch_tabs(pages):
    page = await ready(await pages.open(WORKSPACE))
    await page.get_by_role("tab", name="Phone").focus()

    for name, what in (("Webchat", ".webchat"), ("Changes", ".blank")):
        await walk(page, "ArrowRight")
        tab = page.get_by_role("tab", name=name)
        await expect(tab).to_be_focused()
        await expect(tab).to_have_attribute("aria-selected", "true")
        await expect(
            page.get_by_role("tabpanel", name=name).locator(what)
        ).to_be_visible()
    await walk(page, "ArrowRight")
    await expect(page.get_by_role("tab", name="Phone")).to_be_focused()
