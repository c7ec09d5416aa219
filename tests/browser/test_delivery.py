"""The Delivery page and the commands: what is delivered, pending or dead."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.backstage import becomes
from tests.browser.conftest import (
    OPPOSITES,
    in_looks,
    overflow,
    severe,
)

DELIVERY, COMMANDS = "/admin/delivery/", "/admin/roster/command/"


# Created without a wake-up, so nothing runs it.
COMMAND = """
from roster.models import Command
Command.objects.all().delete()
Command.objects.create(
    key="dead", state="dead", owner="00393209999999@localhost", command={word!r},
    sender="00393209999999@localhost/phone", stanza_id="one", message_type="chat",
    payload={payload!r}, answer={answer!r}, attempts=8, error="roster not read",
    done_at=timezone.now(), sent_at=timezone.now(),
)
"""
ANSWER = {"status": 1, "errorCode": "SQL_ERROR", "errorMessage": []}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def dead(demo):
    """A dead command; returns the shell."""
    demo(
        COMMAND.format(
            word=f"cmd_{HOSTILE}",
            payload=json.dumps({"channelUsers": [HOSTILE]}),
            answer=json.dumps(ANSWER),
        )
    )
    yield demo
    demo("Command.objects.all().delete()")


async def clean(page) -> None:
    assert await severe(page) == []
    assert await overflow(page) == 0


@in_looks(*OPPOSITES)
async def test_each_page_is_clean(pages, dead, size, language, theme):
    await each_page_is_clean(pages, dead, size, language, theme)


async def each_page_is_clean(pages, dead, size, language, theme):
    key = dead.read("Command.objects.get().pk")
    page = await pages.open(DELIVERY, size=size, language=language, theme=theme)
    for path in (DELIVERY, COMMANDS, f"{COMMANDS}{key}/change/"):
        await page.goto(path)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("img[src=x], [onerror]")).to_have_count(0)
        await clean(page)


@pytest.mark.usefixtures("dead")
async def test_the_page_shows_the_state_and_updates_itself(pages, demo):
    page = await pages.open(DELIVERY)
    await expect(page.locator("nav [aria-current=page]")).to_have_text("Delivery")
    await expect(page.locator("[data-text=headline]")).to_have_text(
        "All systems working"
    )
    number = demo.read("live_release().number")
    await expect(page.locator("[data-text=number]")).to_have_text(str(number))
    dead = page.locator("[data-text=dead]")
    await expect(dead).to_have_text("1")

    demo("Command.objects.all().delete()")
    await expect(dead).to_have_text("0")
    demo("edits.change([one('Liam')], 'anna', status='Out')")
    await expect(page.locator("[data-text=number]")).to_have_text(str(number + 1))


async def number_that_apps_read(demo) -> int:
    """The newest version, once clients can read it: a test before may have edited."""
    await becomes(lambda: demo.read("live_release().live_at is not None"), True)
    return demo.read("live_release().number")


async def test_a_check_reads_the_live_document_through_the_xmpp_server(pages, demo):
    page = await pages.open(DELIVERY)
    number = await number_that_apps_read(demo)

    await page.get_by_role("button", name="Check now").click()

    verdict = page.locator("#verdict")
    await expect(verdict).to_contain_text(f"Apps read version {number}.")
    await expect(verdict).to_have_attribute("data-ok", "true")
    await clean(page)


async def test_the_check_works_without_a_script(pages, demo):
    page = await pages.open(DELIVERY, java_script_enabled=False)
    number = await number_that_apps_read(demo)
    await page.get_by_role("button", name="Check now").click()
    await expect(page.locator(".messagelist")).to_contain_text(f"version {number}.")


async def test_a_stopped_xmpp_server_is_reported(own_pages, own_service):
    page = await own_pages.open(DELIVERY)
    connection = page.locator("[data-text=connection]")
    await expect(connection).to_contain_text("Connected since")

    own_service.server.stop()

    await expect(connection).to_have_text("Not connected")
    await expect(page.locator("[data-text=away]")).to_be_visible()
    await page.get_by_role("button", name="Check now").click()
    await expect(page.locator("#verdict")).to_have_text(
        "The service is not connected to the XMPP server."
    )
    await clean(page)

    own_service.server.start()

    await expect(connection).to_contain_text("Connected since", timeout=40_000)
    await expect(page.locator("[data-text=away]")).to_be_hidden()


async def test_a_dead_command_is_found_and_retried(pages, dead):
    page = await pages.open(DELIVERY)
    await page.locator("[data-text=dead]").click()
    await page.locator("#result_list th a").click()
    await expect(page.locator(".field-error_code")).to_contain_text("SQL_ERROR")
    await expect(page.locator(".field-payload")).to_contain_text(HOSTILE)

    await page.get_by_role("button", name="Retry").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        "1 command will be retried."
    )
    await expect(page.get_by_role("button", name="Retry")).to_have_count(0)


async def test_a_payload_is_hidden_without_the_permission(pages, dead, new_person):
    name = new_person("carlotta", "roster.view_command")
    key = dead.read("Command.objects.get().pk")

    page = await pages.open(f"{COMMANDS}{key}/change/", user=name)

    await expect(page.locator(".field-hidden")).to_contain_text(
        "hidden: needs the permission"
    )
    await expect(page.locator("main")).not_to_contain_text("channelUsers")
    await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
