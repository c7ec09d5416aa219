"""Searching in the workspace, and undoing."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    LIST,
    VERSIONS,
    WORKSPACE,
    becomes,
    items,
    looks,
    menu,
    ready,
    switch,
    toast,
)
from tests.browser.reading import on_tree
from tests.service import SERVICE, until

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]


async def test_a_search_shows_each_result_with_its_group(pages):
    page = await ready(await pages.open(WORKSPACE))
    search = page.get_by_role("searchbox", name="Search channels")

    await search.fill("milano")

    await looks(page, ["Mobile Ticketing", "  ATM Milano"])
    await search.fill("no such channel")
    await looks(page, [])
    await expect(page.locator("#tree")).to_contain_text("Nothing found")
    await search.fill("")
    await looks(page, DEMO)


async def test_a_search_finds_other_texts_and_kinds(pages, demo):
    demo("edits.change([one('Liam')], 'anna', default_message='Caffè in città?')")
    page = await ready(await pages.open(WORKSPACE))
    search = page.get_by_role("searchbox", name="Search channels")

    await search.fill("CITTA caffe")
    await looks(page, ["Liam"])
    await expect(page.locator("#tree mark")).to_have_text(["Caffè", "città"])
    await expect(page.locator("#found")).to_have_text("1 found")
    await search.fill("firenze biglietti")
    await looks(page, ["Mobile Ticketing", "  ATAF Firenze"])

    web_only = page.get_by_role("button", name="Web only")
    await web_only.click()
    await looks(page, [])
    await search.fill("")
    await looks(page, ["Bot for Test: All possibilities"])
    await switch(page, "Mobile", DEMO[1]).click()
    await expect(toast(page)).to_contain_text("Live on phones and the web")
    await web_only.click()
    await looks(page, DEMO)
    await expect(page.locator("#found")).to_be_hidden()


async def test_a_reload_keeps_groups_collapsed_or_expanded(pages):
    page = await ready(await pages.open(WORKSPACE))
    closed = [*DEMO[:4], "Liam"]

    await page.get_by_role("button", name="Collapse").click()
    await looks(page, closed)
    await page.reload()
    await ready(page)
    await looks(page, closed)

    await page.get_by_role("button", name="Expand all").click()
    await looks(page, DEMO)
    await page.reload()
    await ready(page)
    await looks(page, DEMO)


def many(groups: int, channels: int) -> str:
    """Return a document with so many groups, and so many channels in each."""

    def item(kind, name, **more):
        flags = {"mobileIsPublished": True, "webIsPublished": True}
        return {"address": name, "type": kind, **flags, "info": {"name": name}, **more}

    return json.dumps(
        {
            "items": [
                item(
                    "group",
                    f"group {g}",
                    items=[
                        item("channel", f"channel {g}-{c}") for c in range(channels)
                    ],
                )
                for g in range(groups)
            ]
        }
    )


async def test_a_thousand_entries_are_searched_switched_and_moved(pages, demo, client):
    demo(f"load({many(20, 49)!r})")
    page = await ready(await pages.open(WORKSPACE))

    await page.get_by_role("searchbox", name="Search channels").fill("channel 13-37")
    await looks(page, ["group 13", "  channel 13-37"])
    await switch(page, "Web", "channel 13-37").click()
    await expect(switch(page, "Web", "channel 13-37")).to_have_attribute(
        "aria-checked", "false"
    )
    await menu(page, "channel 13-37", "Move to …")
    await page.get_by_role("dialog").get_by_role("searchbox").fill("group 7")
    await page.get_by_role("button", name="group 7", exact=True).click()

    await becomes(lambda: demo.read("one('channel 13-37').parent.name"), "group 7")
    await looks(page, ["group 7", "  channel 13-37"])

    async def live():
        found = items(await client.document(SERVICE))
        one = found.get("channel 13-37", {})
        return len(found) == 1000 and one["webIsPublished"] is False

    await until(live)


async def press_undo(page) -> None:
    await toast(page).get_by_role("button", name="Undo").click()


async def test_a_switch_and_a_move_are_undone_from_the_toast(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")
    await press_undo(page)
    await expect(switch(page, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "true"
    )
    await expect(toast(page)).to_contain_text(
        "Undone: Changed the visibility of “Liam”"
    )

    await on_tree(page, "End", "Alt+ArrowRight")
    await expect(toast(page)).to_contain_text("Moved “Liam”")
    await looks(page, [*DEMO[:6], "  Liam"])
    await press_undo(page)
    await looks(page, DEMO)
    assert demo.outline() == DEMO
    assert demo.read("one('Liam').mobile_is_published") is True


KEYS = "sorted(Buddy.objects.values_list('pk', 'address', 'position'))"


async def test_a_copy_and_a_deletion_are_undone(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    before = demo.read(KEYS)

    await menu(page, "Mobile Ticketing", "Duplicate with contents")
    await expect(toast(page)).to_contain_text("Added 3 items")
    await press_undo(page)
    await expect(toast(page)).to_contain_text("Undone: Added 3 items")
    await becomes(demo.outline, DEMO)
    await looks(page, DEMO)

    await menu(page, "Mobile Ticketing", "Delete …")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(toast(page)).to_contain_text("Deleted 3 items")
    await press_undo(page)
    await becomes(demo.outline, DEMO)
    assert demo.read(KEYS) == before


async def test_the_banner_undoes_after_a_reload_and_redoes(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await expect(page.locator("#undo")).to_be_hidden()
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")

    await page.reload()
    await ready(page)
    await page.get_by_role(
        "button", name="Undo: Changed the visibility of “Liam”"
    ).click()

    liam = switch(page, "Mobile", "Liam")
    await expect(liam).to_have_attribute("aria-checked", "true")
    await page.get_by_role(
        "button", name="Redo: Changed the visibility of “Liam”"
    ).click()
    await expect(liam).to_have_attribute("aria-checked", "false")
    assert demo.read("one('Liam').mobile_is_published") is False


async def test_an_edit_that_another_user_changed_since_is_not_undone(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")
    await expect(page.locator("#undo")).to_be_visible()
    demo("edits.change([one('Liam')], 'anna', mobile_is_published=True)")
    pages.forgiven.append("409")

    await press_undo(page)

    await expect(toast(page)).to_contain_text("anna changed “Liam” just now")
    await expect(page.locator("#undo")).to_be_hidden()
    assert demo.read("one('Liam').mobile_is_published") is True


async def test_a_redo_of_a_deletion_asks_first(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await menu(page, "Mobile Ticketing", "Delete …")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(toast(page)).to_contain_text("No longer on phones")
    await press_undo(page)
    await looks(page, DEMO)

    redo = page.get_by_role("button", name="Redo: Deleted 3 items")
    await redo.click()
    dialog = page.get_by_role("dialog", name="Redo: Deleted 3 items?")
    await expect(dialog).to_contain_text("3 items will be deleted again.")
    await dialog.get_by_role("button", name="Cancel").click()
    assert demo.outline() == DEMO

    await redo.click()
    await dialog.get_by_role("button", name="Delete").click()
    await looks(page, [*DEMO[:3], "Liam"])


async def test_a_long_undo_label_is_truncated(pages, demo):
    demo("edits.change([one('Liam')], 'admin', name='Liam ' + 'of the house ' * 15)")
    page = await ready(await pages.open(WORKSPACE))

    undo = page.locator("#undo")
    await expect(undo).to_contain_text("Undo: ")

    words = undo.locator("span")
    assert await words.evaluate("(it) => it.scrollWidth > it.clientWidth")
    await expect(words).to_have_css("text-overflow", "ellipsis")
    outer, inner = await undo.bounding_box(), await words.bounding_box()
    assert outer["x"] < inner["x"]
    assert inner["x"] + inner["width"] < outer["x"] + outer["width"]
    assert outer["width"] <= 320


@pytest.mark.parametrize("message", ["", " \n\t"])
async def test_a_channel_without_a_message_has_no_bubble(pages, demo, message):
    demo(f"edits.change([one('Liam')], 'admin', default_message={message!r})")
    await becomes(lambda: demo.read("is_live()"), True)
    key, number = demo.read("[one('Liam').pk, live_release().number]")

    version = await pages.open(f"{VERSIONS}{number}/change/")
    await version.locator("#panel .chat button", has_text="Liam").click()
    await expect(version.locator("#panel .talk .bar")).to_contain_text("Liam")
    await expect(version.locator("#panel .bubble")).to_have_count(0)

    page = await pages.open(f"{LIST}{key}/change/")

    await expect(page.locator(".entry-silence")).to_be_visible()
    await expect(page.locator(".entry-bubble")).to_have_css("display", "none")
