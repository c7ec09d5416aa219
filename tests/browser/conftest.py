"""Pages of the running service in Debian's Chromium, as staff see them.

Everything here is asynchronous and runs on one loop: Playwright's synchronous
API leaves its loop running in the thread, so that no other asynchronous test
could run.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from demo.client import Client
from tests.browser.backstage import Backstage
from tests.service import PASSWORD, Service

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESK, PHONE = (1400, 900), (390, 844)

# Pages are tested in each of these: two opposite ones each time, the others with the
# slow tests (tests/slow/browser).
LOOKS = {
    f"{size}-{language}-{theme}": (
        {"desk": DESK, "phone": PHONE}[size],
        language,
        theme,
    )
    for size in ("desk", "phone")
    for language in ("en", "it")
    for theme in ("light", "dark")
}
OPPOSITES = ("desk-en-light", "phone-it-dark")
OTHERS = tuple(name for name in LOOKS if name not in OPPOSITES)


def in_looks(*names: str) -> Callable[[Any], Any]:
    """Run a test with ``size``, ``language`` and ``theme`` of these looks."""
    values = [LOOKS[name] for name in names]
    each = pytest.mark.parametrize(("size", "language", "theme"), values, ids=names)
    return lambda test: pytest.mark.appearance(each(test))


# Set before any script of a page runs, in each page that a context opens.
LISTEN = """document.addEventListener("securitypolicyviolation", (event) =>
    reportViolation(`${event.effectiveDirective} ${event.blockedURI} in ` +
        `${event.sourceFile}:${event.lineNumber} ${event.sample}`));"""
THEME = "try { localStorage.setItem('theme', '%s'); } catch { /* about:blank */ }"
# Without preload: it writes style elements into the page.
SEVERE = """async () => (await axe.run({preload: false})).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) =>
        `${one.id}: ${node.target} ${node.any.map((why) => why.message)}`))"""
TYPEFACES = """() => [...new Set([...document.querySelectorAll("body *")]
    .filter((one) => one.checkVisibility())
    .map((one) => getComputedStyle(one).fontFamily)
    .filter((family) => !/^system-ui|monospace$/.test(family)))]"""
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="session", autouse=True)
def _service_first(service: Service) -> None:
    """Start the service outside the loop, because starting it blocks."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


class Pages:
    """Opens pages of a service, and collects their errors in ``complaints``.

    A test that provokes an error on purpose, such as a refused request, adds a
    pattern to ``forgiven``.
    """

    def __init__(self, chromium: Browser, service: Service) -> None:
        self.chromium = chromium
        self.service = service
        self.complaints: list[str] = []
        # Prosody 13 may still send when a page closes its WebSocket.
        self.forgiven = ["Data frame received after close"]
        self._contexts: list[BrowserContext] = []
        self._sessions: dict[str, Any] = {}

    @property
    def unforgiven(self) -> list[str]:
        return [
            one
            for one in self.complaints
            if not any(re.search(pattern, one) for pattern in self.forgiven)
        ]

    async def open(
        self,
        path: str = "/admin/",
        *,
        user: str = "admin",
        size: tuple[int, int] = DESK,
        language: str = "en",
        theme: str = "light",
        **context: Any,
    ) -> Page:
        """Open a page in its own context, logged in as ``user`` unless that is ""."""
        page = await self._page(size, language, theme, **context)
        if user:
            await self._log_in_as(page, user)
        await page.goto(path)
        return page

    async def _page(
        self, size: tuple[int, int], language: str, theme: str, **context: Any
    ) -> Page:
        width, height = size
        opened = await self.chromium.new_context(
            base_url=f"http://127.0.0.1:{self.service.http_port}",
            viewport={"width": width, "height": height},
            locale=language,
            **context,
        )
        self._contexts.append(opened)
        await opened.expose_binding("reportViolation", self._on_violation)
        await opened.add_init_script(LISTEN)
        await opened.add_init_script(THEME % theme)
        page = await opened.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _on_violation(self, source: Any, text: str) -> None:
        self.complaints.append(f"CSP on {source['page'].url}: {text}")

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console on {message.page.url}: {message.text}")

    async def _log_in_as(self, page: Page, user: str) -> None:
        if user not in self._sessions:
            await _log_in(page, user)
            self._sessions[user] = await page.context.cookies()
        await page.context.add_cookies(self._sessions[user])

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pages(chromium: Browser, service: Service) -> AsyncIterator[Pages]:
    """``await pages.open(path, user=, size=, language=, theme=)``.

    No page may have violated the content security policy, or written an error
    to the console, when the test ends.
    """
    opened = Pages(chromium, service)
    yield opened
    await opened.close()
    assert opened.unforgiven == []


async def login(page: Page, user: str = "admin", password: str = PASSWORD) -> None:
    """Log in through the form, as a user does."""
    await page.goto("/admin/login/")
    await page.fill("#id_username", user)
    await page.fill("#id_password", password)
    await page.click("input[type=submit]")
    await page.wait_for_url(re.compile(r"/admin/(?!login)"))


async def _log_in(page: Page, user: str) -> None:
    """Log in without a page, so that no errors of the next page are collected."""
    http = page.context.request
    await http.get("/admin/login/")
    (token,) = [
        cookie["value"]
        for cookie in await page.context.cookies()
        if cookie["name"] == "csrftoken"
    ]
    form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = await http.post("/admin/login/", form=form, max_redirects=0)
    assert answer.status == 302, await answer.text()


async def severe(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on the page."""
    # Not a script element: the content security policy applies to those.
    await page.evaluate(AXE_SCRIPT)
    found: list[str] = await page.evaluate(SEVERE)
    return found


async def typefaces(page: Page) -> list[str]:
    """Return the typefaces of the page but the one of the back office, and of code."""
    found: list[str] = await page.evaluate(TYPEFACES)
    return found


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    pixels: int = await page.evaluate(TOO_WIDE)
    return max(0, pixels)


@pytest.fixture
def new_person(service: Service) -> Iterator[Any]:
    """``new_person("anna", "buddies.view_buddy")`` creates a staff user."""
    made: list[str] = []

    def make(name: str, *permissions: str) -> str:
        made.append(name)
        service.shell(NEW_PERSON.format(name=name, codes=permissions, word=PASSWORD))
        return name

    yield make
    if made:
        service.shell(GONE.format(names=made))


NEW_PERSON = """
from django.contrib.auth.models import Permission, User
person = User.objects.create_user({name!r}, password={word!r}, is_staff=True)
for code in {codes!r}:
    app, codename = code.split(".")
    one = Permission.objects.get(content_type__app_label=app, codename=codename)
    person.user_permissions.add(one)
"""
GONE = """
from django.contrib.auth.models import User
User.objects.filter(username__in={names!r}).delete()
"""


# --- The back office's own pages ---------------------------------------------------

STAFF = {
    "anna": ["Editor"],
    "piero": ["Publisher"],
    "rita": [],  # can only view
}
NEW_STAFF = """
for name, groups in {staff!r}.items():
    person, _ = User.objects.get_or_create(username=name, is_staff=True)
    person.set_password({word!r})
    person.save()
    person.groups.set(Group.objects.filter(name__in=groups))
    seen = ["view_buddy", "view_release"]
    person.user_permissions.set(Permission.objects.filter(codename__in=seen))
"""


@contextmanager
def open_backstage(service: Service) -> Iterator[Backstage]:
    """Open a shell of a service, and create its staff."""
    backstage = Backstage(service)
    backstage(NEW_STAFF.format(staff=STAFF, word=PASSWORD))
    yield backstage
    backstage(f"User.objects.filter(username__in={list(STAFF)}).delete()")


@pytest.fixture(scope="session")
def backstage(service: Service) -> Iterator[Backstage]:
    """A persistent shell of the shared service, whose staff is STAFF."""
    with open_backstage(service) as shell:
        yield shell


@pytest.fixture(scope="session")
def logins() -> dict[str, Any]:
    """Cookies of the users that have logged in to the shared service."""
    return {}


@pytest.fixture
def demo(
    backstage: Backstage, pages: Pages, logins: dict[str, Any]
) -> Iterator[Backstage]:
    """Restore the demo's tree before and after: no campaigns, nothing to undo."""
    pages._sessions = logins
    backstage("demo()")
    yield backstage
    assert pages.unforgiven == []
    # A page that is still open may ask for a campaign that goes now.
    pages.forgiven.append("409")
    backstage("demo()")


@pytest.fixture(scope="module", autouse=True)
def _as_it_was(backstage: Backstage) -> Iterator[None]:
    """Wait until the demo's tree is live again, for tests that read it later."""
    yield
    until = monotonic() + 30
    # The reset runs in another process, and wakes none of the service's.
    while not backstage.read("is_live()"):
        assert monotonic() < until, "the demo's tree is not live again"
        sleep(0.05)


@pytest.fixture(scope="session")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that tests may stop, and whose documents must be small."""
    folder = tmp_path_factory.mktemp("own-service")
    with Service(folder, XMPP_STANZA_LIMIT="6000") as running:
        yield running


@pytest.fixture(scope="session")
def own_backstage(own_service: Service) -> Iterator[Backstage]:
    with open_backstage(own_service) as shell:
        yield shell


@pytest_asyncio.fixture(loop_scope="session")
async def own_pages(
    chromium: Browser, own_service: Service, own_backstage: Backstage
) -> AsyncIterator[Pages]:
    """Like ``pages``, for ``own_service``, with the demo's tree."""
    own_backstage("demo()")
    opened = Pages(chromium, own_service)
    yield opened
    await opened.close()
    assert opened.unforgiven == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(service: Service) -> AsyncIterator[Client]:
    """A user's phone, which reads the document over XMPP."""
    (local,) = service.register()
    async with service.client(local) as connected:
        yield connected
