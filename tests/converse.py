"""Converse.js, an ordinary XMPP client in a browser, on a web server of its own."""

import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from playwright.async_api import Page, Route, WebSocket, async_playwright, expect

from tests.browser.conftest import CHROMIUM, QUIET
from tests.processes import ROOT

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


class _Files(SimpleHTTPRequestHandler):
    """Serves Converse.js, and at / a page with it."""

    def __init__(self, page: str, *request: object) -> None:
        self._page = page.encode()
        super().__init__(*request, directory=str(FILES))

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self._page)))
        self.end_headers()
        self.wfile.write(self._page)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


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
    handler = partial(_Files, PAGE % json.dumps(settings))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
