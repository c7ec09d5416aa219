"""A web server for a folder, for pages that are not the service's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Files(SimpleHTTPRequestHandler):
    """Serves a folder, and ``page`` at / if there is one."""

    def __init__(self, page: str, *request: object, directory: str) -> None:
        self._page = page.encode()
        super().__init__(*request, directory=directory)

    def do_GET(self) -> None:
        if self.path != "/" or not self._page:
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
def serving(folder: Path, page: str = "") -> Iterator[str]:
    """Serve ``folder``, with ``page`` as its first page; yield the URL."""
    handler = partial(_Files, page, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
