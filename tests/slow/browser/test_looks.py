"""Each page of the back office in each size, language and theme."""

import pytest

from tests.browser import (
    test_accessibility,
    test_accounts,
    test_delivery,
    test_shell,
    test_webchat,
)
from tests.browser.conftest import OTHERS, in_looks

pytestmark = pytest.mark.appearance


@in_looks(*OTHERS)
async def test_every_stock_page_is_clean(pages, size, language, theme):
    await test_shell.every_stock_page_is_clean(pages, size, language, theme)


@in_looks(*OTHERS)
async def test_each_page_of_accounts_is_clean(pages, cast, size, language, theme):
    await test_accounts.each_page_is_clean(pages, cast, size, language, theme)


@in_looks(*OTHERS)
async def test_each_page_of_delivery_is_clean(pages, dead, size, language, theme):
    await test_delivery.each_page_is_clean(pages, dead, size, language, theme)


@in_looks(*OTHERS)
async def test_opened_calendars_and_menus_are_clean(pages, size, language, theme):
    await test_shell.what_opens_on_a_page_is_clean_too(pages, size, language, theme)


@in_looks(*OTHERS)
@pytest.mark.usefixtures("chats")
async def test_each_step_of_the_webchat_is_clean(pages, size, language, theme):
    await test_webchat.each_step_is_clean(pages, size, language, theme)


@in_looks("desk-en-light", *OTHERS)
async def test_the_page_of_a_channel_is_clean(pages, chats, size, language, theme):
    await test_webchat.the_page_opens_the_webchat(pages, chats, size, language, theme)


async def test_axe_finds_nothing_severe_on_any_page(pages, demo):
    await test_accessibility.nothing_severe_on_any_page(pages, demo, "dark")


async def test_axe_finds_nothing_severe_in_opened_panels_and_menus(pages, demo):
    await test_accessibility.nothing_severe_in_what_opens(pages, demo, "light")
