"""Converse.js, an ordinary XMPP client in a browser, on a web server of its own."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

from playwright.async_api import Page, Route, WebSocket, async_playwright, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.processes import ROOT
from tests.web import serving

# `make test-slow` puts it there, in the version that tests/clients/npm.lock names.
FILES = ROOT / "var/npm/converse.js/dist"
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Converse</title>
<link rel="stylesheet" href="converse.min.css">
<script type="module">
import "./converse.min.js";
converse.initialize(%s);
</script>
</html>
"""


class Converse:
    """Converse.js in a page; ``sent`` has the stanzas that it sent."""

    name = "Converse.js"

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[str] = []
        page.on("websocket", self._listen)

    @classmethod
    def installed(cls) -> bool:
        return FILES.is_dir() and bool(shutil.which(CHROMIUM))

    @classmethod
    @asynccontextmanager
    async def open(cls, websocket: str, jid: str, password: str) -> AsyncIterator[Self]:
        """Open a page in which ``jid`` has logged in."""
        with _serve(websocket, jid, password) as url:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=CHROMIUM, args=QUIET
                )
                converse = cls(await browser.new_page())
                await converse._log_in(url)
                yield converse
                await browser.close()

    async def _log_in(self, url: str) -> None:
        # It shows the logos of its sponsors, from their sites.
        await self.page.route("https://**", _refuse)
        await self.page.goto(url)
        await expect(self.page.locator(".show-client-info")).to_be_visible()

    def _listen(self, websocket: WebSocket) -> None:
        websocket.on("framesent", self._note)

    def _note(self, frame: str | bytes) -> None:
        self.sent.append(str(frame))


async def _refuse(route: Route) -> None:
    await route.abort()


@contextmanager
def _serve(websocket: str, jid: str, password: str) -> Iterator[str]:
    """Serve Converse.js; yield the URL of a page in which ``jid`` logs in."""
    settings = {
        "assets_path": "/",
        "authentication": "login",
        "auto_login": True,
        "discover_connection_methods": False,
        "i18n": "en",
        "jid": jid,
        "password": password,
        "view_mode": "fullscreen",
        "websocket_url": websocket,
    }
    with serving(FILES, PAGE % json.dumps(settings)) as url:
        yield url
