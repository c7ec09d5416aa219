"""Campaigns beside each other and beside what is live, as staff and clients see it."""

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    WORKSPACE,
    becomes,
    items,
    menu,
    ready,
    row,
    switch,
    toast,
)
from tests.browser.conftest import PHONE
from tests.browser.test_two_people import press_switch
from tests.service import SERVICE, until

pytestmark = pytest.mark.usefixtures("demo")


async def seen(client, name: str, key: str) -> object:
    """Return a value of an item as a client reads it now; None if it does not."""
    item = items(await client.document(SERVICE)).get(name, {})
    return item.get(key)


async def until_demo(client, demo) -> None:
    async def is_reset():
        return await client.document(SERVICE) == demo.read("live_release().body")

    # The reset runs in another process, and wakes none of the service's.
    await until(is_reset)


async def open_campaign(pages, demo, name: str, user: str):
    """Open the workspace of a new campaign; return the page and its number."""
    number = demo.read(f"making.make({user!r}, {name!r}).pk")
    page = await pages.open(f"{WORKSPACE}?campaign={number}", user=user)
    return await ready(page), number


async def test_two_campaigns_and_a_live_edit_undo_nothing(pages, demo, client):
    """Once, two planned versions took each other's changes back."""
    await until_demo(client, demo)
    natale, first = await open_campaign(pages, demo, "Natale", "anna")
    saldi, second = await open_campaign(pages, demo, "Saldi", "piero")

    await press_switch(natale, "Web", "Liam", "true")
    await press_switch(saldi, "Web", "ATM Milano", "true")
    live = await ready(await pages.open(WORKSPACE, user="piero"))
    await press_switch(live, "Mobile", "Fibra Fastweb", "false")
    await becomes(lambda: seen(client, "Fibra Fastweb", "type"), None)
    assert await seen(client, "Liam", "webIsPublished") is False
    # The campaign has it at once.
    flag = switch(natale, "Mobile", "Fibra Fastweb")
    await expect(flag).to_have_attribute("aria-checked", "false")

    demo(f"plan(Campaign.objects.get(pk={first}), 'piero')")
    demo(f"plan(Campaign.objects.get(pk={second}), 'piero')")
    # The pages that are open then ask for campaigns that are over.
    pages.forgiven.append("409")
    demo("Campaign.objects.update(due_at=timezone.now())")

    await becomes(lambda: seen(client, "Liam", "webIsPublished"), True)
    await becomes(lambda: seen(client, "ATM Milano", "webIsPublished"), True)
    assert await seen(client, "Fibra Fastweb", "type") is None
    await live.reload()
    await expect(live.locator("#live")).to_contain_text("by piero")


async def test_a_conflict_is_told_to_both_and_decided_by_the_keyboard(pages, demo):
    campaign, number = await open_campaign(pages, demo, "Natale", "anna")
    demo(f"CampaignEdits({number}).change([one('Liam')], 'anna', status='Buon Natale')")
    live = await ready(await pages.open(WORKSPACE, user="piero"))

    demo("edits.change([one('Liam')], 'piero', status='Out')")
    await expect(campaign.locator("#decision-count")).to_have_text("1")
    await expect(row(live, "Liam")).to_contain_text("Out")
    await press_switch(live, "Web", "Liam", "true")
    await expect(toast(live)).to_contain_text("The campaign “Natale” changes this, too")

    await campaign.locator("#decisions").click()
    await expect(campaign.locator(".sides")).to_contain_text("Buon Natale")
    await expect(campaign.locator(".decision")).to_be_focused()
    await campaign.keyboard.press("1")

    await expect(campaign.locator(".messagelist")).to_contain_text("Decided.")
    await expect(campaign.locator(".decision")).to_have_count(0)
    assert demo.read(f"review(Campaign.objects.get(pk={number})).errors") == []


async def test_what_a_campaign_deletes_stays_in_sight_and_comes_back(pages, demo):
    page, _number = await open_campaign(pages, demo, "Natale", "anna")
    await menu(page, "Liam", "Delete …")
    await expect(page.get_by_role("dialog")).to_contain_text("It stays live until")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    struck = page.locator(".wb-row[data-mark=removed]")
    await expect(struck).to_contain_text("Liam")
    await menu(page, "Liam", "Take back this change")

    await expect(struck).to_have_count(0)
    await expect(row(page, "Liam")).to_be_visible()


async def test_on_a_phone_an_urgent_switch_is_live_beside_a_campaign(
    pages, demo, client
):
    await until_demo(client, demo)
    await open_campaign(pages, demo, "Natale", "anna")
    phone = await ready(await pages.open(WORKSPACE, user="anna", size=PHONE))
    await expect(phone.locator(".desks [aria-current]")).to_have_text("Live")

    await press_switch(phone, "Mobile", "Fibra Fastweb", "false")

    await expect(toast(phone)).not_to_contain_text("not live")
    await becomes(lambda: seen(client, "Fibra Fastweb", "type"), None)
