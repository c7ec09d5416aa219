"""The form of an entry in a browser: its tabs, its preview, its picture.

Nothing here is saved, so that the shared service stays as it was.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from tests.service import PASSWORD, Service

CHROMIUM = "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.fixture
async def page(service: Service) -> AsyncIterator[Page]:
    """Yield the form of a new entry; a failed or blocked script fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=OPTIONS
        )
        page = await browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text))
        await page.goto(
            f"http://127.0.0.1:{service.http_port}"
            "/admin/login/?next=/admin/buddies/buddy/add/"
        )
        await page.fill("#id_username", "admin")
        await page.fill("#id_password", PASSWORD)
        await page.click("[type=submit]")
        await page.get_by_role("tablist").wait_for()
        yield page
        await browser.close()
    # Chromium requests an icon that no page names.
    assert [text for text in errors if "404" not in text] == []


async def test_one_tab_is_shown_at_a_time_and_chosen_by_keyboard(page: Page):
    tabs = page.get_by_role("tab")
    await tabs.nth(0).focus()

    for key, place in [("ArrowRight", 1), ("End", 3), ("ArrowRight", 0), ("End", 3)]:
        await page.keyboard.press(key)
        await expect(tabs.nth(place)).to_be_focused()
        await expect(tabs.nth(place)).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("tabpanel")).to_have_count(1)
    await expect(page.get_by_role("tabpanel")).to_have_accessible_name("Technical")
    await expect(page.locator("#id_address")).to_be_visible()
    await expect(page.locator("#id_name")).to_be_hidden()


async def test_a_tab_with_an_error_is_opened_and_marked(page: Page):
    await page.fill("#id_name", "ATM")
    await page.get_by_role("tab", name="Schedule").click()
    for name, day in (("from", 2), ("until", 1)):
        await page.fill(f"#id_visible_{name}_0", f"2026-12-0{day}")
        await page.fill(f"#id_visible_{name}_1", "10:00:00")
    await page.get_by_role("tab", name="Technical").click()
    await page.fill("#id_address", "atm_milano")
    await page.get_by_role("button", name="Save", exact=True).click()

    schedule = page.get_by_role("tab", name="Schedule has errors")
    await expect(schedule).to_have_attribute("aria-selected", "true")
    until = page.locator(".field-visible_until")
    await expect(until).to_contain_text("must be later than “Visible from”")
    await page.get_by_role("tab", name="Technical has errors").click()
    await expect(page.get_by_text("This address is already taken.")).to_be_visible()
    await expect(page.get_by_role("tab", name="has errors")).to_have_count(2)


async def test_the_preview_follows_what_is_typed(page: Page):
    card = page.get_by_label("Preview")

    await page.fill("#id_name", "<b>Romeo</b>")
    await page.fill("#id_status", "in love")
    await page.fill("#id_default_message", "But soft!\nWhat light?")

    await expect(card).to_contain_text("<b>Romeo</b>")
    await expect(card).to_contain_text("in love")
    await expect(card.locator(".entry-bubble")).to_have_text("But soft!\nWhat light?")
    await expect(page.get_by_text("12 / 255")).to_be_visible()
    await expect(page.get_by_text("7 / 1000")).to_be_visible()


async def test_channel_fields_of_a_group_are_hidden_unless_filled_in(page: Page):
    await page.select_option("#id_type", "group")
    await expect(page.locator("#id_default_message")).to_be_hidden()

    await page.select_option("#id_type", "channel")
    await page.fill("#id_default_message", "But soft!")
    await page.select_option("#id_type", "group")
    await expect(page.locator("#id_default_message")).to_be_visible()


async def test_a_chosen_picture_is_shown_at_once(page: Page, tmp_path: Path):
    picture, text = tmp_path / "romeo.png", tmp_path / "juliet.png"
    Image.new("RGB", (300, 200), "red").save(picture)
    text.write_text("Wherefore art thou?")
    faces = page.locator(".face canvas")

    await page.set_input_files("#id_avatar", picture)
    await expect(faces).to_have_count(2)

    await page.set_input_files("#id_avatar", text)
    await expect(page.get_by_role("alert")).to_contain_text("not a picture we can read")
    await expect(faces).to_have_count(0)
    assert await page.input_value("#id_avatar") == ""
