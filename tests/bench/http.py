"""The live document over HTTP, beside nginx with the same bytes in a file.

The service is the one process of the default deployment, and granian as in larger
ones; wrk loads each over the same number of connections.
"""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from demo.server import bound_to_us, end
from tests.bench import documents
from tests.bench.report import Report
from tests.bench.times import bar, say
from tests.ports import free_port
from tests.processes import ROOT
from tests.service import Service

SIZE = 10_000  # bytes
CONNECTIONS, SECONDS, ROUNDS = 16, 2, 3
PATH = "/api/document/"
DEFAULT, SEVERAL = 0.3, 0.1

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/site;
    }}
}}
"""


def measure(report: Report) -> None:
    say(f"\nthe live document of {SIZE // 1000} kB over HTTP")
    with TemporaryDirectory() as folder, Service(Path(folder)) as service:
        path = Path(folder) / "load.json"
        path.write_text(documents.dumps(documents.of_bytes(SIZE)))
        service.manage("loadbuddies", "--replace", str(path))
        with _granian(service) as granian, _nginx(path) as nginx:
            # nginx serves a file, whose name has no "/" at the end.
            urls = {
                "service": f"http://127.0.0.1:{service.http_port}{PATH}",
                "granian": f"http://127.0.0.1:{granian}{PATH}",
                "nginx": f"http://127.0.0.1:{nginx}{PATH.rstrip('/')}",
            }
            for url in urls.values():
                _await(url, service.token, path.read_bytes())
            rates = _rounds(urls, service.token)
    for name, rate in rates.items():
        say(f"    {name:28} {rate:9,.0f}/s")
    for name, target in (("service", DEFAULT), ("granian", SEVERAL)):
        what = f"document over HTTP, {name}: times nginx"
        report.add(what, rates[name] / rates["nginx"], "at least", target)


def _rounds(urls: dict[str, str], token: str) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in urls}
    for turn in range(ROUNDS):
        bar("rounds", turn, ROUNDS)
        for name, url in urls.items():
            found[name].append(_wrk(url, token))
    bar("rounds", ROUNDS, ROUNDS)
    return {name: median(rates) for name, rates in found.items()}


def _wrk(url: str, token: str) -> float:
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s"]
    words += ["-H", f"Authorization: Bearer {token}", url]
    said = subprocess.run(["wrk", *words], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in said.stdout, said.stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said.stdout)
    assert found, said.stdout
    return float(found[1])


@contextmanager
def _granian(service: Service) -> Iterator[int]:
    """Run the web process of a larger deployment, on the same database."""
    port = free_port()
    words = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", "1", "--blocking-threads", "4", "--no-log"]
    command = [sys.executable, "-m", "granian", *words, "xmppservice.wsgi:application"]
    with _running(command, service.environment):
        yield port


@contextmanager
def _nginx(document: Path) -> Iterator[int]:
    with TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        # Its worker runs as another user.
        folder.chmod(0o755)
        file = folder / "site" / PATH.strip("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(document.read_bytes())
        settings = NGINX.format(folder=folder, port=port)
        (folder / "nginx.conf").write_text(settings)
        command = ["nginx", "-p", name, "-c", str(folder / "nginx.conf")]
        with _running(command, {"PATH": f"{os.environ['PATH']}:/usr/sbin"}):
            yield port


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    child = subprocess.Popen(bound_to_us(command), cwd=ROOT, env=environment)
    try:
        yield
    finally:
        end(child, 10)


def _await(url: str, token: str, document: bytes) -> None:
    """Wait until exactly this document is served."""
    headers = {"Authorization": f"Bearer {token}"}
    question = urllib.request.Request(url, headers=headers)
    until = monotonic() + 30
    found = b""
    while found != document:
        assert monotonic() < until, f"{url} serves no document: {found[:100]!r}"
        sleep(0.05)
        with suppress(OSError), urllib.request.urlopen(question) as answer:
            found = answer.read()
