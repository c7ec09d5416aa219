"""The list: for keyboards, touch screens and browsers without scripts."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import DEMO, LIST, WORKSPACE, becomes, menu, ready
from tests.browser.conftest import PHONE

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]


def line(page, name):
    return page.locator("#result_list tbody tr").filter(has_text=name)


async def listed(page) -> list[str]:
    """Return the names as listed, two spaces for each level."""
    found: list[str] = await page.locator("#result_list .entry").evaluate_all(
        "all => all.map((one) => '  '.repeat(one.querySelectorAll('i').length)"
        " + one.textContent.trim())"
    )
    return found


async def lists(page, wanted) -> None:
    await becomes(lambda: listed(page), wanted)


async def test_an_entry_is_cut_and_pasted_by_touch(pages, demo):
    page = await pages.open(LIST, size=PHONE, has_touch=True)
    await lists(page, DEMO)

    await page.get_by_role("button", name="Cut “Liam” to paste it elsewhere").tap()
    await expect(page.locator(".cut")).to_contain_text(
        "Cut: Liam. Choose where to paste:"
    )
    await page.get_by_role("button", name="Paste inside “Mobile Ticketing”").tap()

    await lists(page, [*DEMO[:6], "  Liam"])
    await expect(page.locator(".messagelist")).to_contain_text("Moved “Liam”.")
    await expect(page.locator(".cut")).to_have_count(0)

    await page.get_by_role("button", name="Cut “Liam” to paste it elsewhere").tap()
    await page.get_by_role("button", name=f"Paste before “{DEMO[0]}”").tap()
    await lists(page, ["Liam", *DEMO[:6]])
    assert demo.outline() == ["Liam", *DEMO[:6]]

    await page.get_by_role("button", name="Cut “Liam” to paste it elsewhere").tap()
    await page.get_by_role("button", name="At the end of the top level").tap()
    await lists(page, DEMO)

    await page.get_by_role("button", name="Cut “Liam” to paste it elsewhere").tap()
    await page.get_by_role("button", name="Cancel").tap()
    await expect(page.locator(".cut")).to_have_count(0)
    await lists(page, DEMO)


async def test_the_workspace_menu_moves_an_entry_by_touch(pages, demo):
    page = await ready(await pages.open(WORKSPACE, size=PHONE, has_touch=True))

    await page.get_by_role("button", name="Actions: Liam").tap()
    await page.get_by_role("menuitem", name="Move to …").tap()
    await page.get_by_role("button", name="Mobile Ticketing", exact=True).tap()

    await becomes(demo.outline, [*DEMO[:6], "  Liam"])
    await page.get_by_role("switch", name="Web: Liam").tap()
    await expect(
        page.get_by_role("switch", name="Web: Liam", checked=True)
    ).to_be_visible()


async def test_two_clicks_send_a_form_once(pages, demo):
    page = await pages.open(f"{LIST}add/")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    await page.locator("#id_name").fill("Rosaline")

    save = page.locator("[name=_save]")
    await save.evaluate("save => { save.click(); setTimeout(() => save.click()) }")

    await expect(page.locator(".messagelist")).to_contain_text("was added")
    await lists(page, [*DEMO, "Rosaline"])
    assert sent.count("POST") == 1


async def test_a_form_is_sent_at_once_with_another_choice(pages):
    """Nothing tells a page that its download has arrived."""
    page = await pages.open(LIST)
    actions = page.locator("select[name=action]")
    await actions.select_option(label="Export as a spreadsheet (XLSX)")
    run = page.get_by_role("button", name=re.compile("^(Go|Run)")).first

    for name in ("Liam", "ATM Milano"):
        await line(page, name).locator(".action-select").check()
        async with page.expect_download():
            await run.click()


async def test_switches_are_saved_and_undone(pages, demo):
    page = await pages.open(LIST)
    shown = "one('Liam').mobile_is_published, one('ATM Milano').web_is_published"

    await (
        line(page, "Liam")
        .locator("[type=checkbox][name$=mobile_is_published]")
        .uncheck()
    )
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".messagelist")).to_contain_text(
        "1 channel or group was changed"
    )
    assert demo.read(f"[{shown}]") == [False, False]

    await page.get_by_role(
        "button", name="Undo: Changed the visibility of “Liam”"
    ).click()
    await expect(
        line(page, "Liam").locator("[type=checkbox][name$=mobile_is_published]")
    ).to_be_checked()
    assert demo.read(f"[{shown}]") == [True, False]


async def test_actions_switch_move_and_duplicate_the_chosen_entries(pages, demo):
    page = await pages.open(LIST)

    async def act(label, *chosen):
        for name in chosen:
            await line(page, name).locator(".action-select").check()
        await page.locator("select[name=action]").select_option(label=label)
        await page.get_by_role("button", name=re.compile("^(Go|Run)")).first.click()

    await act("Show on web", "Liam", "ATM Milano")
    for name in ("Liam", "ATM Milano"):
        await expect(
            line(page, name).locator("[type=checkbox][name$=web_is_published]")
        ).to_be_checked()

    await act("Move up", "Liam")
    moved = [*DEMO[:3], "Liam", *DEMO[3:6]]
    await lists(page, moved)

    await act("Duplicate with contents, as drafts", "Fibra Fastweb")
    await lists(page, [*moved[:3], "Fibra Fastweb", *moved[3:]])
    assert demo.outline() == [*moved[:3], "Fibra Fastweb", *moved[3:]]


async def test_the_list_is_searched_and_filtered(pages):
    page = await pages.open(LIST)

    await (
        page.get_by_role("searchbox")
        .or_(page.locator("#searchbar"))
        .first.fill("biglietti")
    )
    await page.keyboard.press("Enter")
    await lists(page, ["Mobile Ticketing", "  ATM Milano", "  ATAF Firenze"])

    await page.goto(f"{LIST}?web_is_published__exact=1")
    await lists(page, DEMO[:2])


async def test_the_list_works_without_a_script(pages, demo):
    page = await pages.open(LIST, java_script_enabled=False)

    await page.get_by_role("button", name="Cut “Liam” to paste it elsewhere").click()
    await page.get_by_role("button", name="Paste inside “Mobile Ticketing”").click()
    await expect(page.locator(".messagelist")).to_contain_text("Moved “Liam”.")

    assert demo.outline() == [*DEMO[:6], "  Liam"]
    await page.goto(WORKSPACE)
    await page.locator("noscript a, .errornote a").first.click()
    await expect(page).to_have_url(re.compile(f"{LIST}$"))


async def test_the_menu_opens_the_history(pages, demo):
    demo("edits.change([one('Liam')], 'anna', name='Noel', web_is_published=True)")
    page = await ready(await pages.open(WORKSPACE))

    await menu(page, "Noel", "History")

    first = page.locator(".entry-history li").first
    await expect(first).to_contain_text("Edited “Noel”")
    await expect(first).to_contain_text("anna")
    await expect(first).to_contain_text("Liam → Noel")
    await expect(first).to_contain_text("off → on")
