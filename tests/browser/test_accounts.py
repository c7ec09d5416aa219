"""Accounts, flagged owners and the dry run, against a real XMPP server."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import (
    DESK,
    OPPOSITES,
    PHONE,
    in_looks,
    overflow,
    severe,
)
from tests.browser.test_accessibility import SMALL, TARGET
from tests.service import SERVICE

ACCOUNTS, FLAGS = "/admin/roster/account/", "/admin/roster/flag/"


HOSTILE = "<img src=x onerror=alert(1)>"
CAST = """
from roster.models import *
Flag.objects.all().delete()
rows = [
    Account.objects.update_or_create(jid=jid, defaults=dict(fields, msisdn=number))[0]
    for jid, number, fields in (
        ("00393471110001@localhost", "+393471110001", dict(name="Anna Verdi")),
        ("00393471110002@localhost", "+393471110002", dict(enabled=False)),
        ("00393471110003@localhost", "+393471110003", dict(name={hostile!r})),
        ("{owner}@localhost", "+{owner}".replace("+00", "+"), dict(budget=None)),
    )
]
reason = dict(rule="misses", numbers=8000, hits=1, expected=900)
flag = Flag.objects.create(owner=rows[0], reasons=[reason])
owners = dict(owner__jid="{owner}@localhost")
stored = lambda: [
    list(map(str, rows))
    for rows in (
        # Not whether somebody is announced: that is done in the background.
        Account.objects.filter(jid="{owner}@localhost").values("budget", "last_seen"),
        AddressBookEntry.objects.filter(**owners).order_by("pk").values(),
        Flag.objects.filter(**owners).values(),
        Command.objects.filter(owner="{owner}@localhost").values(),
    )
]
"""
GONE = """
Account.objects.filter(jid__startswith="0039347111000").delete()
AddressBookEntry.objects.filter(owner__jid="{owner}@localhost").delete()
Account.objects.filter(jid="{owner}@localhost").delete()
"""


@pytest.fixture
def owner(service) -> str:
    """The localpart of a user of the XMPP server."""
    (local,) = service.register()
    return local


@pytest.fixture
def cast(demo, owner):
    """Accounts, one of them flagged, and the owner's; returns the shell."""
    demo(CAST.format(hostile=HOSTILE, owner=owner))
    yield demo
    demo(GONE.format(owner=owner))


def paths(cast) -> dict[str, str]:
    flag, flagged, own = cast.read("[flag.pk, rows[0].pk, rows[3].pk]")
    return {
        "accounts": ACCOUNTS,
        "account": f"{ACCOUNTS}{flagged}/change/",
        "flags": FLAGS,
        "flag": f"{FLAGS}{flag}/change/",
        "dry run": f"{ACCOUNTS}{own}/rehearse/",
    }


CLIPPED = "one => one.scrollHeight - one.clientHeight"


async def clean(page, size=DESK) -> None:
    for box in await page.locator("#changelist-filter").all():
        assert await box.evaluate(CLIPPED) == 0
    if size == PHONE:
        assert await page.evaluate(SMALL, TARGET) == []
    await expect(page.locator("img[src=x], [onerror]")).to_have_count(0)
    assert await severe(page) == []
    assert await overflow(page) == 0


async def dry_run(page, contacts: str, word: str = "cmd_add_to_roster") -> None:
    await page.locator(f"[name=command][value={word}]").check()
    await page.locator("[name=contacts]").fill(contacts)
    await page.locator("form.ask button.primary").click()
    await expect(page.locator("#result")).to_be_visible()


@in_looks(*OPPOSITES)
async def test_each_page_is_clean(pages, cast, size, language, theme):
    await each_page_is_clean(pages, cast, size, language, theme)


async def each_page_is_clean(pages, cast, size, language, theme):
    page = await pages.open(ACCOUNTS, size=size, language=language, theme=theme)
    for path in paths(cast).values():
        await page.goto(path)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await clean(page, size)

    await dry_run(page, f"{HOSTILE}, +39 347 111 0001\n@\n00393471110003\nfar@away.org")

    await expect(page.locator(".entries tbody tr")).to_have_count(3)
    await clean(page, size)


async def test_an_account_is_found_switched_and_logged(pages, cast):
    page = await pages.open(ACCOUNTS)
    await page.get_by_role("textbox", name="Search").fill("+39 (347) 111-0001")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#result_list tbody tr")).to_have_count(1)

    await page.locator(".action-select").check()
    await page.locator("select[name=action]").select_option("hide")
    await page.get_by_role("button", name="Go").click()

    await expect(page.locator(".messagelist")).to_contain_text("1 account changed.")
    await page.goto(paths(cast)["account"])
    await expect(page.locator("#id_discoverable")).not_to_be_checked()
    await page.get_by_role("link", name="History").click()
    await expect(page.locator("#change-history tbody")).to_contain_text("discoverable")


async def test_a_flag_is_found_explained_and_cleared(pages, cast):
    page = await pages.open(ACCOUNTS)
    await page.locator(".notice .button").click()
    await expect(page.locator("#result_list tbody tr")).to_have_count(1)
    await expect(page.locator(".field-why")).to_contain_text(
        "Only 1 of 8000 numbers are users"
    )
    await page.locator("#result_list th a").click()

    await page.get_by_role("button", name="Clear flag").click()

    await expect(page.locator(".messagelist")).to_contain_text("1 flag cleared.")
    await expect(page.locator(".field-released_by")).to_contain_text("admin")
    await expect(page.get_by_role("button", name="Clear flag")).to_have_count(0)
    assert cast.read("Flag.objects.get().released_by") == "admin"
    await page.goto(ACCOUNTS)
    await expect(page.locator(".notice")).to_have_count(0)


async def test_a_dry_run_predicts_the_command(pages, cast, service, owner):
    friend, off = service.register(2)
    contacts = [("Mario", f"+{friend[2:]}"), ("Off", f"+{off[2:]}")]
    number = f"jid='{off}@localhost', msisdn='+{off[2:]}'"
    cast(f"Account.objects.create({number}, enabled=False)")
    page = await pages.open(paths(cast)["dry run"])
    before = cast.read("stored()")

    await dry_run(page, "\n".join(map(", ".join, contacts)))

    rows = page.locator(".entries tbody tr")
    await expect(rows.nth(0)).to_contain_text("charged: new")
    await expect(rows.nth(0)).to_contain_text("added as verified")
    await expect(rows.nth(1)).to_contain_text("a disabled user")
    await expect(rows.nth(1).locator(".group")).to_have_text("others")
    await expect(page.locator("#result .facts").last).to_contain_text("9,998")
    assert friend not in page.url
    # What the XMPP server answered about the friend is stored, and nothing else.
    cast(f"Account.objects.filter(jid='{friend}@localhost').delete()")
    assert cast.read("stored()") == before
    promised = json.loads(await page.locator("#result pre").text_content() or "")
    users = [{"name": name, "address": address} for name, address in contacts]
    async with service.client(owner) as phone:
        assert await phone.roster() == {}
        answer = await phone.command(
            SERVICE, "cmd_add_to_roster", {"channelUsers": users}
        )
        items = await phone.roster()
    assert answer == promised
    assert {item.name: list(item.groups) for item in items.values()} == {
        "Mario": ["verified"],
        "Off": ["others"],
    }
    cast(f"Account.objects.filter(jid='{off}@localhost').delete()")


async def test_a_stopped_xmpp_server_is_reported(own_pages, own_service, own_backstage):
    own_backstage("from roster.models import Account")
    key = own_backstage.read(
        "Account.objects.get_or_create(jid='romeo@localhost')[0].pk"
    )
    page = await own_pages.open(f"{ACCOUNTS}{key}/rehearse/")
    own_service.server.stop()

    await dry_run(page, "+39 347 111 1111")

    await expect(page.locator("#result")).to_have_text(
        "The service is not connected to the XMPP server."
    )
    await expect(page.locator("[name=contacts]")).to_have_value("+39 347 111 1111")
    await clean(page)
    own_service.server.start()
