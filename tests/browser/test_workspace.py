"""The Channels workspace: by mouse, and what reaches previews and clients."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    WORKSPACE,
    becomes,
    drag,
    items,
    looks,
    menu,
    names,
    ready,
    row,
    shown,
    switch,
    toast,
)
from tests.browser.conftest import login
from tests.browser.reading import BOT
from tests.service import SERVICE, until

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]

DRAGGED = [*DEMO[:2], *DEMO[3:6], "  Fibra Fastweb", "Liam"]


async def previewed(page) -> list[str]:
    found: list[str] = await page.locator("#panel .chats strong").all_inner_texts()
    return found


async def reads(client, wanted) -> None:
    """Wait until ``wanted`` accepts what a client reads."""

    async def read():
        return wanted(await client.document(SERVICE))

    await until(read)


async def until_demo_is_live(client) -> None:
    async def demo_is_live():
        return sorted(items(await client.document(SERVICE))) == sorted(
            name.strip() for name in DEMO
        )

    await until(demo_is_live)


async def test_a_drag_and_a_switch_reach_the_previews_and_a_client(pages, client):
    page = await pages.open(user="")
    await login(page)
    await ready(page)
    await looks(page, DEMO)
    await until_demo_is_live(client)
    assert "Fibra Fastweb" in await previewed(page)

    await drag(page, "Fibra Fastweb", "Mobile Ticketing")

    await reads(client, lambda text: "  Fibra Fastweb" in names(text))
    await looks(page, DRAGGED)
    phone = [BOT, "Mobile Ticketing", "ATM Milano", "ATAF Firenze", "Fibra Fastweb"]
    await becomes(lambda: previewed(page), [*phone, "Liam"])

    await page.get_by_role("tab", name="Webchat").click()
    await becomes(lambda: previewed(page), [BOT, DEMO[1]])
    await switch(page, "Web", BOT).click()

    await reads(client, lambda text: items(text)[BOT]["webIsPublished"] is False)
    await becomes(lambda: previewed(page), [DEMO[1]])
    await expect(switch(page, "Web", BOT)).to_have_attribute("aria-checked", "false")


async def test_a_drop_between_two_rows_moves_the_entry_there(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await drag(page, "Liam", "ATAF Firenze", "before")

    wanted = [*DEMO[:5], "  Liam", "  ATAF Firenze"]
    await looks(page, wanted)
    await expect(toast(page)).to_contain_text("Moved “Liam”")
    assert demo.outline() == wanted


async def test_a_preview_opens_a_channel_with_its_message(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await page.locator("#panel button", has_text="Liam").click()

    talk = page.locator("#panel .device.phone.open .talk")
    await expect(talk.get_by_label("First message")).to_have_value(
        "Ciao qui puoi accedere a tutte le funzionalità della Monk House"
    )
    await talk.get_by_role("button", name="Close").click()
    await expect(talk).to_have_count(0)
    await expect(page.locator("#panel .chats")).to_contain_text("Liam")


async def test_a_preview_draws_a_picture_or_a_letter_without_one(pages, demo):
    ours = f"http://127.0.0.1:{pages.service.http_port}"
    there, gone = f"{ours}/static/xmppservice/icon.svg", f"{ours}/static/gone.png"
    demo(f"edits.change([one('Liam')], 'x', thumb_url={there!r})")
    demo(f"edits.change([one('Fibra Fastweb')], 'x', thumb_url={gone!r})")
    pages.forgiven.append("404")

    page = await ready(await pages.open(WORKSPACE))

    chat = page.locator("#panel .chat")
    await expect(chat.filter(has_text="Liam").locator("img.avatar")).to_be_visible()
    fibra = chat.filter(has_text="Fibra Fastweb")
    await expect(fibra.locator("span.avatar")).to_have_text("F")


async def test_the_menu_moves_duplicates_and_hides(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Liam", "Move to …")
    dialog = page.get_by_role("dialog", name="Move “Liam” to")
    await dialog.get_by_role("searchbox").fill("mob")
    await dialog.get_by_role("button", name="Mobile Ticketing").click()

    moved = [*DEMO[:6], "  Liam"]
    await looks(page, moved)
    await menu(page, "Mobile Ticketing", "Duplicate with contents")
    copy = ["Mobile Ticketing", *DEMO[4:6], "  Liam"]
    await becomes(lambda: _sorted_outline(page), sorted([*moved, *copy]))
    assert demo.outline() == [*moved, *copy]

    await menu(page, BOT, "Hide everywhere")

    await expect(switch(page, "Mobile", BOT)).to_have_attribute("aria-checked", "false")
    await expect(row(page, BOT)).to_have_class(re.compile(r"\bdraft\b"))
    assert demo.read(f"one({BOT!r}).is_published") is False


async def _sorted_outline(page):
    await page.get_by_role("button", name="Expand all").click()
    return sorted(await shown(page))


async def test_an_entry_added_inside_a_group_appears_there(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Mobile Ticketing", "Add a channel inside")
    await page.keyboard.type("GTT Torino")
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text("Draft: not shown anywhere")
    await expect(row(page, "GTT Torino")).to_have_attribute("aria-selected", "true")
    await looks(page, [*DEMO[:6], "  GTT Torino", "Liam"])
    assert demo.outline() == [*DEMO[:6], "  GTT Torino", "Liam"]


async def test_a_deletion_says_what_else_it_deletes(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Mobile Ticketing", "Delete …")

    dialog = page.get_by_role("dialog", name="Delete “Mobile Ticketing”?")
    await expect(dialog).to_contain_text("2 items inside will be deleted too.")
    await expect(dialog).to_contain_text("Apps show 3 of them now")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert demo.outline() == DEMO

    await menu(page, "Mobile Ticketing", "Delete …")
    await dialog.get_by_role("button", name="Delete").click()

    await looks(page, [*DEMO[:3], "Liam"])
    assert demo.outline() == [*DEMO[:3], "Liam"]


async def test_the_banner_says_what_is_live_and_since_when(pages, demo):
    # Whatever was live before, and no matter which user edited it.
    demo("edits.change([one('Liam')], 'rita', status='Heard')\nreleases.sync()")
    page = await ready(await pages.open(WORKSPACE))

    await expect(page.locator("#headline")).to_have_text("Everything is live")
    await expect(page.locator("#live")).to_have_text(
        re.compile(r"^Live: version \d+, .+, by rita · on the XMPP server since")
    )
    await expect(page.locator("#size-words")).to_have_text(
        re.compile(r"^[\d.]+\sKB of 439\.5\sKB \(1 %\)$")
    )


async def test_an_edit_elsewhere_appears_automatically(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    demo("edits.change([one('Liam')], 'anna', name='Liam the monk')")

    await looks(page, [*DEMO[:6], "Liam the monk"])
    await becomes(lambda: _last(page), "Liam the monk")
    await expect(page.locator("#live")).to_contain_text("by anna")


async def _last(page):
    return (await previewed(page))[-1]
