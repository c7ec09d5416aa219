"""Empty, offline, too large, logged out, far too many: the page says what to do."""

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    WORKSPACE,
    becomes,
    items,
    looks,
    ready,
    switch,
    toast,
)
from tests.browser.conftest import login
from tests.browser.test_search_and_undo import many
from tests.service import PASSWORD, SERVICE, until

AWAY = "The service is not responding. Retrying …"
NO_XMPP = "The service is not connected to the XMPP server"
MAX_MINUTES = 2  # for everything with 10,000 entries
FAILED = r"ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_FAILED"


@pytest.mark.usefixtures("demo")
async def test_an_empty_tree_says_what_to_do(pages, demo):
    demo("edits.remove(Buddy.objects.filter(parent=None), 'anna'); releases.sync()")

    page = await ready(await pages.open(WORKSPACE))

    await expect(page.locator("#tree")).to_be_hidden()
    empty = page.locator("#no-entries")
    await expect(empty).to_contain_text("No channels yet.")
    await expect(page.locator("#panel")).to_contain_text("Nothing to show yet.")
    await empty.get_by_role("button", name="Group").click()
    await page.keyboard.type("Verona")
    await page.keyboard.press("Enter")
    await looks(page, ["Verona"])

    pages.forgiven.append("409")  # the panel shows it
    demo("edits.remove([one('Verona')], 'anna')")
    await expect(empty).to_be_visible()


@pytest.mark.usefixtures("demo")
async def test_offline_is_reported_until_the_network_returns(pages, demo):
    page = await ready(await pages.open(WORKSPACE))
    pages.forgiven.append(FAILED)

    await page.context.set_offline(True)

    await expect(page.locator("#problem")).to_have_text(AWAY)
    await expect(page.locator("#banner")).to_have_attribute("data-tone", "offline")
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_have_text(AWAY)
    await expect(switch(page, "Mobile", "Liam")).to_have_attribute(
        "aria-checked", "true"
    )

    demo("edits.change([one('Liam')], 'anna', name='Noel')")
    await page.context.set_offline(False)

    await looks(page, [*DEMO[:6], "Noel"])
    await expect(page.locator("#problem")).to_be_hidden()
    await expect(page.locator("#banner")).not_to_have_attribute("data-tone", "offline")
    await expect(page.locator("#panel .chats")).to_contain_text("Noel")


@pytest.mark.usefixtures("demo")
async def test_a_logout_elsewhere_is_reported(pages):
    page = await pages.open("/healthz", user="")
    await login(page)
    await ready(page)
    other = await page.context.new_page()
    await other.goto("/admin/password_change/")
    await other.locator("details.account summary").click()

    await other.locator("#logout-form button").click()

    said = "You have been logged out. Reload the page."
    await expect(page.locator("#problem")).to_have_text(said)
    await expect(page.locator("#headline")).to_contain_text("You have been logged out")
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_have_text(said)

    await page.bring_to_front()
    await page.get_by_role("link", name="Log in again").click()
    await page.locator("#id_username").fill("admin")
    await page.locator("#id_password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await ready(page)
    await expect(page.locator("#headline")).to_have_text("Everything is live")


# --- A service that may be stopped -------------------------------------------


async def test_a_stopped_service_is_reported_until_it_returns(own_pages, own_service):
    page = await ready(await own_pages.open(WORKSPACE))
    own_pages.forgiven.append(FAILED)

    own_service.stop()
    await expect(page.locator("#problem")).to_have_text(AWAY)

    own_service.start()
    await expect(page.locator("#problem")).to_be_hidden()
    await expect(page.locator("#headline")).to_have_text("Everything is live")
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")


async def test_a_stopped_xmpp_server_is_reported_until_it_returns(
    own_pages, own_service
):
    page = await ready(await own_pages.open(WORKSPACE))
    await expect(page.locator("#headline")).to_have_text("Everything is live")

    own_service.server.stop()

    await expect(page.locator("#problem")).to_contain_text(NO_XMPP)
    await expect(page.locator("#headline")).to_have_text(
        "Something needs your attention"
    )
    await expect(page.get_by_role("button", name="Retry")).to_be_visible()
    await page.get_by_role("button", name="Retry").click()
    await ready(page)
    await expect(page.locator("#problem")).to_contain_text(NO_XMPP)

    own_service.server.start()

    await expect(page.locator("#problem")).to_be_hidden(timeout=40_000)
    await expect(page.locator("#headline")).to_have_text("Everything is live")


async def test_a_too_large_document_is_reported_and_the_old_one_stays(
    own_pages, own_backstage, own_service
):
    page = await ready(await own_pages.open(WORKSPACE))
    meter = page.locator("#size")
    await expect(meter).to_have_attribute("data-level", "fine")

    own_backstage("edits.change([one('Liam')], 'anna', default_message='x' * 3000)")
    await expect(meter).to_have_attribute("data-level", "amber")
    own_backstage("edits.change([one('Liam')], 'anna', default_message='x' * 9000)")

    await expect(meter).to_have_attribute("data-level", "over")
    problem = page.locator("#problem")
    await expect(problem).to_contain_text("bytes; the limit is 6,000")
    await expect(problem).to_contain_text("Hide or delete some channels")
    await expect(page.locator("#size-words")).to_contain_text("of 5.9\xa0KB")
    (local,) = own_service.register()
    async with own_service.client(local) as client:

        async def message():
            found = items(await client.document(SERVICE))["Liam"]
            return len(found["info"]["defaultMessage"])

        await becomes(message, 3000)
        number = own_backstage.read("making.make('anna', 'Natale').pk")
        await page.goto(f"{WORKSPACE}campaigns/{number}/review/")
        await expect(page.locator(".errornote")).to_contain_text("the limit is 6,000")

        await page.goto(WORKSPACE)
        await ready(page)
        await switch(page, "Mobile", "Liam").click()

        await expect(page.locator("#problem")).to_be_hidden()
        await expect(meter).to_have_attribute("data-level", "fine")

        async def gone():
            return "Liam" not in items(await client.document(SERVICE))

        await until(gone)


async def test_ten_thousand_entries_still_work(own_pages, own_backstage):
    own_backstage(f"load({many(100, 99)!r})")
    patience = MAX_MINUTES * 60_000
    page = await own_pages.open(WORKSPACE)
    page.set_default_timeout(patience)
    await expect(page.locator("body[data-ready]")).to_be_attached(timeout=patience)
    assert own_backstage.read("Buddy.objects.count()") == 10_000

    await page.get_by_role("searchbox", name="Search channels").fill("channel 73-37")
    one = switch(page, "Web", "channel 73-37")
    await one.click()

    await expect(one).to_have_attribute("aria-checked", "false", timeout=patience)
    await expect(toast(page)).to_contain_text(
        "Changed the visibility of “channel 73-37”"
    )
    assert own_backstage.read("one('channel 73-37').web_is_published") is False
    await expect(page.locator("#problem")).to_contain_text("the limit is 6,000")
