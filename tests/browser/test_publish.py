"""Campaigns: review, publish, plan; roll back: what clients read, and when."""

import json
import re
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.backstage import (
    CAMPAIGNS,
    DEMO,
    VERSIONS,
    WORKSPACE,
    becomes,
    click_during_poll,
    items,
    looks,
    menu,
    ready,
    row,
    switch,
    toast,
)
from tests.service import SERVICE, until

pytestmark = pytest.mark.usefixtures("demo")

NEXT_YEAR = datetime.now(UTC).year + 1
CLIENT_SEES = [name.strip() for name in DEMO]


@pytest_asyncio.fixture(loop_scope="session")
async def read(client, demo):
    """``await read("Liam")`` returns an item as a client reads it now, or None."""

    async def is_reset():
        return await client.document(SERVICE) == demo.read("live_release().body")

    # The reset runs in another process, and wakes none of the service's.
    await until(is_reset)

    async def item(name):
        return items(await client.document(SERVICE)).get(name)

    return item


async def settled(page) -> None:
    await ready(page)
    await expect(page.locator("#headline")).to_have_text("Everything is live")


def number(demo) -> int:
    found: int = demo.read("live_release().number")
    return found


async def until_live(demo, wanted: int) -> None:
    async def taken():
        return demo.read(
            f"Release.objects.filter(number__gte={wanted}).exclude(live_at=None).exists()"
        )

    await until(taken)


# --- Prepare, review, publish -------------------------------------------------


async def begin(page, name: str) -> None:
    """Make a campaign; its workspace opens."""
    await page.goto(WORKSPACE)
    await ready(page)
    await page.get_by_role("link", name="New campaign").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Begin").click()
    await ready(page)
    await expect(page.locator("#headline")).to_have_text(f"You are editing “{name}”")


async def test_a_campaign_is_prepared_reviewed_and_published(pages, demo, read):
    page = await pages.open(WORKSPACE, user="piero")
    await begin(page, "Natale")

    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("in “Natale”: not live")
    await menu(page, "ATM Milano", "Move to …")
    await page.get_by_role("button", name="Top level", exact=True).click()
    await looks(page, [*DEMO[:4], "  ATAF Firenze", "Liam", "ATM Milano"])

    await page.get_by_role("tab", name="Changes").click()
    changes = page.locator("#panel .changes li")
    await expect(changes).to_have_count(2)
    await expect(changes.filter(has_text="hidden")).to_contain_text("Liam")
    await expect(changes.filter(has_text="moved").last).to_contain_text(
        "“Mobile Ticketing” → top level"
    )
    await expect(page.locator("#count")).to_have_text("2")
    assert (await read("Liam"))["mobileIsPublished"] is True
    assert demo.outline() == DEMO

    await page.get_by_role("link", name="Review & publish").click()
    await expect(
        page.get_by_role("heading", name="2 changes", exact=True)
    ).to_be_visible()
    await expect(page.locator("#panel .chats strong").last).to_have_text("ATM Milano")
    await page.get_by_role("button", name="Publish now").click()

    await expect(page.locator(".messagelist")).to_contain_text("“Natale” is live")
    await until(lambda: _gone(read, "Liam"))
    await settled(page)
    await page.get_by_role("link", name="Versions").click()
    first = page.locator(".versions > li").first
    for words in ("Natale", "piero", "live"):
        await expect(first).to_contain_text(words)


async def _gone(read, name):
    return await read(name) is None


async def test_a_change_is_taken_back_and_another_is_done_live(pages, demo, read):
    number = demo.read("campaign('Natale', 'anna', 'Liam', status='In', name='L').pk")
    page = await ready(await pages.open(f"{WORKSPACE}?campaign={number}", user="anna"))
    await page.get_by_role("tab", name="Changes").click()
    lines = page.locator("#panel .changes li")

    await lines.filter(has_text="name").get_by_role("button", name="Take back").click()
    await expect(lines).to_have_count(1)
    do_live = lines.get_by_role("button", name="Do this live now")
    async with click_during_poll(page, do_live):
        demo("edits.change([one('ATM Milano')], 'piero', status='on strike')")

    await expect(lines).to_have_count(0)
    await expect(row(page, "ATM Milano")).to_contain_text("on strike")
    await becomes(lambda: _status(read), "In")


async def _status(read):
    return (await read("Liam"))["info"]["status"]


async def test_natale_and_saldi_beside_live_undo_nothing(pages, demo, read):
    """Two campaigns and an urgent live edit: none takes back what another did."""
    demo("natale = campaign('Natale', 'anna', 'Liam', status='Auguri')")
    demo("saldi = campaign('Saldi', 'piero', 'Fibra Fastweb', name='Fibra -50%')")
    demo("edits.change([one('Liam')], 'anna', name='Noel')")
    demo("plan(natale, 'piero'); plan(saldi, 'piero')")
    demo("Campaign.objects.update(due_at=timezone.now())")

    await until(lambda: read("Fibra -50%"))
    noel = await read("Noel")
    assert noel["info"]["status"] == "Auguri"


async def test_a_conflict_is_decided_with_a_key(pages, demo, read):
    number = demo.read("campaign('Natale', 'anna', 'Liam', name='Noel').pk")
    demo("edits.change([one('Liam')], 'piero', name='Leo')")
    page = await ready(await pages.open(f"{WORKSPACE}?campaign={number}", user="anna"))
    await page.locator("#decisions").click()
    card = page.locator(".decision")
    await expect(card).to_contain_text("piero changed “name” live on")

    await expect(card).to_be_focused()
    await page.keyboard.press("1")

    await expect(page.locator(".messagelist")).to_contain_text("Decided.")
    await expect(card).to_have_count(0)
    assert demo.read(f"review(Campaign.objects.get(pk={number})).errors") == []


async def test_changes_after_the_review_are_not_published(pages, demo, read):
    number = demo.read("campaign('Natale', 'anna', 'Liam', status='In').pk")
    page = await pages.open(f"{CAMPAIGNS}{number}/review/", user="piero")
    await expect(page.locator(".changes").first).to_contain_text("status text")
    demo(f"CampaignEdits({number}).change([one('Liam')], 'anna', status='Out')")

    await page.get_by_role("button", name="Publish now").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        "Someone changed the campaign in the meantime. Review it again."
    )
    await expect(page.locator(".changes").first).to_contain_text("“Out”")
    assert await _status(read) == "Life in a monk house"


# --- At a future time --------------------------------------------------------


async def test_a_plan_is_shown_and_goes_live_when_it_is_due(pages, demo, read):
    number = demo.read("campaign('Century', 'anna', 'Liam', status='2100').pk")
    page = await pages.open(f"{CAMPAIGNS}{number}/review/", user="piero")
    await page.get_by_label("Date and time").fill(f"{NEXT_YEAR}-12-31T23:59")
    await page.get_by_role("button", name="Plan", exact=True).click()
    await expect(page.locator(".messagelist")).to_contain_text("Planned")
    await ready(page)

    words = f"Nobody sees it before 31 Dec {NEXT_YEAR}, 23:59 (UTC). 1 change."
    await expect(page.locator("#live")).to_have_text(words)
    other = await pages.open(VERSIONS, user="piero")
    await expect(other.locator(".plan")).to_contain_text("“Century” goes live on")
    assert await _status(read) == "Life in a monk house"

    pages.forgiven.append("409")  # the page of the campaign asks for its state
    demo("Campaign.objects.update(due_at=timezone.now())")

    await becomes(lambda: _status(read), "2100")
    await other.reload()
    await expect(other.locator(".plan")).to_have_count(0)
    await expect(other.locator(".versions > li").first).to_contain_text("Century")


async def test_a_campaign_with_a_conflict_does_not_go_live_by_itself(pages, demo, read):
    demo("natale = campaign('Natale', 'anna', 'Liam', status='In')")
    demo("edits.change([one('Liam')], 'piero', status='Out'); releases.sync()")
    before = demo.read("live_release().number")
    demo("plan(natale, 'piero')")
    demo("Campaign.objects.update(due_at=timezone.now()); applying.publish_due()")

    page = await ready(await pages.open(WORKSPACE, user="anna"))

    await expect(page.locator("#problem")).to_contain_text(
        "“Natale” did not go live on"
    )
    assert demo.read("live_release().number") == before
    await becomes(lambda: _status(read), "Out")


# --- Older versions ----------------------------------------------------------


async def edited(demo) -> int:
    """Make a newer version live; return the number of the demo's version."""
    first = number(demo)
    demo("edits.change([one('Liam')], 'anna', name='Noel'); releases.sync()")
    await until_live(demo, number(demo))
    return first


async def test_going_back_to_an_older_version_is_undone(pages, demo, read):
    first = await edited(demo)
    await until(lambda: read("Noel"))
    page = await pages.open(f"{VERSIONS}{first}/change/", user="piero")

    await page.get_by_role("link", name="Go back to this version").click()
    phone = page.locator("#phone-old .chat")
    await expect(phone.filter(has_text="Noel").locator("em")).to_have_text("edited")
    await page.get_by_role("button", name="Go back to this version").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        f"Version {first} is live again"
    )
    await until(lambda: read("Liam"))
    await settled(page)
    await looks(page, DEMO)
    await page.locator("#undo").click()
    await until(lambda: read("Noel"))
    await looks(page, [*DEMO[:6], "Noel"])


async def test_an_older_version_is_restored_as_a_campaign(pages, demo, read):
    first = await edited(demo)
    page = await pages.open(f"{VERSIONS}{first}/change/", user="piero")

    await page.get_by_role("button", name="Restore as a campaign").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        f"This campaign brings version {first} back."
    )
    await ready(page)
    await looks(page, DEMO)
    await until(lambda: read("Noel"))
    assert demo.outline() == [*DEMO[:6], "Noel"]


async def test_a_version_is_shown_compared_and_downloaded(pages, demo, client):
    first = await edited(demo)
    page = await pages.open(f"{VERSIONS}{first}/change/")
    chats = page.locator("#panel .chats strong")

    await expect(chats.last).to_have_text("Liam")
    await page.get_by_role("tab", name="Webchat").click()
    await expect(chats).to_have_text(DEMO[:2])
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="JSON")).to_be_focused()
    shown = await page.locator("#json pre").inner_text()
    assert [one["info"]["name"] for one in json.loads(shown)["items"]] == [
        name for name in DEMO if not name.startswith(" ")
    ]
    await expect(page.locator("#panel")).to_be_hidden()

    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download").click()
    download = await started.value
    assert download.suggested_filename == f"version-{first}.json"
    body = (await download.path()).read_text()
    assert json.loads(body) == json.loads(shown)
    assert body == demo(f"print(Release.objects.get(number={first}).body)")

    await page.goto(f"{VERSIONS}{number(demo)}/change/")
    await page.get_by_label("What changed since version").select_option(str(first))
    await page.get_by_role("button", name="Compare").click()
    await expect(page.locator("h2")).to_have_text(
        f"From version {first} to version {number(demo)}"
    )
    await expect(page.locator(".changes li")).to_have_text(
        re.compile("edited.*Noel.*name: “Liam” → “Noel”")
    )
