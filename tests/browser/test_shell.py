"""The frame of the back office: header, languages, themes, every stock page."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import (
    DESK,
    OPPOSITES,
    PHONE,
    in_looks,
    login,
    overflow,
    severe,
    typefaces,
)

pytestmark = pytest.mark.appearance

TARGET = 44  # px

PAGES = {
    "/admin/?all": "index",
    "/admin/password_change/": "password change",
    "/admin/auth/": "index of an app",
    "/admin/auth/user/": "list",
    "/admin/xmppservice/token/": "list",
    "/admin/xmppservice/token/add/": "form with boxes",
    "/admin/auth/user/1/change/": "form with selectors and dates",
    "/admin/auth/user/add/?_popup=1": "popup",
    "/admin/auth/user/1/history/": "history",
    "/admin/auth/user/1/delete/": "delete confirmation",
    "/admin/roster/account/": "empty list",
    "/admin/roster/account/add/": "form",
    "/admin/roster/command/": "list to read",
}

languages = pytest.mark.parametrize("language", ["en", "it"])
sizes = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


async def clean(page) -> None:
    """Check what axe finds, that nothing overflows the window, and the typeface."""
    assert await severe(page) == []
    assert await typefaces(page) == []
    assert await overflow(page) == 0


@in_looks(*OPPOSITES)
async def test_every_stock_page_is_clean(pages, size, language, theme):
    await every_stock_page_is_clean(pages, size, language, theme)


async def every_stock_page_is_clean(pages, size, language, theme):
    page = await pages.open("/admin/login/", user="", size=size, theme=theme)
    await clean(page)

    page = await pages.open("/healthz", size=size, language=language, theme=theme)
    for path in PAGES:
        await page.goto(path)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        await clean(page)


@in_looks(*OPPOSITES)
async def test_what_opens_on_a_page_is_clean_too(pages, size, language, theme):
    await what_opens_on_a_page_is_clean_too(pages, size, language, theme)


async def what_opens_on_a_page_is_clean_too(pages, size, language, theme):
    look = {"size": size, "language": language, "theme": theme}
    page = await pages.open("/admin/auth/user/1/change/", **look)
    await page.locator("#calendarlink0").click()
    await expect(page.locator("#calendarbox0")).to_be_visible()
    await clean(page)

    await page.goto("/admin/buddies/buddy/add/")
    await page.locator("details.account summary").click()
    await expect(page.locator("#logout-form button")).to_be_visible()
    await clean(page)


async def test_an_autocomplete_has_a_name_closed_and_open(pages):
    page = await pages.open("/admin/buddies/buddy/add/")
    await page.get_by_role("tab", name="Where it appears").click()
    await expect(page.get_by_role("combobox", name="Inside:")).to_be_visible()
    await clean(page)

    await page.locator(".select2-selection").click()

    await expect(page.get_by_role("option", name="Mobile Ticketing")).to_be_visible()
    await expect(page.get_by_role("searchbox", name="Inside:")).to_be_focused()
    assert await severe(page) == []


async def test_the_api_pages_violate_no_policy(pages):
    page = await pages.open("/api/")

    for path in ("/api/buddies/", "/api/document/", "/api/accounts/"):
        await page.goto(path)


async def test_an_inline_script_is_not_run(pages):
    page = await pages.open("/admin/password_change/")
    pages.forgiven.append("script-src")

    await page.evaluate(
        "() => { const one = document.createElement('script');"
        " one.textContent = 'window.ran = true'; document.body.append(one); }"
    )

    assert await page.evaluate("window.ran") is None
    assert any("script-src" in one for one in pages.complaints)


async def test_login_leads_to_the_workspace(pages):
    page = await pages.open("/admin/", user="")
    await expect(page).to_have_url(re.compile("/admin/login/"))

    await login(page)

    await expect(page).to_have_url(re.compile("/channels/$"))
    current = page.locator("nav.sections [aria-current=page]")
    await expect(current).to_have_text("Channels")


async def test_users_who_cannot_see_entries_get_the_stock_index(pages, new_person):
    page = await pages.open("/", user=new_person("otto", "roster.view_account"))

    await expect(page).to_have_url(re.compile("/admin/$"))
    words = await page.locator("nav.sections a").all_inner_texts()
    assert words == ["Accounts", "More"]


@sizes
async def test_the_chosen_language_is_kept(pages, size):
    page = await pages.open("/admin/auth/user/?q=a", size=size)

    await page.get_by_role("button", name="IT").click()

    await expect(page.locator("html")).to_have_attribute("lang", "it")
    await expect(page).to_have_url(re.compile(r"/admin/auth/user/\?q=a$"))
    await page.goto("/admin/password_change/")
    await expect(page.locator("html")).to_have_attribute("lang", "it")


async def test_the_theme_is_switched_without_a_reload(pages):
    page = await pages.open("/admin/auth/user/", theme="light", color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)

    await page.locator(".theme-toggle").click()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate(background) != light


async def test_the_default_theme_is_the_systems(pages):
    background = "getComputedStyle(document.body).backgroundColor"

    found = {
        await (
            await pages.open("/admin/auth/", theme="auto", color_scheme=scheme)
        ).evaluate(background)
        for scheme in ("light", "dark")
    }

    assert len(found) == 2


@languages
async def test_targets_are_large_enough_on_a_phone(pages, language):
    page = await pages.open("/admin/auth/user/", size=PHONE, language=language)
    await page.locator("details.account summary").click()

    for target in await page.locator("#header :is(a, button, summary)").all():
        if box := await target.bounding_box():
            assert (box["width"] >= TARGET, box["height"] >= TARGET) == (True, True)


async def test_logging_out_ends_the_session(pages):
    page = await pages.open("/admin/login/", user="")
    await login(page)

    await page.locator("details.account summary").click()
    await page.locator("#logout-form button").click()

    await expect(page).to_have_url(re.compile("/admin/logout/"))
    await clean(page)
    await page.goto("/admin/")
    await expect(page).to_have_url(re.compile("/admin/login/"))
