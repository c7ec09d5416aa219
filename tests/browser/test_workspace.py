"""The Channels workspace: by mouse, by keyboard, and what it says to the rest."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    LIST,
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
from tests.service import SERVICE, until

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]

SECONDS = 2  # until a client reads an edit: issue 3
BOT = DEMO[0]
DRAGGED = [*DEMO[:2], *DEMO[3:6], "  Fibra Fastweb", "Liam"]


async def previewed(page) -> list[str]:
    found: list[str] = await page.locator("#panel .chats strong").all_inner_texts()
    return found


async def reads(client, wanted) -> None:
    """Within two seconds, a client reads a document that is as ``wanted`` says."""

    async def read():
        return wanted(await client.document(SERVICE))

    await until(read, seconds=SECONDS)


async def at_rest(client) -> None:
    async def demo_is_live():
        return sorted(items(await client.document(SERVICE))) == sorted(
            name.strip() for name in DEMO
        )

    await until(demo_is_live)


# --- By mouse ----------------------------------------------------------------


async def test_a_drag_and_a_switch_are_in_the_previews_and_with_a_client(pages, client):
    page = await pages.open(user="")
    await login(page)
    await ready(page)
    await looks(page, DEMO)
    await at_rest(client)
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


async def test_a_drop_between_two_rows_puts_it_there(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await drag(page, "Liam", "ATAF Firenze", "before")

    wanted = [*DEMO[:5], "  Liam", "  ATAF Firenze"]
    await looks(page, wanted)
    await expect(toast(page)).to_contain_text("Moved “Liam”")
    assert demo.outline() == wanted


async def test_a_preview_opens_a_channel_with_its_message(pages):
    page = await ready(await pages.open(WORKSPACE))

    await (
        page.get_by_role("button", name="Liam")
        .and_(page.locator("#panel button"))
        .click()
    )

    talk = page.locator("#panel .device.phone.open .talk")
    await expect(talk.locator(".bubble")).to_have_text(
        "Ciao qui puoi accedere a tutte le funzionalità della Monk House"
    )
    await talk.get_by_role("button", name="Back").click()
    await expect(talk).to_have_count(0)


async def test_a_preview_draws_a_picture_and_a_letter_when_it_does_not_come(
    pages, demo
):
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


# --- The menu, and the dialogs it opens --------------------------------------


async def test_the_menu_moves_duplicates_and_hides(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Liam", "Move to …")
    dialog = page.get_by_role("dialog", name="Move “Liam” to")
    await dialog.get_by_role("searchbox").fill("mob")
    await dialog.get_by_role("button", name="Mobile Ticketing").click()

    moved = [*DEMO[:6], "  Liam"]
    await looks(page, moved)
    await menu(page, "Mobile Ticketing", "Duplicate with all below")
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


async def test_what_is_added_inside_a_group_stands_there(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Mobile Ticketing", "Add a channel inside")
    await page.get_by_label("Name", exact=False).first.wait_for()
    await page.locator("#id_name").fill("GTT Torino")
    await page.get_by_role("button", name="Save", exact=True).click()

    await ready(page)
    await looks(page, [*DEMO[:6], "  GTT Torino", "Liam"])
    assert demo.outline() == [*DEMO[:6], "  GTT Torino", "Liam"]


async def test_a_deletion_says_what_goes_with_it(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Mobile Ticketing", "Delete …")

    dialog = page.get_by_role("dialog", name="Delete “Mobile Ticketing”?")
    await expect(dialog).to_contain_text("It holds 2 entries, which go with it.")
    await expect(dialog).to_contain_text("Clients see 3 of all these now")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert demo.outline() == DEMO

    await menu(page, "Mobile Ticketing", "Delete …")
    await dialog.get_by_role("button", name="Delete").click()

    await looks(page, [*DEMO[:3], "Liam"])
    assert demo.outline() == [*DEMO[:3], "Liam"]


# --- By keyboard alone -------------------------------------------------------


async def walk(page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


ACTIVE = """(grid) => {
    const row = document.getElementById(grid.getAttribute("aria-activedescendant"));
    const isSelected = row?.ariaSelected === "true";
    return isSelected ? row.querySelector(".wb-title").textContent : "";
}"""


async def active(page) -> str:
    """The name of the row where one is, as the grid tells a screen reader."""
    found: str = await page.locator("#tree").evaluate(ACTIVE)
    return found


async def on_tree(page, *keys: str) -> None:
    await page.locator("#tree").focus()
    await walk(page, *keys)


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


async def test_arrows_walk_and_open_and_close(pages):
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

    await expect(page).to_have_url(re.compile(r"/change/\?from=workspace$"))
    await expect(page.locator("#id_name")).to_have_value("Liam")
    await page.locator("#id_name").fill("Liam the monk")
    await page.keyboard.press("Enter")
    await ready(page)
    await looks(page, [*DEMO[:6], "Liam the monk"])


async def test_the_menu_opens_walks_and_closes_with_keys(pages):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End")
    item = page.get_by_role("menuitem")

    await walk(page, "Shift+F10")

    await expect(page.get_by_role("menu")).to_be_visible()
    assert await item.all_inner_texts() == [
        "Edit",
        "Move to …",
        "Duplicate with all below",
        "Hide everywhere",
        "History",
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


async def test_delete_asks_and_escape_leaves_it(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await on_tree(page, "End", "Delete")
    dialog = page.get_by_role("dialog", name="Delete “Liam”?")
    await expect(dialog).to_contain_text("Clients see it now, and lose it.")

    await walk(page, "Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#tree")).to_be_focused()
    assert demo.outline() == DEMO

    await walk(page, "Delete")
    await expect(dialog.get_by_role("button", name="Delete")).to_be_focused()
    await walk(page, "Enter")
    await looks(page, DEMO[:6])
    assert demo.outline() == DEMO[:6]


async def test_tabs_are_walked_with_arrows(pages):
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


# --- Searching, and what is kept ---------------------------------------------


async def test_a_search_shows_what_it_finds_with_its_group(pages):
    page = await ready(await pages.open(WORKSPACE))
    search = page.get_by_role("searchbox", name="Search channels")

    await search.fill("milano")

    await looks(page, ["Mobile Ticketing", "  ATM Milano"])
    await search.fill("no such channel")
    await looks(page, [])
    await expect(page.locator("#tree")).to_contain_text("Nothing found")
    await search.fill("")
    await looks(page, DEMO)


async def test_what_is_open_stays_so_over_a_reload(pages):
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
    """A document of so many groups, with so many channels each."""

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


# --- Taking back -------------------------------------------------------------


async def take_back(page) -> None:
    await toast(page).get_by_role("button", name="Undo").click()


async def test_a_switch_and_a_move_are_taken_back_where_they_happened(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Switched “Liam”")
    await take_back(page)
    await expect(switch(page, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "true"
    )
    await expect(toast(page)).to_contain_text("Took back: Switched “Liam”")

    await on_tree(page, "End", "Alt+ArrowRight")
    await expect(toast(page)).to_contain_text("Moved “Liam”")
    await looks(page, [*DEMO[:6], "  Liam"])
    await take_back(page)
    await looks(page, DEMO)
    assert demo.outline() == DEMO
    assert demo.read("one('Liam').mobile_is_published") is True


KEYS = "sorted(Buddy.objects.values_list('pk', 'address', 'position'))"


async def test_a_copy_and_a_deletion_are_taken_back(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    before = demo.read(KEYS)

    await menu(page, "Mobile Ticketing", "Duplicate with all below")
    await expect(toast(page)).to_contain_text("Added 3 entries")
    await take_back(page)
    await expect(toast(page)).to_contain_text("Took back: Added 3 entries")
    await becomes(demo.outline, DEMO)
    await looks(page, DEMO)

    await menu(page, "Mobile Ticketing", "Delete …")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(toast(page)).to_contain_text("Deleted 3 entries")
    await take_back(page)
    await becomes(demo.outline, DEMO)
    assert demo.read(KEYS) == before


async def test_the_banner_takes_back_after_a_reload_and_does_it_again(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await expect(page.locator("#undo")).to_be_hidden()
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Switched “Liam”")

    await page.reload()
    await ready(page)
    await page.get_by_role("button", name="Undo: Switched “Liam”").click()

    liam = switch(page, "Mobile", "Liam")
    await expect(liam).to_have_attribute("aria-checked", "true")
    await page.get_by_role("button", name="Redo: Switched “Liam”").click()
    await expect(liam).to_have_attribute("aria-checked", "false")
    assert demo.read("one('Liam').mobile_is_published") is False


async def test_what_somebody_else_built_on_is_not_taken_back(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Switched “Liam”")
    demo("edits.change([one('Liam')], 'anna', status='Out')")
    pages.forgiven.append("409")

    await take_back(page)

    await expect(toast(page)).to_contain_text("anna changed “Liam” just now")
    assert demo.read("[one('Liam').status, one('Liam').mobile_is_published]") == [
        "Out",
        False,
    ]


async def test_a_long_undo_is_cut_at_its_end(pages, demo):
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


async def test_a_channel_that_says_nothing_has_no_bubble(pages, demo):
    demo("edits.change([one('Liam')], 'admin', default_message='')")
    key = demo.read("one('Liam').pk")

    page = await pages.open(f"{LIST}{key}/change/")

    await expect(page.locator(".entry-silence")).to_be_visible()
    await expect(page.locator(".entry-bubble")).to_have_css("display", "none")


# --- The banner --------------------------------------------------------------


async def test_the_banner_says_what_is_live_and_since_when(pages, demo):
    # Whatever was live before, and by whomever.
    demo("edits.change([one('Liam')], 'rita', status='Heard')\nreleases.sync()")
    page = await ready(await pages.open(WORKSPACE))

    await expect(page.locator("#headline")).to_have_text("Everything is live")
    await expect(page.locator("#live")).to_have_text(
        re.compile(r"^Live: version \d+, .+, by rita · on the XMPP server since")
    )
    await expect(page.locator("#size-words")).to_have_text(
        re.compile(r"^[\d.]+\sKB of 439\.5\sKB \(1 %\)$")
    )


async def test_an_edit_elsewhere_is_drawn_by_itself(pages, demo):
    page = await ready(await pages.open(WORKSPACE))

    demo("edits.change([one('Liam')], 'anna', name='Liam the monk')")

    await looks(page, [*DEMO[:6], "Liam the monk"])
    await becomes(lambda: _last(page), "Liam the monk")
    await expect(page.locator("#live")).to_contain_text("by anna")


async def _last(page):
    return (await previewed(page))[-1]
