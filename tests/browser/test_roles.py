"""What an editor, a publisher and a reader see, and what the server lets them do."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.browser.backstage import (
    CAMPAIGNS,
    DEMO,
    LIST,
    VERSIONS,
    WORKSPACE,
    becomes,
    looks,
    ready,
    row,
    switch,
    toast,
)

pytestmark = pytest.mark.usefixtures("demo")

PUBLISHING = re.compile("^(Plan|Publish now|Take it back|Do not plan it|Approve)$")
EDITS = ("switch", "move", "duplicate", "remove", "undo")


async def post(page, path: str, body: object = None, **form: str) -> int:
    """Send a request that the page has no button for; return the status."""
    cookies = {one["name"]: one["value"] for one in await page.context.cookies()}
    token = {"X-CSRFToken": cookies["csrftoken"]}
    if body is None:
        sent = {"headers": token, "form": form}
    else:
        sent = {
            "headers": {**token, "Content-Type": "application/json"},
            "data": json.dumps(body),
        }
    answer = await page.context.request.post(path, max_redirects=0, **sent)
    return answer.status


def publishing(page):
    back = page.get_by_role("link", name="Go back to this version")
    return page.get_by_role("button", name=PUBLISHING).or_(back)


@pytest.fixture
def plan(demo) -> int:
    """Make two versions, and a planned campaign; return its key."""
    demo("edits.change([one('Liam')], 'anna', status='Out'); releases.sync()")
    demo("plan_of = campaign('soon', 'piero', 'Liam', status='In')")
    demo("plan(plan_of, 'piero')")
    key: int = demo.read("plan_of.pk")
    return key


@pytest.fixture
def versions(demo) -> list[int]:
    found: list[int] = demo.read("[r.number for r in Release.objects.all()[:2]]")
    return found


PUBLISHERS = {
    "again": VERSIONS + "{old}/again/",
    "unplan": CAMPAIGNS + "{plan}/unplan/",
    "end": CAMPAIGNS + "{plan}/end/",
    "approve": CAMPAIGNS + "{plan}/approve/",
}


async def refused(page, plan: int, versions: list[int]) -> list[str]:
    """Return which of a publisher's requests the server refuses this user."""
    addresses = {
        name: path.format(old=versions[1], plan=plan)
        for name, path in PUBLISHERS.items()
    }
    return [n for n, path in addresses.items() if await post(page, path) == 403]


async def test_an_editor_edits_but_cannot_publish(pages, demo, plan, versions):
    page = await ready(await pages.open(WORKSPACE, user="anna"))

    await switch(page, "Web", "Liam").click()
    await expect(toast(page)).to_contain_text("Changed the visibility of “Liam”")
    await page.goto(f"{WORKSPACE}?campaign={plan}")
    await expect(page.get_by_role("link", name="Review & publish")).to_have_count(0)
    await expect(page.get_by_role("link", name="Review", exact=True)).to_be_visible()

    review = f"{CAMPAIGNS}{plan}/review/"
    for path in (VERSIONS, f"{VERSIONS}{versions[1]}/change/", CAMPAIGNS, review):
        await page.goto(path)
        await expect(page.locator("h1").first).to_be_visible()
        await expect(publishing(page)).to_have_count(0)
    stored = (
        "[live_release().number, *Campaign.objects.values_list('state', flat=True)]"
    )
    before = demo.read(stored)
    assert await refused(page, plan, versions) == list(PUBLISHERS)
    assert demo.read(stored) == before


async def test_an_editor_cannot_change_an_address_that_clients_know(pages, demo):
    key = demo.read("one('Liam').pk")

    page = await pages.open(f"{LIST}{key}/change/", user="anna")
    await page.get_by_role("tab", name="Technical").click()
    technical = page.get_by_role("tabpanel", name="Technical")
    await expect(technical).to_contain_text("Apps already use this address")
    await expect(page.locator("input[name=address]")).to_have_count(0)

    page = await pages.open(f"{LIST}{key}/change/", user="piero")
    await page.get_by_role("tab", name="Technical").click()
    await expect(page.locator("input[name=address]")).to_be_editable()


async def test_a_publisher_can_do_everything(pages, demo, plan, versions):
    page = await ready(await pages.open(f"{WORKSPACE}?campaign={plan}", user="piero"))

    await expect(page.get_by_role("link", name="Review & publish")).to_be_visible()
    await page.goto(f"{CAMPAIGNS}{plan}/review/")
    for name in ("Plan", "Publish now", "Do not plan it"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    await page.goto(f"{VERSIONS}{versions[1]}/change/")
    await expect(page.get_by_role("link", name="Go back to this")).to_be_visible()
    again = page.get_by_role("button", name="Restore as a campaign")
    await expect(again).to_be_visible()
    assert await refused(page, plan, versions) == []
    assert demo.read("Campaign.objects.get(name='soon').state") == "open"


async def test_a_reader_sees_the_workspace_without_its_buttons(pages, demo):
    page = await ready(await pages.open(WORKSPACE, user="rita"))

    await looks(page, DEMO)
    await expect(page.locator(".hint")).to_have_text(
        "You can view everything here but not change it."
    )
    for name in ("Mobile", "Web"):
        await expect(switch(page, name, "Liam")).to_be_disabled()
    await expect(page.locator(".banner-actions button")).to_have_count(0)
    await expect(page.get_by_role("link", name="New campaign")).to_have_count(0)
    await expect(page.get_by_role("link", name="Channel", exact=True)).to_have_count(0)
    await expect(page.locator(".toolbar a")).to_have_count(0)
    await row(page, "Liam").locator("button.more").click()
    assert await page.get_by_role("menuitem").all_inner_texts() == [
        "Link and QR code",
        "History",
    ]
    await page.keyboard.press("Escape")

    await page.locator("#tree").focus()
    for key in ("Control+End", "Space", "Alt+ArrowUp", "Delete"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(row(page, "Liam").locator(".wb-node")).not_to_have_attribute(
        "draggable", "true"
    )
    await becomes(demo.outline, DEMO)


async def test_a_reader_sees_the_other_pages_without_their_buttons(
    pages, demo, plan, versions
):
    key = demo.read("one('Liam').pk")
    pages.forgiven.append("ERR_NAME_NOT_RESOLVED")  # the contract's "http://...."
    page = await pages.open(LIST, user="rita")

    await expect(page.locator("#result_list")).to_contain_text("ATAF Firenze")
    fields = "input[type=checkbox]:not(.action-select, #action-toggle), .place"
    await expect(page.locator(f"#changelist-form :is({fields})")).to_have_count(0)
    await expect(page.get_by_role("button", name="Save")).to_have_count(0)
    offered = await page.locator("select[name=action] option").all_inner_texts()
    assert [one for one in offered if "Export" not in one and "---" not in one] == []
    for path, words in {
        f"{LIST}{key}/change/": "Liam",
        f"{LIST}{key}/history/": "Edited “Liam”",
        VERSIONS: "soon",
        f"{VERSIONS}{versions[1]}/change/": "Replaced",
        f"{VERSIONS}{versions[0]}/compare/?with={versions[1]}": "edited",
    }.items():
        await page.goto(path)
        await expect(page.locator("#content")).to_contain_text(words)
        changing = (
            "#content form[method=post] :is(button:not([role=tab]), [type=submit])"
        )
        await expect(page.locator(changing)).to_have_count(0)


async def test_a_reader_is_refused_by_the_server(pages, demo, plan, versions):
    page = await ready(await pages.open(WORKSPACE, user="rita"))
    key = demo.read("one('Liam').pk")
    body = {"ids": [key], "seen": demo.read("Tree.objects.get().version")}

    edits = {name: await post(page, f"{WORKSPACE}{name}/", body) for name in EDITS}
    others = [
        await post(page, f"{LIST}{key}/change/", name="Noel"),
        await post(page, f"{LIST}{key}/delete/", post="yes"),
        await post(page, f"{LIST}add/", name="Noel", type="channel"),
        await post(page, LIST, _cut=f"cut:{key}"),
        await post(page, LIST, _undo="1"),
        await post(page, f"{WORKSPACE}retry/"),
    ]

    assert edits == dict.fromkeys(EDITS, 403)
    assert others == [403] * len(others)
    assert await refused(page, plan, versions) == list(PUBLISHERS)
    assert demo.outline() == DEMO


async def test_who_may_not_look_sees_nothing(pages, new_person):
    page = await pages.open("/healthz", user=new_person("otto", "roster.view_account"))

    for path in (WORKSPACE, f"{WORKSPACE}tree/", f"{WORKSPACE}state/", LIST, VERSIONS):
        answer = await page.context.request.get(path)
        assert answer.status == 403, path
