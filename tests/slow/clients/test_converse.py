"""What a user of an ordinary client sees: Converse.js, in a browser."""

from contextlib import AbstractAsyncContextManager

import pytest
from playwright.async_api import Locator, Page, expect

from tests.conversations.refusals import refusal
from tests.converse import Converse
from tests.service import (
    PASSWORD,
    SERVICE,
    WEBSOCKET,
    Service,
    component_only,
    until,
)

pytestmark = [
    component_only,
    pytest.mark.skipif(not Converse.installed(), reason="Converse.js is missing"),
]

LIAM = f"liam@{SERVICE}"


def converse(service: Service, local: str) -> AbstractAsyncContextManager[Converse]:
    websocket = f"ws://127.0.0.1:{service.server.http_port}/{WEBSOCKET}"
    return Converse.open(websocket, f"{local}@localhost", PASSWORD)


@pytest.fixture
async def page(service: Service):
    (local,) = service.register()
    async with converse(service, local) as opened:
        yield opened.page


async def settings(page: Page, tab: str) -> Locator:
    """Open a tab of the settings."""
    await page.click(".show-client-info")
    modal = page.locator(".modal.show")
    await modal.get_by_text(tab, exact=True).click()
    return modal


async def test_it_shows_what_the_service_and_a_channel_are(page: Page):
    modal = await settings(page, "Services")
    address = modal.locator("input[name=entity_jid]")
    for jid, name in ((SERVICE, "XMPP Service"), (LIAM, "Liam")):
        await address.fill(jid)
        await address.press("Enter")
        await expect(modal.locator(".identities")).to_contain_text(f"Name: {name}")
    await expect(modal.locator(".features")).to_contain_text("vcard-temp")


async def test_a_friend_is_found_by_a_form(service: Service, page: Page):
    (friend,) = service.register()
    modal = await settings(page, "Commands")
    await modal.locator("input[name=jid]").fill(SERVICE)
    await modal.get_by_text("List available commands").click()
    await modal.get_by_text("Find contacts").click()
    await modal.locator("textarea[name=numbers]").fill(friend)
    await modal.get_by_text("Complete", exact=True).click()

    found = f"Users found and now on your roster: {friend}."
    await expect(modal).to_contain_text(found)
    await expect(page.locator("#controlbox")).to_contain_text(friend)


async def test_a_text_to_a_channel_gets_an_error_in_words(service, page: Page):
    sentence = await refusal(service, LIAM)
    await page.click("converse-roster .dropdown-toggle >> nth=0")
    await page.click(".new-chat")
    await page.fill(".modal.show [name=jid]", LIAM)
    await page.press(".modal.show [name=jid]", "Enter")

    chat = await write(page, LIAM)
    await expect(chat).to_contain_text(sentence)
    # Its name is from the channel's vCard.
    await expect(chat.locator(".chat-head")).to_contain_text("Liam")


async def test_a_text_to_the_service_gets_an_error_in_words(service: Service):
    sentence = await refusal(service, SERVICE)
    async with converse(service, await subscriber(service)) as opened:
        await open_contact(opened.page)
        chat = await write(opened.page, SERVICE)
        await expect(chat).to_contain_text(sentence)


async def test_it_takes_the_document_for_no_picture(service: Service):
    async with converse(service, await subscriber(service)) as opened:
        await open_contact(opened.page)
        await write(opened.page, SERVICE)

        # It asks for the vCard of each contact, and again if a presence has a picture.
        asked = [one for one in opened.sent if "<vCard" in one]
        assert len([one for one in asked if f'to="{SERVICE}"' in one]) == 1


async def open_contact(page: Page) -> None:
    await page.locator("#controlbox .open-chat", has_text=SERVICE).click()


async def subscriber(service: Service) -> str:
    """Return a user that has subscribed to the presence of the service."""
    (local,) = service.register()
    async with service.client(local) as phone:
        await phone.presence(SERVICE, "subscribe")

        async def subscribed() -> bool:
            contact = (await phone.roster()).get(SERVICE)
            return contact is not None and contact.subscription == "to"

        await until(subscribed)
    return local


async def write(page: Page, jid: str) -> Locator:
    """Write a text in an open chat, and wait for the error."""
    chat = page.locator(f"converse-chat[jid='{jid}']")
    await chat.locator(".chat-textarea").fill("Good morning!")
    await chat.locator(".chat-textarea").press("Enter")
    await expect(chat).to_contain_text("Message delivery failed.")
    return chat
