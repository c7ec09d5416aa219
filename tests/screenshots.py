"""`make screenshots`: the pictures in README and docs, from the running service."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, DESK, QUIET
from tests.service import GUEST, PASSWORD, ROOT, Service

IMAGES = ROOT / "docs" / "images"
LEFT, RIGHT = (738, 900), (660, 900)
WORKSPACE = "/admin/buddies/buddy/channels/"

# Name, status, colour of the picture, and what it holds.
TREE = [
    (
        "Biglietti",
        "I tuoi viaggi, in chat",
        "#7e22ce",
        [
            ("ATM Milano", "Qui i biglietti di Milano", "#e11d48", None),
            ("ATAF Firenze", "Qui i biglietti di Firenze", "#0d9488", None),
            ("Treni", "Orari e abbonamenti", "#15803d", None),
        ],
    ),
    (
        "Assistenza clienti",
        "Siamo qui per te",
        "#2563eb",
        [
            ("Fibra", "Guasti e installazioni", "#b45309", None),
            ("Mobile", "Offerte, SIM, portabilità", "#0e7490", None),
            ("Fatture", "Pagamenti e ricevute", "#4d7c0f", None),
        ],
    ),
    ("Natale", "Regali e promozioni", "#b91c1c", None),
    ("Meteo", "Il tempo nella tua città", "#0369a1", None),
    ("Ricette", "Un'idea al giorno", "#c2410c", None),
]

# Runs in the service: pictures are stored like uploads.
FILL = """
import io, json
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from PIL import Image, ImageDraw
from buddies import avatars
from buddies.models import Buddy
from buddies.tree import edits

def picture(name, colour):
    image = Image.new("RGB", (256, 256), colour)
    draw = ImageDraw.Draw(image)
    draw.text((128, 128), name[0], anchor="mm", font_size=150, fill="white")
    file = io.BytesIO()
    image.save(file, "PNG")
    return avatars.store(ContentFile(file.getvalue(), name="picture.png"))

def add(rows, parent=None):
    for name, status, colour, below in rows:
        image, thumb = picture(name, colour)
        kind = "channel" if below is None else "group"
        hello = "Ciao! Come possiamo aiutarti?" if below is None else ""
        made = edits.add(Buddy(
            parent=parent, type=kind, name=name, status=status,
            address=name.lower().replace(" ", "_"),
            server_address="desk" if below is None else "",
            mobile_is_published=True, web_is_published=name not in ("Treni", "Meteo"),
            image_url=image, thumb_url=thumb, default_message=hello), "anna")
        add(below or (), made)

edits.remove(Buddy.objects.all(), "anna")
add(json.loads(%r))
anna = User.objects.create_user("anna", password=%r, is_staff=True)
anna.groups.add(Group.objects.get(name="Publisher"))
"""

PREPARE = """
from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy

campaign = making.make("anna", "Natale")
own, named = CampaignEdits(campaign.pk), {one.name: one for one in Buddy.objects.all()}
own.change([named["Ricette"]], "anna", status="I menù delle feste")
own.change([named["Meteo"]], "anna", web_is_published=True)
own.remove([named["Fatture"]], "anna")
own.add(Buddy(
    type="channel", name="Mercatini", status="Orari e luoghi", address="mercatini",
    server_address="desk", mobile_is_published=True, web_is_published=True,
    default_message="Ciao! Come possiamo aiutarti?"), "anna")
print(campaign.pk)
"""
DISCARD = """
from buddies.campaigns import making
making.discard(%d)
"""
EDIT_LIVE = """
from buddies.models import Buddy
from buddies.tree import edits
edits.change([Buddy.objects.get(name="Ricette")], "paolo", status=%r)
"""
STATUS = TREE[-1][1]


def main() -> None:
    """Take every picture again."""
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        service.shell(FILL % (json.dumps(TREE), PASSWORD))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            for language in ("en", "it"):
                _desk(browser, service, language)
            _side_by_side(browser, service)
            browser.close()


def _desk(browser: Browser, service: Service, language: str) -> None:
    with _page(browser, service, DESK, language) as page, _campaign(service) as number:
        page.goto(WORKSPACE)
        _await_pictures(page)
        _keep(page, f"workspace-{language}")
        page.goto(f"{WORKSPACE}campaigns/{number}/review/")
        page.locator("[name=at]").fill(f"{date.today().year + 1}-12-24T09:00")
        _keep(page, f"review-{language}")
        page.locator("form button[value=later]").click()
        _open(page, number)
        page.locator("#tab-changes").click()
        expect(page.locator("#panel .changes li")).to_have_count(4)
        _keep(page, f"changes-{language}")
        service.shell(EDIT_LIVE % "Oggi: risotto con zafferano")
        page.goto(f"{WORKSPACE}campaigns/{number}/decisions/")
        expect(page.locator(".decision")).to_have_count(1)
        _keep(page, f"decisions-{language}")
        service.shell(EDIT_LIVE % STATUS)
        page.goto("/admin/buddies/release/")
        _keep(page, f"versions-{language}")
        page.goto(WORKSPACE)
        expect(page.locator("body[data-ready]")).to_be_visible()
        _row(page, "Fibra").locator(".wb-title").click()
        page.keyboard.press("Enter")
        expect(page.locator(".device.editor .field.name")).to_be_focused()
        # The shell is another process, and wakes none of the service's.
        expect(page.locator(".where[data-tone=live]")).to_be_visible(timeout=30_000)
        _await_pictures(page)
        _keep(page, f"entry-{language}")


def _await_pictures(page: Page) -> None:
    expect(page.locator("body[data-ready]")).to_be_visible()
    for picture in page.locator(".device img:visible, .row-picture").all()[:6]:
        picture.scroll_into_view_if_needed()
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    page.evaluate("scrollTo(0, 0)")


@contextmanager
def _campaign(service: Service) -> Iterator[int]:
    """Make a campaign for a while; yield its number."""
    number = int(service.shell(PREPARE))
    yield number
    service.shell(DISCARD % number)


def _open(page: Page, number: int) -> None:
    """Open a campaign's workspace; the second time it shows no messages."""
    for _time in range(2):
        page.goto(f"{WORKSPACE}?campaign={number}")
        expect(page.locator("body[data-ready]")).to_be_visible()


def _row(page: Page, name: str):
    title = page.locator(".wb-title", has_text=name)
    return page.locator(".wb-node-list .wb-row", has=title)


def _side_by_side(browser: Browser, service: Service) -> None:
    """Take the workspace beside what a user of the webchat sees of it."""
    for local in ("desk", GUEST):
        service.server.register(local, PASSWORD)
    with _page(browser, service, LEFT, "en") as page:
        page.goto(WORKSPACE)
        _await_pictures(page)
        _keep(page, "webchat")
    context = _context(browser, service, RIGHT, "en")
    _talk(context.new_page(), service)
    context.close()


def _talk(page: Page, service: Service) -> None:
    page.goto("/webchat/")
    page.get_by_role("button", name=f"{GUEST}@localhost").click()
    page.get_by_role("button", name="ATM Milano").click()
    page.locator("#text").fill("Ciao! Due biglietti per oggi, per favore.")
    page.get_by_role("button", name="Send").click()
    with ThreadPoolExecutor(1) as elsewhere:  # this thread has Playwright's loop
        elsewhere.submit(asyncio.run, _reply(service)).result()
    expect(page.locator(".bubble")).to_have_count(3)
    expect(page.locator("#tree img").last).not_to_have_js_property("naturalWidth", 0)
    left = IMAGES / "webchat.png"
    right = IMAGES / "webchat-right.png"
    page.screenshot(path=right, animations="disabled")
    both = Image.new("RGB", DESK)
    both.paste(Image.open(left), (0, 0))
    both.paste(Image.open(right), (LEFT[0] + 2, 0))
    both.save(left)
    right.unlink()


async def _reply(service: Service) -> None:
    """Answer the guest on behalf of the channel."""
    async with service.client("desk") as desk:
        await desk.presence()
        asked = await desk.message(lambda one: one.findtext("{*}body") is not None)
        await desk.send(
            f"<message to='{asked.get('from')}' type='chat'>"
            f"<thread>{asked.findtext('{*}thread')}</thread>"
            "<body>Buongiorno! Eccoli: valgono novanta minuti.</body></message>"
        )


def _context(
    browser: Browser, service: Service, size: tuple[int, int], language: str
) -> BrowserContext:
    return browser.new_context(
        base_url=f"http://127.0.0.1:{service.http_port}",
        viewport={"width": size[0], "height": size[1]},
        locale=language,
        timezone_id="Europe/Rome",
        reduced_motion="reduce",
    )


@contextmanager
def _page(
    browser: Browser, service: Service, size: tuple[int, int], language: str
) -> Iterator[Page]:
    """Yield a page of a logged-in user."""
    context = _context(browser, service, size, language)
    page = context.new_page()
    page.goto("/admin/login/")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("[type=submit]").click()
    expect(page.locator("#banner")).to_be_visible()
    yield page
    context.close()


def _keep(page: Page, name: str) -> None:
    page.evaluate("document.getElementById('toast')?.classList.remove('shown')")
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
    print(f"docs/images/{name}.png", flush=True)


if __name__ == "__main__":
    main()
