"""Hold, review, publish, plan, roll back: what clients read, and when."""

import json
import re
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.backstage import (
    DEMO,
    VERSIONS,
    WORKSPACE,
    becomes,
    items,
    looks,
    menu,
    ready,
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
    await expect(page.locator("#headline")).to_have_text(
        re.compile("^(Everything is live|On hold: no unpublished changes)$")
    )


async def hold_changes(page) -> None:
    """Press Hold changes."""
    await settled(page)
    await page.get_by_role("button", name="Hold changes").click()
    await expect(page.locator("#headline")).to_have_text(
        "On hold: no unpublished changes"
    )
    await ready(page)


def number(demo) -> int:
    found: int = demo.read("live_release().number")
    return found


async def until_live(demo, wanted: int) -> None:
    async def taken():
        return demo.read(
            f"Release.objects.filter(number__gte={wanted}).exclude(live_at=None).exists()"
        )

    await until(taken)


# --- Hold, review, publish ---------------------------------------------------


async def test_on_hold_edits_are_a_draft_until_they_are_reviewed(pages, demo, read):
    page = await pages.open(WORKSPACE, user="piero")
    await hold_changes(page)
    await expect(page.locator("#held")).to_have_text(
        re.compile(r"^Held since .+ by piero: edits stay a draft until published\.$")
    )

    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")
    await menu(page, "ATM Milano", "Move to …")
    await page.get_by_role("button", name="Top level", exact=True).click()
    await looks(page, [*DEMO[:4], "  ATAF Firenze", "Liam", "ATM Milano"])

    await expect(page.locator("#headline")).to_have_text(
        "On hold: 2 unpublished changes"
    )
    await page.get_by_role("tab", name="Changes").click()
    changes = page.locator("#panel .changes li")
    await expect(changes).to_have_count(2)
    await expect(changes.filter(has_text="removed")).to_contain_text("Liam")
    await expect(changes.filter(has_text="moved").last).to_contain_text(
        "“Mobile Ticketing” → top level"
    )
    await expect(page.locator("#count")).to_have_text("2")
    assert (await read("Liam"))["mobileIsPublished"] is True

    await page.get_by_role("link", name="Review & publish").click()
    await expect(page.get_by_role("heading", name="2 changes for apps")).to_be_visible()
    await page.get_by_label("Note").fill("Out of the house")
    await page.get_by_role("button", name="Publish").click()

    await expect(page.locator(".messagelist")).to_contain_text("Published as version")
    await until(lambda: _gone(read, "Liam"))
    await expect(page.locator("#headline")).to_have_text(
        "On hold: no unpublished changes"
    )
    await page.get_by_role("link", name="Versions").click()
    first = page.locator("#result_list tbody tr").first
    await expect(first).to_contain_text("Out of the house")
    await expect(first).to_contain_text("piero")
    await expect(first).to_contain_text("live")


async def _gone(read, name):
    return await read(name) is None


async def test_ending_a_hold_publishes_the_draft(pages, demo, read):
    page = await pages.open(WORKSPACE, user="piero")
    await hold_changes(page)
    await switch(page, "Mobile", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")

    await expect(page.locator("#headline")).to_have_text(
        "On hold: 1 unpublished change"
    )
    await page.get_by_role("button", name="End hold").click()
    dialog = page.get_by_role("dialog", name="End the hold?")
    await expect(dialog).to_contain_text("1 change goes live now.")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert demo.read("Tree.objects.get().held_by") == "piero"
    await end_hold(page)

    await until(lambda: _gone(read, "Liam"))
    await settled(page)
    await expect(page.locator("#headline")).to_have_text("Everything is live")


async def end_hold(page) -> None:
    await page.get_by_role("button", name="End hold").click()
    dialog = page.get_by_role("dialog", name="End the hold?")
    await dialog.get_by_role("button", name="End hold").click()


async def test_without_a_script_a_page_asks_before_a_hold_ends(pages, demo):
    demo("review.hold('piero'); edits.change([one('Liam')], 'anna', status='In')")
    page = await pages.open(WORKSPACE, user="piero", java_script_enabled=False)

    await page.get_by_role("button", name="End hold").click()
    await expect(page.locator("#content")).to_contain_text("1 change goes live now.")
    assert demo.read("Tree.objects.get().held_by") == "piero"
    await page.get_by_role("button", name="End hold").click()

    await expect(page.get_by_role("button", name="Hold changes")).to_be_visible()
    assert demo.read("Tree.objects.get().held_by") == ""


TO_REVIEW = """
review.hold("piero")
edits.change([one("Liam")], "anna", status="R&amp;amp;D")
long = {"mobile_is_published": True, "default_message": "x" * 500_000}
edits.add(Buddy(name="Double", **long), "anna")
edits.add(Buddy(name="Nobody", type="group", web_is_published=True), "anna")
"""


async def test_a_review_warns_and_refuses(pages, demo):
    demo(TO_REVIEW)

    page = await pages.open(f"{VERSIONS}review/", user="piero")

    await expect(page.locator(".errornote")).to_contain_text(
        "the limit is 450,000. Hide or delete some channels."
    )
    warnings = page.locator(".warnings li")
    await expect(warnings.filter(has_text="No picture")).to_contain_text("Double")
    await expect(warnings.filter(has_text="escaped text")).to_contain_text("Liam")
    await expect(warnings.filter(has_text="Empty groups")).to_contain_text("Nobody")
    await expect(page.get_by_role("button", name="Publish")).to_be_disabled()


async def test_changes_after_the_review_are_not_published(pages, demo, read):
    demo("review.hold('piero'); edits.change([one('Liam')], 'anna', status='In')")
    page = await pages.open(f"{VERSIONS}review/", user="piero")
    await expect(page.locator(".changes")).to_contain_text("status text")
    demo("edits.change([one('Liam')], 'anna', status='Out')")

    await page.get_by_role("button", name="Publish").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        "Someone changed the channels in the meantime. Review the changes again."
    )
    await expect(page.locator(".changes")).to_contain_text("“Out”")
    assert (await read("Liam"))["info"]["status"] == "Life in a monk house"


# --- At a future time --------------------------------------------------------


async def plan(page, note: str) -> None:
    await page.goto(f"{VERSIONS}review/")
    await page.get_by_label("Note").fill(note)
    await page.get_by_label("at a moment").check()
    await page.get_by_label("Date and time").fill(f"{NEXT_YEAR}-12-31T23:59")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator(".messagelist")).to_contain_text("Planned")
    await ready(page)


async def test_a_plan_is_shown_and_goes_live_when_it_is_due(pages, demo, read):
    demo("review.hold('piero'); edits.change([one('Liam')], 'piero', status='2100')")
    page = await pages.open(WORKSPACE, user="piero")

    await plan(page, "New century")

    words = f"Goes live on 31 Dec {NEXT_YEAR}, 23:59 (UTC), planned by piero"
    await expect(page.locator("#planned li")).to_have_text(words)
    # Later edits are not part of it.
    demo("edits.change([one('Liam')], 'anna', status='2200')")
    other = await pages.open(VERSIONS, user="piero")
    await expect(other.locator(".plan")).to_contain_text("planned by piero")
    await expect(other.locator(".plan")).to_contain_text("New century")
    assert (await read("Liam"))["info"]["status"] == "Life in a monk house"

    demo("PlannedRelease.objects.update(publish_at=timezone.now())")

    async def status():
        return (await read("Liam"))["info"]["status"]

    await becomes(status, "2100")
    await expect(page.locator("#planned li")).to_have_count(0)
    await expect(page.locator("#headline")).to_have_text(
        "On hold: 1 unpublished change"
    )
    await other.reload()
    await expect(other.locator(".plan")).to_have_count(0)
    await expect(other.locator("#result_list tbody tr").first).to_contain_text(
        "New century"
    )


async def test_a_plan_must_be_cancelled_before_a_hold_ends(pages, demo):
    demo("review.hold('piero'); edits.change([one('Liam')], 'piero', status='2100')")
    page = await pages.open(WORKSPACE, user="piero")
    other = await ready(await pages.open(WORKSPACE, user="piero"))
    await expect(other.locator("#end-hold")).to_be_visible()
    await plan(page, "Not so soon")

    for one in (page, other):
        await expect(one.locator("#held")).to_contain_text("cancel the planned version")
        await expect(one.locator("#end-hold")).to_be_hidden()
    await page.goto(VERSIONS)
    await page.get_by_role("button", name="Cancel it").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        "The planned version was cancelled."
    )
    await expect(page.locator(".plan")).to_have_count(0)
    await expect(other.locator("#end-hold")).to_be_visible()
    assert demo.read("PlannedRelease.objects.count()") == 0


async def test_a_missing_or_past_time_is_refused(pages, demo):
    demo("review.hold('piero'); edits.change([one('Liam')], 'piero', status='2100')")
    page = await pages.open(f"{VERSIONS}review/", user="piero")
    publish = page.get_by_role("button", name="Publish")

    await page.get_by_label("at a moment").check()
    await publish.click()
    await expect(page.locator(".errorlist")).to_have_text("Say when.")

    await page.get_by_label("Date and time").fill("2001-01-01T00:00")
    await publish.click()
    await expect(page.locator(".messagelist")).to_contain_text("That time has passed")

    await page.get_by_label("now").check()
    await publish.click()
    await expect(page.locator(".errorlist")).to_have_text(
        "Choose “at a moment”, or empty the date."
    )
    assert demo.read("PlannedRelease.objects.count()") == 0


# --- Older versions ----------------------------------------------------------


async def edited(demo) -> int:
    """Make a newer version live; return the number of the demo's version."""
    first = number(demo)
    demo("edits.change([one('Liam')], 'anna', name='Noel'); releases.sync()")
    await until_live(demo, number(demo))
    return first


async def test_an_older_version_is_published_again(pages, demo, read):
    first = await edited(demo)
    await until(lambda: read("Noel"))
    page = await pages.open(f"{VERSIONS}{first}/change/", user="piero")

    await page.get_by_role("button", name="Publish again").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        f"Version {first} is live again"
    )
    await expect(page.locator(".messagelist")).to_contain_text(
        "Changes are on hold now"
    )
    await until(lambda: read("Liam"))
    await ready(page)
    await expect(page.locator("#held")).to_contain_text("by piero")
    await expect(page.locator("#headline")).to_have_text(
        "On hold: 1 unpublished change"
    )
    await looks(page, [*DEMO[:6], "Noel"])


async def test_an_older_version_is_restored_as_a_draft(pages, demo, read):
    first = await edited(demo)
    demo("edits.move([one('Noel')], 'anna', None, 'first'); releases.sync()")
    page = await pages.open(f"{VERSIONS}{first}/change/", user="piero")

    await page.get_by_role("button", name="Restore as draft").click()

    await expect(page.locator(".messagelist")).to_contain_text(
        f"The tree is what it was for version {first}, as a draft"
    )
    await ready(page)
    await looks(page, DEMO)
    await expect(page.locator("#held")).to_contain_text("by piero")
    assert await read("Noel")
    assert demo.outline() == DEMO


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
