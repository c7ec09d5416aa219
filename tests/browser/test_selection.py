"""Many entries at once: by mouse, by keyboard and by touch, and what rows say."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    WORKSPACE,
    becomes,
    drag,
    looks,
    ready,
    row,
    switch,
    toast,
)
from tests.browser.conftest import PHONE, overflow, severe
from tests.browser.test_accessibility import SMALL, TARGET

pytestmark = pytest.mark.usefixtures("demo")

INSIDE = ["ATM Milano", "ATAF Firenze"]
TOUCH = {"size": PHONE, "has_touch": True, "is_mobile": True}


def box(page, name):
    return row(page, name).locator(".wb-checkbox")


def bar(page):
    return page.locator("#selection")


async def selected(page) -> list[str]:
    """Return the names of the rows that look selected."""
    titles = page.locator("#tree .wb-row.wb-selected .wb-title")
    return sorted(await titles.all_inner_texts())


async def act(page, action, *choice) -> None:
    await bar(page).get_by_role("button", name=action, exact=True).click()
    for name in choice:
        await page.get_by_role("menuitem", name=name, exact=True).click()


async def test_many_are_chosen_and_hidden_at_once(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await expect(bar(page)).to_be_hidden()
    await box(page, "Mobile Ticketing").click()
    await expect(bar(page)).to_contain_text("1 selected")
    await page.get_by_role("button", name="Also the 2 inside").click()
    await expect(bar(page)).to_contain_text("3 selected")
    await row(page, "Liam").locator(".wb-title").click(modifiers=["Control"])
    await becomes(lambda: selected(page), sorted([*INSIDE, "Liam", "Mobile Ticketing"]))
    await expect(page.locator("#tree [aria-selected=true]")).to_have_count(4)
    assert await severe(page) == []

    await act(page, "Hide", "Mobile and web")
    await expect(toast(page)).to_contain_text("Changed 4 items")
    await becomes(
        lambda: demo.read(
            "sorted(b.name for b in Buddy.objects.all() if b.is_published)"
        ),
        sorted([*DEMO[:3]]),
    )
    await expect(bar(page)).to_contain_text("4 selected")  # for the next action
    await act(page, "Show", "Web")
    await expect(switch(page, "Web", "ATM Milano")).to_be_checked()
    await expect(switch(page, "Mobile", "ATM Milano")).not_to_be_checked()

    await page.get_by_role("button", name="Deselect all").click()
    await expect(bar(page)).to_be_hidden()
    await becomes(lambda: selected(page), [])


async def test_shift_selects_a_range_which_is_moved_and_undone(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await box(page, DEMO[1]).click()
    await row(page, "Fibra Fastweb").locator(".wb-title").click(modifiers=["Shift"])
    await expect(page.locator("#panel .editor")).to_have_count(0)  # it is not opened
    await becomes(lambda: selected(page), [DEMO[1], "Fibra Fastweb"])

    await act(page, "Move")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Move 2 items to")
    await dialog.get_by_role("button", name="Mobile Ticketing", exact=True).click()
    moved = [DEMO[0], *DEMO[3:6], f"  {DEMO[1]}", f"  {DEMO[2]}", "Liam"]
    await looks(page, moved)
    await becomes(demo.outline, moved)
    await becomes(lambda: selected(page), [DEMO[1], "Fibra Fastweb"])

    await toast(page).get_by_role("button", name="Undo").click()
    await looks(page, DEMO)
    await becomes(lambda: selected(page), [DEMO[1], "Fibra Fastweb"])


async def test_many_are_duplicated_and_deleted_after_a_question(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    for name in ("Liam", "Mobile Ticketing", "ATM Milano"):
        await box(page, name).click()
    await act(page, "Duplicate")
    copies = [*DEMO[3:6], "Mobile Ticketing", "Liam", "Liam"]
    await looks(page, [*DEMO[:3], *copies])

    await page.get_by_role("button", name="Also the 1 inside").click()
    await act(page, "Delete")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Delete 2 items?")
    await expect(dialog).to_contain_text("2 items inside will be deleted too.")
    await dialog.get_by_role("button", name="Delete").click()
    await looks(page, [*DEMO[:3], "Mobile Ticketing", "Liam"])
    await expect(bar(page)).to_be_hidden()
    assert demo.read("Buddy.objects.filter(mobile_is_published=True).count()") == 2


async def test_a_schedule_is_set_for_many(pages, demo):
    pages.forgiven.append("400")
    page = await ready(await pages.open(WORKSPACE))
    for name in ("Liam", "Fibra Fastweb"):
        await box(page, name).click()
    await act(page, "Schedule")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Visible from").fill("2040-12-24T09:00")
    await dialog.get_by_label("Visible until").fill("2030-12-24T09:00")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("must be later")
    assert await severe(page) == []

    await dialog.get_by_label("Visible until").fill("2041-01-06T09:00")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    for name in ("Liam", "Fibra Fastweb"):
        await expect(row(page, name)).to_contain_text("from 24 Dec 2040")
    await expect(toast(page)).to_contain_text("Changed 2 items")

    await box(page, "Liam").click()
    await act(page, "Schedule")
    await expect(dialog.get_by_label("Visible from")).to_have_value("2040-12-24T09:00")
    await dialog.get_by_role("button", name="Always visible").click()
    await expect(row(page, "Fibra Fastweb")).not_to_contain_text("2040")
    assert demo.read("one('Liam').visible_from.year") == 2040


async def test_the_keyboard_selects_and_acts_on_all_of_it(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    tree = page.locator("#tree")
    await tree.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("Control+Space")
    await becomes(lambda: selected(page), [DEMO[0]])
    await page.keyboard.press("Shift+ArrowDown")
    await becomes(lambda: selected(page), sorted(DEMO[:2]))
    await page.keyboard.press("Shift+Space")
    await expect(toast(page)).to_contain_text("Changed 2 items")
    for name in DEMO[:2]:
        await expect(switch(page, "Web", name)).not_to_be_checked()

    await page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Delete 2 items?")
    await page.keyboard.press("Escape")
    await tree.focus()
    await page.keyboard.press("Control+a")
    await expect(bar(page)).to_contain_text("7 selected")
    await page.keyboard.press("Escape")
    await expect(bar(page)).to_be_hidden()
    assert demo.outline() == DEMO


async def test_a_selection_is_dragged_together(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    for name in (DEMO[0], "Liam"):
        await box(page, name).click()

    await drag(page, "Liam", "Mobile Ticketing", "after")

    # Right under the header of an open group is its first place.
    first = [*DEMO[1:4], f"  {DEMO[0]}", "  Liam", *DEMO[4:6]]
    await looks(page, first)
    await becomes(demo.outline, first)


async def test_rows_say_what_a_hidden_group_hides_and_how_many_are_shown(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    group, inside = row(page, "Mobile Ticketing"), row(page, "ATM Milano")
    await expect(group).to_contain_text("2 of 2 shown")
    await expect(inside).not_to_have_class(re.compile("dimmed"))

    await switch(page, "Mobile", "ATAF Firenze").click()
    await expect(group).to_contain_text("1 of 2 shown")
    await switch(page, "Mobile", "Mobile Ticketing").click()
    await expect(inside).to_have_class(re.compile("dimmed"))
    words = re.compile("its group is hidden")
    await expect(inside).to_have_attribute("aria-description", words)
    warned = row(page, "Fibra Fastweb")
    await expect(warned).to_have_attribute("aria-description", re.compile("&amp;"))


async def touch(page, *points, hold=False) -> None:
    """Put a finger down, move it over more points, and lift it."""
    device = await page.context.new_cdp_session(page)

    async def send(kind, *at):
        found = [{"x": x, "y": y} for x, y in at]
        event = {"type": kind, "touchPoints": found}
        await device.send("Input.dispatchTouchEvent", event)

    await send("touchStart", points[0])
    if hold:
        await expect(page.locator(".held")).to_be_visible()
    for point in points[1:]:
        await send("touchMove", point)
    await send("touchEnd")


async def middle(page, name, part=0.5):
    title = row(page, name).locator(".wb-title")
    await title.scroll_into_view_if_needed()
    found = await title.bounding_box()
    return found["x"] + 12, found["y"] + found["height"] * part


async def test_a_finger_selects_and_moves(pages, demo):
    page = await ready(await pages.open(WORKSPACE, **TOUCH))
    await page.locator("#tree").evaluate("tree => tree.scrollIntoView()")
    await touch(page, await middle(page, "Liam"), hold=True)
    await expect(bar(page)).to_contain_text("1 selected")
    await row(page, "Fibra Fastweb").locator(".wb-title").tap()  # selects, too
    await expect(bar(page)).to_contain_text("2 selected")
    await expect(page.locator(".held")).to_have_count(0)
    assert await overflow(page) == 0
    assert await page.evaluate(SMALL, TARGET) == []
    assert await severe(page) == []

    start = await middle(page, "Liam")
    end = await middle(page, "ATM Milano", 0.1)
    await touch(page, start, (end[0], end[1] + 20), end, hold=True)
    moved = [*DEMO[:2], DEMO[3], "  Fibra Fastweb", "  Liam", *DEMO[4:6]]
    await looks(page, moved)
    await becomes(demo.outline, moved)

    await page.get_by_role("button", name="Deselect all").tap()
    await expect(bar(page)).to_be_hidden()
    await row(page, "Liam").locator(".wb-title").tap()
    await expect(page.locator("#panel .editor")).to_be_visible()


async def test_a_finger_that_moves_at_once_scrolls(pages, demo):
    page = await ready(await pages.open(WORKSPACE, **TOUCH))
    x, y = await middle(page, "Liam")
    await touch(page, (x, y), *((x, y - step) for step in (15, 60, 120)))
    await expect(page.locator(".held")).to_have_count(0)
    await expect(bar(page)).to_be_hidden()
    assert demo.outline() == DEMO
