"""Two browsers at once: no user overwrites another's edits."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    LIST,
    WORKSPACE,
    becomes,
    drag,
    looks,
    menu,
    ready,
    row,
    switch,
    toast,
)

pytestmark = pytest.mark.usefixtures("demo")

AGO = "just now"


async def stop_polling(page) -> None:
    """Stop the page from learning about changes by itself."""
    await page.route("**/channels/state/", lambda route: route.fulfill(status=304))


@pytest_asyncio.fixture(loop_scope="session")
async def two(pages):
    """anna's workspace and piero's; piero's does not learn what anna does."""
    pages.forgiven.append("409")
    anna = await ready(await pages.open(WORKSPACE, user="anna"))
    piero = await ready(await pages.open(WORKSPACE, user="piero"))
    await stop_polling(piero)
    return anna, piero


async def press_switch(page, flag, name, on) -> None:
    """Press a switch, and wait until the server has it."""
    assert await switch(page, flag, name).get_attribute("aria-checked") != on
    await switch(page, flag, name).click()
    await expect(switch(page, flag, name)).to_have_attribute("aria-checked", on)
    await expect(toast(page)).to_contain_text(f"Changed the visibility of “{name}”")


FLAGS = "[one('Liam').mobile_is_published, one('Liam').web_is_published]"


async def test_two_switches_of_one_entry_are_both_kept(two, demo):
    anna, piero = two
    await press_switch(anna, "Mobile", "Liam", "false")

    await press_switch(piero, "Web", "Liam", "true")

    await expect(switch(piero, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "false"
    )
    assert demo.read(FLAGS) == [False, True]


async def test_a_stale_switch_is_refused_and_redrawn(two, demo):
    anna, piero = two
    await press_switch(anna, "Mobile", "Liam", "false")
    demo("edits.change([one('Liam')], 'anna', web_is_published=True)")

    await switch(piero, "Mobile", "Liam").click()

    await expect(toast(piero)).to_contain_text(f"anna changed “Liam” {AGO}: mobile")
    await expect(switch(piero, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "false"
    )
    assert demo.read(FLAGS) == [False, True]


async def test_a_stale_move_is_refused_and_redrawn(two, demo):
    anna, piero = two
    await drag(anna, "Liam", "Mobile Ticketing")
    await expect(toast(anna)).to_contain_text("Moved “Liam”")

    await drag(piero, "Liam", "Fibra Fastweb", "before")

    await expect(toast(piero)).to_contain_text(f"anna changed “Liam” {AGO}: place.")
    moved = [*DEMO[:6], "  Liam"]
    await looks(piero, moved)
    assert demo.outline() == moved


async def test_an_edit_of_a_deleted_entry_is_refused(two, demo):
    anna, piero = two
    demo("edits.remove([one('Liam')], 'anna')")

    await switch(piero, "Mobile", "Liam").click()

    await expect(toast(piero)).to_contain_text(f"anna deleted “Liam” {AGO}.")
    await looks(piero, DEMO[:6])
    await looks(anna, DEMO[:6])


async def test_edits_of_different_entries_are_both_kept(two, demo):
    anna, piero = two
    await press_switch(anna, "Mobile", "Liam", "false")

    await press_switch(piero, "Mobile", "ATM Milano", "false")

    await expect(switch(piero, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "false"
    )
    hidden = "Buddy.objects.filter(mobile_is_published=False)"
    assert demo.read(f"sorted(one.name for one in {hidden})") == [
        "ATM Milano",
        "Bot for Test: All possibilities",
        "Liam",
    ]


async def test_a_form_shows_what_someone_else_wrote_and_can_take_it(pages, demo):
    key = demo.read("one('Liam').pk")
    page = await pages.open(f"{LIST}{key}/change/", user="piero")
    texts = "name='Liam of anna', mobile_is_published=False"
    demo(f"edits.change([one('Liam')], 'anna', {texts})")

    await page.locator("#id_name").fill("Liam of piero")
    await page.locator("#id_status").fill("by piero")
    await page.get_by_role("button", name="Save", exact=True).click()

    note = page.locator(".errorlist").filter(has_text="anna changed")
    await expect(note).to_contain_text(f"anna changed “Liam of anna” {AGO}:")
    await expect(note).to_contain_text("Theirs: “Liam of anna”.")
    await expect(page.locator("#id_name")).to_have_value("Liam of piero")
    await page.get_by_role("button", name="Take theirs").click()
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(page.locator(".messagelist")).to_contain_text("Liam of anna")
    liam = "one('Liam of anna')"
    assert demo.read(f"[{liam}.status, {liam}.mobile_is_published]") == [
        "by piero",
        False,
    ]


async def test_a_stale_list_is_refused(pages, demo):
    page = await pages.open(LIST, user="piero")
    anna = await ready(await pages.open(WORKSPACE, user="anna"))
    await press_switch(anna, "Mobile", "Liam", "false")

    line = page.locator("#result_list tr").filter(has_text="Liam")
    await line.locator("input[type=checkbox][name$=mobile_is_published]").uncheck()
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        f"anna changed “Liam” {AGO}: mobile.", ignore_case=True
    )
    assert demo.read(FLAGS) == [False, False]
    box = line.locator("input[type=checkbox][name$=mobile_is_published]")
    await expect(box).not_to_be_checked()


async def test_edits_appear_in_the_other_workspace_automatically(pages, demo):
    anna = await ready(await pages.open(WORKSPACE, user="anna"))
    piero = await ready(await pages.open(WORKSPACE, user="piero"))

    await drag(anna, "Liam", "Mobile Ticketing")
    await looks(piero, [*DEMO[:6], "  Liam"])
    await press_switch(piero, "Web", "Liam", "true")

    await expect(switch(anna, "Web", "Liam")).to_have_attribute("aria-checked", "true")
    await expect(anna.locator("#panel .chats")).to_contain_text("Liam")
    await expect(anna.locator("#live")).to_contain_text("by piero")


async def test_what_others_do_appears_in_the_workspace_of_a_campaign(pages, demo):
    number = demo.read("campaign('Natale', 'anna', 'Liam', status='In').pk")
    piero = await ready(
        await pages.open(f"{WORKSPACE}?campaign={number}", user="piero")
    )

    demo("edits.change([one('Fibra Fastweb')], 'anna', name='Fibra')")
    await expect(row(piero, "Fibra")).to_be_visible()
    demo(f"CampaignEdits({number}).change([one('Fibra')], 'anna', name='Fibra 2')")

    await expect(row(piero, "Fibra 2")).to_be_visible()
    await expect(piero.locator("#live")).to_contain_text("2 changes.")
    demo("edits.change([one('Liam')], 'anna', status='Out')")
    await expect(piero.locator("#live")).to_contain_text("2 changes, 1 decision.")
    await expect(piero.locator("#decision-count")).to_have_text("1")


async def test_live_and_a_campaign_in_two_tabs_do_not_mix(pages, demo):
    number = demo.read("making.make('anna', 'Natale').pk")
    campaign = await ready(
        await pages.open(f"{WORKSPACE}?campaign={number}", user="anna")
    )
    live = await ready(await pages.open(WORKSPACE, user="anna"))

    await switch(campaign, "Web", "Liam").click()
    await expect(toast(campaign)).to_contain_text("in “Natale”: not live")
    assert demo.read(FLAGS) == [True, False]
    await press_switch(live, "Mobile", "Liam", "false")

    assert demo.read(FLAGS) == [False, False]
    await expect(switch(campaign, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "false"
    )
    await expect(switch(campaign, "Web", "Liam")).to_have_attribute(
        "aria-checked", "true"
    )


# --- Another user edits during a gesture ---------------------------------------


NEWS = "edits.change([one('Fibra Fastweb')], 'anna', name='Fibra')"
NEW = [*DEMO[:2], "Fibra", *DEMO[3:]]


async def until_news_arrives(page) -> None:
    """Wait until the page has received NEWS, and could have drawn it."""
    await expect(page.locator("#panel .chats")).to_contain_text(
        re.compile("Fibra(?! F)")
    )
    await page.wait_for_timeout(500)


async def test_a_dialog_moves_the_entry_it_was_opened_for(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    await menu(page, "Liam", "Move to …")

    demo(NEWS)
    await until_news_arrives(page)
    await looks(page, DEMO)
    await page.get_by_role("dialog").get_by_role("button", name="Mobile").click()

    await looks(page, [*NEW[:6], "  Liam"])
    await becomes(demo.outline, [*NEW[:6], "  Liam"])


async def test_cancelling_a_dialog_shows_new_edits(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    await menu(page, "Liam", "Move to …")
    demo(NEWS)
    await until_news_arrives(page)
    await looks(page, DEMO)

    await page.keyboard.press("Escape")

    await looks(page, NEW)


async def test_a_menu_stays_open_and_works(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    await row(page, "Liam").locator("button.more").click()

    demo(NEWS)
    await until_news_arrives(page)
    await looks(page, DEMO)
    await page.get_by_role("menuitem", name="Move to …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Mobile").click()

    await looks(page, [*NEW[:6], "  Liam"])
    await becomes(demo.outline, [*NEW[:6], "  Liam"])


async def test_a_drag_ends_where_it_is_dropped(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    start = await row(page, "Liam").locator(".wb-title").bounding_box()
    end = await row(page, "Mobile Ticketing").locator(".wb-title").bounding_box()
    await page.mouse.move(start["x"] + 20, start["y"] + start["height"] / 2)
    await page.mouse.down()
    x, y = end["x"] + 20, end["y"] + end["height"] / 2
    await page.mouse.move(x, y, steps=5)

    demo(NEWS)
    await until_news_arrives(page)
    await looks(page, DEMO)
    await page.mouse.move(x + 5, y)
    await page.mouse.move(x, y)
    await page.mouse.up()

    await looks(page, [*NEW[:6], "  Liam"])
    await becomes(demo.outline, [*NEW[:6], "  Liam"])


async def test_cancelling_a_drag_shows_new_edits(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    start = await row(page, "Liam").locator(".wb-title").bounding_box()
    await page.mouse.move(start["x"] + 20, start["y"] + start["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 25, 20, steps=5)
    demo(NEWS)
    await until_news_arrives(page)
    await looks(page, DEMO)

    await page.mouse.up()

    await looks(page, NEW)


async def test_moving_an_entry_deleted_meanwhile_is_refused(pages, demo):
    pages.forgiven.append("409")
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    await menu(page, "Liam", "Move to …")
    demo("edits.remove([one('Liam')], 'anna')")

    await page.get_by_role("dialog").get_by_role("button", name="Mobile").click()

    await expect(toast(page)).to_contain_text("anna deleted “Liam”")
    await expect(toast(page)).to_contain_text("This is the current state.")
    await looks(page, DEMO[:6])


async def test_entries_added_since_the_dialog_opened_are_not_deleted(pages, demo):
    pages.forgiven.append("409")
    page = await ready(await pages.open(WORKSPACE, user="piero"))
    await menu(page, "Mobile Ticketing", "Delete …")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("2 items inside will be deleted")
    demo(f"edits.move([one('Liam')], 'anna', one('Mobile Ticketing'), 'last'); {NEWS}")
    await until_news_arrives(page)

    await dialog.get_by_role("button", name="Delete").click()

    await expect(toast(page)).to_contain_text("anna changed “Liam”")
    wanted = [*NEW[:6], "  Liam"]
    await looks(page, wanted)
    assert demo.outline() == wanted
