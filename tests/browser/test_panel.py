"""An entry that is edited beside the tree: texts, pictures, and what is never lost."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    HOME,
    LIST,
    WORKSPACE,
    becomes,
    click_during_poll,
    drag,
    items,
    looks,
    menu,
    ready,
    row,
    switch,
    toast,
)
from tests.browser.conftest import PHONE, login, overflow, severe
from tests.service import PASSWORD, SERVICE, until

pytestmark = pytest.mark.usefixtures("demo")

LIAM = "one('Liam')"

#: Where the texts are that the page keeps until the server has them.
DRAFTS = "Object.keys(sessionStorage).filter(key => key.startsWith('drafts'))"


def where(page):
    return page.locator(".entry-foot .where")


async def open_entry(page, name="Liam"):
    """Open an entry with a click, and return its field with a label."""
    await row(page, name).locator(".wb-title").click()
    panel = page.locator("#panel .editor")
    await expect(panel.get_by_label("Name")).to_have_value(name)
    return panel


async def test_texts_are_edited_where_people_see_them(pages, demo, client):
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    await expect(where(page)).to_have_text("Live on phones")

    await liam.get_by_label("Status text").fill("At the well")
    await expect(where(page)).to_contain_text("Not saved yet")
    await page.keyboard.press("Enter")  # saves, and begins no new line
    await expect(where(page)).to_have_text("Live on phones")
    await liam.get_by_label("First message").fill("Drink!")
    await expect(row(page, "Liam")).to_contain_text("At the well")
    await liam.get_by_label("Name").fill("Liam the monk")
    await page.keyboard.press("Enter")

    await looks(page, [*DEMO[:6], "Liam the monk"])
    await expect(where(page)).to_have_text("Live on phones")

    async def read():
        found = items(await client.document(SERVICE))
        return "Liam the monk" in found and found["Liam the monk"]["info"]

    info = await until(read)
    assert (info["status"], info["defaultMessage"]) == ("At the well", "Drink!")
    await page.keyboard.press("Escape")
    await expect(page.locator("#panel .chats")).to_contain_text("Liam the monk")


async def test_a_group_and_a_channel_in_it_need_no_other_page(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await page.evaluate("window.isSamePage = true")

    await page.get_by_role("button", name="+ Group").click()
    await page.keyboard.type("Natale")
    await page.keyboard.press("Enter")
    await expect(row(page, "Natale")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("button", name="+ Channel").click()
    await page.keyboard.type("Babbo")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Ho ho ho")
    await page.keyboard.press("Tab")

    await looks(page, [*DEMO, "Natale", "  Babbo"])
    await expect(row(page, "Babbo")).to_contain_text("Ho ho ho")
    await expect(where(page)).to_contain_text("Draft: not shown anywhere")
    await where(page).get_by_role("button", name="Show on mobile").click()
    hidden = "Not shown: its group “Natale” is hidden"
    await expect(where(page)).to_have_text(hidden)
    await switch(page, "Mobile", "Natale").click()
    await expect(where(page)).to_have_text("Live on phones")
    assert await page.evaluate("window.isSamePage")
    assert demo.outline() == [*DEMO, "Natale", "  Babbo"]


async def test_a_click_outlives_what_others_do_meanwhile(pages, demo):
    hidden = "mobile_is_published=False, web_is_published=False"
    demo(f"edits.change([{LIAM}], 'anna', {hidden})")
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    async with click_during_poll(page, where(page).get_by_role("button")):
        demo(f"edits.change([{LIAM}], 'anna', status='by anna')")
    await expect(where(page)).to_have_text("Live on phones")
    await expect(liam.get_by_label("Status text")).to_have_value("by anna")

    web = switch(page, "Web", "Liam")
    async with click_during_poll(page, web):
        demo("edits.add(Buddy(name='Romeo', type='channel'), 'anna')")
    await expect(web).to_be_checked()
    await expect(row(page, "Romeo")).to_be_visible()


COUNT_CLICKS = """window.clicks = 0;
document.addEventListener("click", ({detail}) => window.clicks += detail > 0, true);"""
MADE = """[
    (one.name, one.mobile_is_published, one.web_is_published, bool(one.thumb_url))
    for one in Buddy.objects.filter(parent__name='Natale').order_by("name")]"""


async def test_three_channels_with_pictures_take_few_clicks(pages, demo):
    """Once they took 27 clicks and 8 pages; at most 15, with the drags, are allowed."""
    page = await ready(await pages.open(WORKSPACE))
    await page.evaluate(COUNT_CLICKS)

    await page.get_by_role("button", name="+ Group").click()
    await page.keyboard.type("Natale")
    await page.keyboard.press("Enter")
    await expect(row(page, "Natale")).to_have_attribute("aria-selected", "true")
    for name in ("One", "Two", "Three"):
        await page.get_by_role("button", name="+ Channel").click()
        await page.keyboard.type(name)
        await page.keyboard.press("Enter")
        await expect(row(page, name)).to_be_visible()
        await row(page, name).locator(".wb-title").evaluate(DROP)
        await expect(row(page, name).locator("img.row-picture")).to_be_visible()
    await drag(page, "Three", "One", "before")
    await looks(page, [*DEMO, "Natale", "  Three", "  One", "  Two"])
    await row(page, "Natale").locator(".wb-checkbox").click()
    await page.get_by_role("button", name="Also the 3 inside").click()
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("menuitem", name="Mobile and web").click()
    await expect(switch(page, "Web", "Two")).to_be_checked()
    await switch(page, "Web", "Two").click()

    shown = [["One", True, True, True], ["Three", True, True, True]]
    await becomes(lambda: demo.read(MADE), [*shown, ["Two", True, False, True]])
    drags = 4
    assert await page.evaluate("window.clicks") + drags <= 15


async def test_both_texts_of_two_people_stand_side_by_side(pages, demo):
    pages.forgiven.append("409")
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    status, name = liam.get_by_label("Status text"), liam.get_by_label("Name")
    demo(f"edits.change([{LIAM}], 'anna', status='by anna')")
    await expect(status).to_have_value("by anna")  # nothing was typed yet

    await status.type(", and by me")
    demo(f"edits.change([{LIAM}], 'anna', status='anna again', web_is_published=True)")
    sides = page.locator(".text-sides > div")
    await expect(sides.first).to_contain_text("by anna, and by me")
    await expect(sides.last).to_contain_text("anna again")
    await name.fill("Liam the monk")
    await page.keyboard.press("Enter")
    await looks(page, [*DEMO[:6], "Liam the monk"])  # another field
    assert demo.read("one('Liam the monk').status") == "anna again"

    await sides.get_by_role("button", name="Keep mine").click()
    await becomes(
        lambda: demo.read("one('Liam the monk').status"), "by anna, and by me"
    )
    assert demo.read("one('Liam the monk').web_is_published")

    await status.fill("once more")
    demo("edits.change([one('Liam the monk')], 'anna', status='and anna')")
    await sides.get_by_role("button", name="Take theirs").click()
    await expect(status).to_have_value("and anna")
    await expect(sides).to_have_count(0)


async def test_a_text_outlives_an_expired_session(pages, demo):
    pages.forgiven.append("Failed to load")
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    await page.context.clear_cookies()

    await liam.get_by_label("Status text").fill("typed in vain?")
    await page.keyboard.press("Tab")
    await expect(page.locator(".entry-foot .problem")).to_contain_text("logged out")
    page.on("dialog", lambda dialog: dialog.accept())
    await login(page)
    await page.goto(WORKSPACE)
    await ready(page)

    status = page.locator("#panel .editor").get_by_label("Status text")
    await expect(status).to_have_value("typed in vain?")
    await becomes(lambda: demo.read(f"{LIAM}.status"), "typed in vain?")


async def test_a_form_outlives_an_expired_session(pages, demo):
    key = demo.read(f"{LIAM}.pk")
    page = await pages.open(f"{LIST}{key}/change/?from=workspace")
    await page.locator("#id_status").fill("typed in vain?")
    cookies = await page.context.cookies()
    await page.context.clear_cookies(name="sessionid")
    assert len(cookies) > 1

    await page.get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url(re.compile("/admin/login/"))
    await page.fill("#id_username", "admin")
    await page.fill("#id_password", PASSWORD)
    await page.click("input[type=submit]")

    await expect(page.locator(".restored")).to_contain_text("are here again")
    await expect(page.locator("#id_status")).to_have_value("typed in vain?")
    await page.get_by_role("button", name="Save", exact=True).click()
    await ready(page)
    assert demo.read(f"{LIAM}.status") == "typed in vain?"

    await page.goto(f"{LIST}{key}/change/?from=workspace")
    await expect(page.locator(".entry-tablist")).to_be_visible()
    await expect(page.locator(".restored")).to_have_count(0)
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.dismiss())
    await page.locator("#id_status").fill("not saved")
    await page.locator("#site-name a").click(no_wait_after=True)
    await becomes(lambda: asked, ["beforeunload"])


DROP = """async (row) => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d").fillRect(0, 0, 40, 30);
    const data = new DataTransfer();
    const picture = await canvas.convertToBlob();
    data.items.add(new File([picture], "p.png", {type: "image/png"}));
    for (const name of ["dragenter", "dragover", "drop"])
        row.dispatchEvent(new DragEvent(name, {dataTransfer: data, bubbles: true,
            cancelable: true}));
}"""


async def test_a_picture_dropped_on_a_row_is_shown_there(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await row(page, "Liam").locator(".wb-title").evaluate(DROP)

    await expect(row(page, "Liam").locator("img.row-picture")).to_be_visible()
    assert demo.read(f"{LIAM}.thumb_url").endswith("-96.webp")
    await open_entry(page)
    await expect(page.locator("#panel .editor .face img")).to_be_visible()
    await page.get_by_role("button", name="Remove the picture").click()
    await expect(row(page, "Liam").locator("img.row-picture")).to_have_count(0)
    await page.locator("#panel .editor").evaluate(DROP)
    await expect(page.locator("#panel .editor .face img")).to_be_visible()


async def test_on_a_phone_an_entry_and_the_preview_are_screens(pages, demo):
    page = await ready(await pages.open(WORKSPACE, size=PHONE, theme="dark"))
    await expect(page.locator(".aside")).to_be_hidden()

    await open_entry(page)
    await expect(page.locator("#tree")).to_be_hidden()
    device = await page.locator("#panel .device").bounding_box()
    head = await page.locator("#panel .device .bar").bounding_box()
    assert device
    assert head
    assert device["y"] < head["y"] < device["y"] + 20
    assert head["width"] <= device["width"]
    assert await severe(page) == []
    assert await overflow(page) == 0
    await page.locator("#panel").get_by_role("button", name="Close").click()
    await expect(page.locator(".aside")).to_be_hidden()

    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("#panel .chats")).to_contain_text("Liam")
    await page.get_by_role("button", name="‹ Channels").click()
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("No longer on phones")


async def test_people_who_may_only_view_see_the_texts(pages):
    page = await ready(await pages.open(WORKSPACE, user="rita"))
    liam = await open_entry(page)
    await expect(liam.get_by_label("Name")).not_to_be_editable()
    await expect(page.locator(".entry-links a")).to_have_text(["History"])


async def test_a_text_of_an_entry_that_someone_deletes_stays_to_be_copied(pages, demo):
    pages.forgiven.append("409")
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    status = liam.get_by_label("Status text")
    await status.type(" and beyond")
    demo(f"edits.remove([{LIAM}], 'anna')")

    await expect(page.locator(".entry-foot .problem")).to_contain_text("deleted this")
    await expect(status).to_have_value("Life in a monk house and beyond")
    await expect(status).to_be_focused()
    await expect(status).not_to_be_editable()
    await page.keyboard.press("Escape")
    await expect(page.locator("#panel .chats")).to_be_visible()
    await page.reload()
    await ready(page)
    await expect(liam).to_have_count(0)


async def test_texts_of_a_new_entry_outlive_a_reload_and_other_rows(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await page.get_by_role("button", name="+ Channel").click()
    panel = page.locator("#panel .editor")
    await panel.get_by_label("Status text").fill("Ho ho ho")
    await open_entry(page)

    await page.reload()
    await ready(page)
    await expect(panel.get_by_label("Status text")).to_have_value("Ho ho ho")
    await panel.get_by_label("Name").fill("Babbo")
    await panel.get_by_label("First message").fill("Ciao!")
    await row(page, "Liam").locator(".wb-title").click()  # while it is being made

    await looks(page, [*DEMO, "Babbo"])
    message = "one('Babbo').default_message"
    await becomes(
        lambda: demo.read(f"[{message}, one('Babbo').status]"), ["Ciao!", "Ho ho ho"]
    )
    await becomes(lambda: page.evaluate(DRAFTS), [])  # the page was told
    await page.reload()
    await ready(page)
    await expect(panel).to_have_count(0)


async def test_a_text_whose_response_was_lost_is_forgotten(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    status = liam.get_by_label("Status text")
    await status.fill("On holiday")
    [place] = await page.evaluate(DRAFTS)
    drafts = await page.evaluate("place => sessionStorage.getItem(place)", place)
    await status.blur()
    await expect(where(page)).to_have_text("Live on phones")
    await page.evaluate("all => sessionStorage.setItem(...all)", [place, drafts])

    await page.reload()
    await expect(status).to_have_value("On holiday")
    await page.reload()
    await ready(page)
    await expect(liam).to_have_count(0)


async def test_a_blank_at_the_end_is_no_conflict_with_oneself(pages, demo):
    demo(f"edits.change([{LIAM}], 'anna', mobile_is_published=False)")
    page = await ready(await pages.open(WORKSPACE))
    liam = await open_entry(page)
    name = liam.get_by_label("Name")
    await name.press("End")
    await name.type(" the ")
    await becomes(lambda: demo.read("Buddy.objects.filter(name='Liam the').count()"), 1)
    await name.type("monk")
    await page.keyboard.press("Enter")
    await looks(page, [*DEMO[:6], "Liam the monk"])
    await expect(page.locator(".text-sides")).to_have_count(0)


async def test_the_menu_opens_the_panel(pages):
    page = await ready(await pages.open(WORKSPACE))
    await menu(page, "ATM Milano", "Edit")
    name = page.locator("#panel .editor").get_by_label("Name")
    await expect(name).to_be_focused()
    await expect(name).to_have_value("ATM Milano")
    assert await severe(page) == []


async def test_a_channel_that_nobody_answers_is_seen(pages, demo):
    (local,) = pages.service.register()
    key = demo.read(f"{LIAM}.pk")
    page = await pages.open(f"{LIST}{key}/change/#part-3")
    answers = page.get_by_label("server address")
    await expect(answers).to_be_visible()  # the part of the form that was asked for
    known = page.locator("datalist option")
    assert await known.evaluate_all("all => all.map(one => one.value)") == demo.read(
        "sorted(set(Buddy.objects.values_list('server_address', flat=True)) - {''})"
    )
    await answers.fill("nobody-is-here@localhost")
    await page.locator("[name=_save]").click()
    words = "nobody-is-here@localhost has no account"
    await expect(page.locator(".messagelist")).to_contain_text(words)

    await page.goto(WORKSPACE)
    await ready(page)
    liam = row(page, "Liam")
    await expect(liam).to_have_attribute("aria-description", re.compile(words))
    await open_entry(page)
    await expect(page.locator(".remark")).to_contain_text(f"nobody answers: {words}")
    assert await severe(page) == []
    await page.locator(".remark").get_by_role("link", name="Choose who").click()
    await answers.fill(f"{local}@localhost")
    await page.locator("[name=_save]").click()
    await ready(page)
    await expect(liam).to_be_visible()
    await expect(liam).not_to_have_attribute("aria-description", re.compile(words))


async def test_home_puts_a_step_back_and_the_search_shows_what_is_wrong(pages, demo):
    demo(f"edits.change([{LIAM}], 'giulia', status='Out')")
    page = await pages.open(HOME)
    step = page.locator(".steps li").first
    await expect(step).to_contain_text("giulia")
    await step.get_by_role("button", name="Put back: Edited “Liam”").click()
    await expect(page.locator(".messagelist")).to_contain_text("Put back: Edited")
    assert demo.read(f"{LIAM}.status") == "Life in a monk house"

    # What was added would be deleted: that asks first.
    demo(f"edits.duplicate([{LIAM}], 'giulia')")
    await page.reload()
    await step.locator("summary").click()
    await expect(step).to_contain_text("1 item will be deleted.")
    await step.get_by_role("button", name="Delete").click()
    await becomes(lambda: demo.read("Buddy.objects.filter(name='Liam').count()"), 1)

    await page.get_by_role("link", name="has a warning").click()
    await ready(page)
    await looks(page, ["Fibra Fastweb"])
