"""The calendar of campaigns in a browser."""

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, overflow, severe
from tests.service import Service

YEAR = date.today().year + 1
CALENDAR = f"/admin/buddies/buddy/channels/campaigns/calendar/?month={YEAR}-12"
PLAN = f"""
from datetime import datetime, UTC
from buddies.campaigns import making
from buddies.models import Campaign
made = making.make("admin", making.free_name("Calendar"))
Campaign.objects.filter(pk=made.pk).update(
    state="planned", planned_by="admin", due_at=datetime({YEAR}, 12, 8, 9, tzinfo=UTC),
    ends_at=datetime({YEAR}, 12, 20, tzinfo=UTC))
print(made.name)
"""
DELETE = """
from buddies.models import Campaign
Campaign.objects.filter(name=%r).delete()
"""


@pytest.fixture
def campaign(service: Service) -> Iterator[str]:
    """The name of a campaign that is planned for 8 December."""
    name = service.shell(PLAN).strip()
    yield name
    service.shell(DELETE % name)


async def test_a_bar_is_dragged_to_another_day(pages, campaign):
    page = await pages.open(CALENDAR)
    bar = page.locator("[data-move]", has_text=campaign).first
    day = page.locator(f"[data-date='{YEAR}-12-15']")

    await bar.drag_to(day, target_position={"x": 40, "y": 12})

    moved = f"“{campaign}” goes live on 15 Dec {YEAR}"
    await expect(page.locator(".messagelist .success")).to_contain_text(moved)
    await expect(bar).to_have_attribute("data-due", f"{YEAR}-12-15T09:00:00+00:00")


async def test_a_bar_dropped_behind_its_end_stays(pages, campaign):
    page = await pages.open(CALENDAR)
    bar = page.locator("[data-move]", has_text=campaign).first
    day = page.locator(f"[data-date='{YEAR}-12-28']")

    await bar.drag_to(day, target_position={"x": 40, "y": 12})

    text = "Choose an earlier moment, or change its end"
    await expect(page.locator(".messagelist .error")).to_contain_text(text)
    await expect(bar).to_have_attribute("data-due", f"{YEAR}-12-08T09:00:00+00:00")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_phone_has_the_list_and_its_form(pages, campaign, theme):
    page = await pages.open(CALENDAR, size=PHONE, theme=theme)
    await expect(page.locator(".month")).to_be_hidden()
    row = page.locator(".events li", has_text=f"{campaign} goes live")

    await row.locator("summary").click()
    await row.locator("[name=at]").fill(f"{YEAR}-12-09T10:30")
    assert await severe(page) == []
    assert await overflow(page) == 0
    await row.get_by_role("button", name="Move").click()

    await expect(row).to_contain_text(f"9 Dec {YEAR}, 10:30")
