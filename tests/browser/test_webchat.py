"""The webchat: what a user sees and sends, and how it follows edits of the staff."""

import asyncio
import contextlib
import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from demo import echo
from tests.browser.backstage import becomes, names, ready, switch
from tests.browser.conftest import OPPOSITES, PHONE, in_looks, overflow, severe
from tests.browser.test_accessibility import HOSTILE, SEED, SMALL, TARGET
from tests.service import GUEST, PASSWORD, SERVICE, until

pytestmark = pytest.mark.appearance

PAGE = "/webchat/"


def entry(name, *below, web=True, **more):
    """Return an item of a document: a group if there is something below it."""
    info = {"name": name, "status": f"{name}, in a word"}
    item = {"address": name.lower(), "mobileIsPublished": True, "webIsPublished": web}
    if below:
        return {**item, "type": "group", "info": info, "items": list(below)}
    info["defaultMessage"] = f"Hello {name}"
    return {**item, "type": "channel", "info": info, **more}


CHANNELS = {
    "items": [
        entry(
            "Tickets",
            entry("Milano", serverAddress="myticket"),
            entry("Firenze", web=False),
            entry("Trains", entry("Regional", serverAddress="myticket")),
            entry(
                "Phones", entry("App", web=False), entry("Apps", entry("B", web=False))
            ),
        ),
        entry("Phone", entry("Only", web=False)),
        entry("Hidden", entry("Below", entry("Deep"))) | {"webIsPublished": False},
        entry("Liam"),
        entry("Nobody", serverAddress="nobody@elsewhere.localhost"),
    ]
}
SHOWN = ["Tickets", "  Milano", "  Trains", "    Regional", "Liam", "Nobody"]
TREE = """() => {
    const depth = (one) => {
        const list = one.closest("ul");
        return list ? 1 + depth(list.parentElement) : -1;
    };
    return [...document.querySelectorAll("#tree :is(summary, button)")].map((one) =>
        "  ".repeat(depth(one)) + one.querySelector("strong").textContent);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _answers(service):
    """Run the demo's channels; those of other domains don't answer."""
    server = service.server
    # What is written to them before they answer waits for them.
    for local in (GUEST, "myticket", "liam"):
        await asyncio.to_thread(server.register, local, PASSWORD)
    reader = f"{GUEST}@localhost"
    answering = echo.answer_all(SERVICE, reader, server.register, server.c2s_port)
    task = asyncio.create_task(answering)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def chats(demo, _answers):
    demo(f"load({json.dumps(CHANNELS)!r})")
    return demo


async def enter(pages, **how):
    """Log in as the guest that the page offers; return the page with its channels."""
    page = await pages.open(PAGE, user="", **how)
    await page.get_by_role("button", name=f"{GUEST}@localhost").click()
    await expect(page.locator("#tree .channel").first).to_be_visible()
    return page


def channel(page, name):
    return page.locator("#tree").get_by_role("button", name=name)


async def write(page, name, text):
    await channel(page, name).click()
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


def bubble(page, text):
    return page.get_by_role("log").locator(".bubble").filter(has_text=text)


# --- Logging in ----------------------------------------------------------------


async def test_the_webchat_shows_what_is_published_for_the_web(pages, chats):
    page = await enter(pages)

    await becomes(lambda: page.evaluate(TREE), SHOWN)
    await expect(channel(page, "Liam")).to_contain_text("Liam, in a word")
    await expect(channel(page, "Liam").locator(".avatar")).to_have_text("L")


async def test_the_preview_and_the_api_show_the_same(pages, chats, service):
    page = await ready(await pages.open("/admin/buddies/buddy/channels/"))
    await page.get_by_role("tab", name="Webchat").click()
    preview = page.locator("#panel .device.webchat .chats strong")
    await becomes(preview.all_inner_texts, [name.strip() for name in SHOWN])

    async def document():
        path = "/api/document/?platform=web"
        _, _, body = await asyncio.to_thread(service.http, "GET", path)
        return names(json.dumps(body))

    await becomes(document, SHOWN)


async def test_a_group_is_folded_and_stays_folded(pages, chats):
    page = await enter(pages)
    await page.locator("summary", has_text="Tickets").click()
    await expect(channel(page, "Milano")).to_be_hidden()

    chats("edits.change([one('Liam')], 'anna', status='Out')")
    await expect(channel(page, "Liam")).to_contain_text("Out")

    await expect(channel(page, "Milano")).to_be_hidden()


@pytest.mark.usefixtures("chats")
async def test_an_account_logs_in_with_its_password_only(pages, service):
    page = await pages.open(PAGE, user="")
    (local,) = await asyncio.to_thread(service.register)
    await page.get_by_text("Another account").click()
    await page.get_by_label("Address").fill(f"{local}@localhost")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("Wrong name or password.")

    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()

    await expect(page.locator("#me")).to_have_text(f"{local}@localhost")
    await expect(page.get_by_role("alert")).to_be_hidden()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


# --- A conversation ------------------------------------------------------------


@pytest.mark.usefixtures("chats")
async def test_a_message_goes_to_the_server_address_with_a_thread(pages):
    page = await enter(pages)
    await write(page, "Milano", "Ciao")

    await expect(bubble(page, "— myticket@localhost milano")).to_be_visible()
    await expect(page.get_by_label("Message")).to_have_value("")
    await expect(page.locator(".bubble")).to_have_text(
        ["Hello Milano", "Ciao", "Ciao\n— myticket@localhost milano"]
    )
    await expect(page.locator(".bubble.mine")).to_have_text("Ciao")


async def test_the_default_message_is_the_channels(pages, chats):
    page = await enter(pages)
    await channel(page, "Liam").click()

    bubbles = page.locator("#messages .bubble")
    await expect(bubbles).to_have_text(["Hello Liam"])
    await expect(page.locator(".bubble.mine")).to_have_count(0)
    await expect(page.get_by_label("Message")).to_have_value("")

    chats("edits.change([one('Liam')], 'anna', default_message='Ciao!\\nSono Liam')")
    await expect(bubbles).to_have_text(["Ciao!\nSono Liam"])
    chats("edits.change([one('Liam')], 'anna', default_message=' \\n ')")
    await expect(bubbles).to_be_hidden()

    await channel(page, "Nobody").click()
    await expect(bubbles).to_have_text(["Hello Nobody"])
    await expect(bubbles).to_be_visible()


@pytest.mark.usefixtures("chats")
async def test_a_message_goes_to_the_address_without_a_thread(pages):
    page = await enter(pages)
    await channel(page, "Liam").click()
    await page.get_by_label("Message").fill("Ciao")
    await page.keyboard.press("Enter")

    answers = page.locator(".bubble:not(.mine)")
    await expect(answers).to_have_text(["Hello Liam", "Ciao\n— liam@localhost"])


@pytest.mark.usefixtures("chats")
async def test_two_channels_of_one_address_are_two_conversations(pages):
    page = await enter(pages)
    for name in ("Milano", "Regional"):
        await write(page, name, "Ciao")
        await expect(page.locator(".bubble")).to_have_count(3)
        await expect(bubble(page, f"localhost {name.lower()}")).to_be_visible()
    await page.get_by_label("Message").fill("A draft")

    await channel(page, "Milano").click()
    await expect(bubble(page, "localhost milano")).to_be_visible()
    await channel(page, "Regional").click()
    await expect(page.get_by_label("Message")).to_have_value("A draft")


@pytest.mark.usefixtures("chats")
async def test_a_message_to_a_missing_account_is_not_delivered(pages):
    page = await enter(pages)
    await write(page, "Nobody", "Ciao")

    await expect(page.locator(".bubble.mine")).to_contain_text("Not delivered")


async def test_a_channel_that_staff_add_answers(pages, chats):
    page = await enter(pages)
    # The server writes the first one in lower case; the second one is no JID.
    for name in ("Benvolio", "Friar Laurence"):
        chats(ADD % (name, name))
    await expect(channel(page, "Friar Laurence")).to_be_visible()
    chats(ADD % ("Mercutio", "Mercutio"))

    for name in ("Benvolio", "Mercutio"):
        await channel(page, name).click()
        await answered(page, f"— {name.lower()}@localhost")


ADD = """edits.add(Buddy(
    name=%r, address=%r, type="channel", web_is_published=True), "anna")"""


async def answered(page, text):
    """Write until the channel answers: its account is made after it is published."""

    async def answers():
        await page.get_by_label("Message").fill("Ciao")
        await page.get_by_role("button", name="Send").click()
        return await bubble(page, text).count() > 0

    await until(answers)


# --- Edits of the staff --------------------------------------------------------


@pytest.mark.usefixtures("chats")
async def test_a_channel_that_staff_switch_off_disappears(pages):
    admin = await ready(await pages.open("/admin/buddies/buddy/channels/"))
    page = await enter(pages)
    await channel(page, "Liam").click()

    await switch(admin, "Web", "Liam").click()
    await expect(channel(page, "Liam")).to_have_count(0)
    await expect(page.get_by_text("no longer published")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_disabled()

    await switch(admin, "Web", "Liam").click()
    await expect(page.get_by_role("button", name="Send")).to_be_enabled()
    await switch(admin, "Web", "Tickets").click()
    await becomes(lambda: page.evaluate(TREE), ["Liam", "Nobody"])


async def test_the_webchat_reloads_when_a_change_is_announced(pages, chats, client):
    page = await pages.open("/healthz", user="")
    await page.add_init_script(NEVER_BY_ITSELF)
    await becomes(lambda: published(client, "Regional"), True)
    await page.goto(PAGE)
    await page.get_by_role("button", name=f"{GUEST}@localhost").click()
    await becomes(lambda: page.evaluate(TREE), SHOWN)

    chats("edits.change([one('Liam')], 'anna', name='Romeo')")

    await expect(channel(page, "Romeo")).to_be_visible()


# Before the page's own scripts run.
NEVER_BY_ITSELF = """document.addEventListener("readystatechange", () => {
    const given = document.getElementById("webchat");
    const changed = JSON.parse(given.textContent);
    changed.refresh = changed.fallback = 3_600_000;
    given.textContent = JSON.stringify(changed);
}, {once: true})"""


async def published(client, name):
    """Whether the document for clients has a channel or group with this name."""
    return name in map(str.strip, names(await client.document(SERVICE)))


# --- A channel's own page -----------------------------------------------------


@in_looks("phone-it-dark")
async def test_the_page_of_a_channel_opens_it_in_the_webchat(
    pages, chats, size, language, theme
):
    await the_page_opens_the_webchat(pages, chats, size, language, theme)


async def the_page_opens_the_webchat(pages, chats, size, language, theme):
    chats("edits.change([one('Liam')], 'anna', address='città/1 @ 24h')")
    chats("releases.sync()")
    look = {"size": size, "language": language, "theme": theme, "has_touch": True}
    page = await pages.open("/c/citt%C3%A0%2F1%20%40%2024h", user="", **look)

    await expect(page.get_by_role("heading", name="Liam")).to_be_visible()
    await becomes(lambda: page.evaluate(CODE_IS_DRAWN), True)
    assert await severe(page) == []
    assert await overflow(page) == 0
    assert size != PHONE or await page.evaluate(SMALL, TARGET) == []

    await page.locator("#channel .primary").click()
    await page.wait_for_url("**/webchat/#citt%C3%A0%2F1%20%40%2024h")
    await page.get_by_role("button", name=f"{GUEST}@localhost").click()

    await expect(page.locator("#name")).to_have_text("Liam")
    await expect(page.locator("#text")).to_be_focused()
    await expect(page.locator(".bubble")).to_have_text(["Hello Liam"])


CODE_IS_DRAWN = "document.querySelector('figure img').naturalWidth > 0"


# --- Accessibility and safety --------------------------------------------------


@in_looks(*OPPOSITES)
@pytest.mark.usefixtures("chats")
async def test_each_step_is_clean(pages, size, language, theme):
    await each_step_is_clean(pages, size, language, theme)


async def each_step_is_clean(pages, size, language, theme):
    look = {"size": size, "language": language, "theme": theme, "has_touch": True}
    page = await pages.open(PAGE, user="", **look)

    async def clean():
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await severe(page) == []
        assert await overflow(page) == 0
        assert size != PHONE or await page.evaluate(SMALL, TARGET) == []

    await page.locator("summary").click()
    await clean()
    await page.get_by_role("button", name=f"{GUEST}@localhost").click()
    await becomes(lambda: page.evaluate(TREE), SHOWN)
    await clean()
    await channel(page, "Liam").click()
    await page.locator("#text").fill("Ciao")
    await page.locator("#write button").click()
    await expect(page.locator(".bubble")).to_have_count(3)
    await clean()
    if size == PHONE:
        await page.locator("#back").click()
        await expect(channel(page, "Liam")).to_be_focused()


@pytest.mark.usefixtures("chats")
async def test_the_webchat_works_by_keyboard(pages):
    page = await enter(pages)
    summary = page.locator("summary", has_text="Tickets")
    await summary.focus()
    await page.keyboard.press("Enter")
    await expect(channel(page, "Milano")).to_be_hidden()
    await page.keyboard.press("Tab")
    await expect(channel(page, "Liam")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Message")).to_be_focused()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Ciao")
    await page.keyboard.press("Enter")

    mine = page.locator(".bubble.mine")
    await expect(mine).to_have_text("Hello\nCiao")


async def test_hostile_texts_are_escaped(pages, chats):
    chats(f"load({json.dumps(SEED)!r})")
    page = await enter(pages)

    await write(page, HOSTILE, HOSTILE)
    await expect(page.locator("#name")).to_have_text(HOSTILE)
    await expect(page.locator(".bubble").first).to_have_text(HOSTILE)
    await expect(page.locator(".bubble.mine")).to_contain_text(HOSTILE)
    await expect(page.locator("img[src=x], [onerror]")).to_have_count(0)


async def test_a_login_elsewhere_with_the_same_resource_ends_it(pages, chats, service):
    pages.forgiven.append("stream error: conflict")
    page = await enter(pages)
    async with service.client(GUEST) as other:
        await other.presence()
        here = await until(lambda: resource_besides(other))
    async with service.client(GUEST, here):
        await expect(page.get_by_role("alert")).to_contain_text("logged in elsewhere")
        await expect(page.locator("#chat")).to_be_hidden()


def resource_besides(client):
    """The resource of the same account that is not this client's."""
    senders = (one.get("from", "") for one in client.stanzas)
    mine = client.jid.partition("/")[0]
    found = [one for one in senders if one.startswith(f"{mine}/") and one != client.jid]
    return found[-1].partition("/")[2] if found else ""


async def test_the_webchat_reconnects_when_the_xmpp_server_returns(
    own_pages, own_service
):
    await asyncio.to_thread(own_service.server.register, GUEST, PASSWORD)
    # Prosody 13 ends a WebSocket with an error whose namespace it does not declare: the
    # browser makes a page of its own of it, with a style.
    own_pages.forgiven += ["(?i)websocket", "inline style", "style-src-attr"]
    page = await enter(own_pages)

    await asyncio.to_thread(own_service.server.stop)
    await expect(page.get_by_role("status").first).to_contain_text("is not responding")
    await asyncio.to_thread(own_service.server.start)

    await expect(page.get_by_role("status").first).to_be_hidden(timeout=60_000)
    await expect(page.locator("#tree .channel").first).to_be_visible()
