"""Both packages are built, and their guides run as printed: by hand and in a page."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from tests.service import ROOT, Service
from tests.test_docs import FENCED
from tests.web import serving
from xmppservice import __version__

PACKAGES, GUIDES = ROOT / "clients", ROOT / "docs" / "clients"
TYPESCRIPT = ROOT / "var/npm/typescript/lib/tsc.js"
ANSWERED = ("added 0 OK", "found 0 OK 00393296260815 00393333333333")


@pytest.fixture(scope="module")
def user(service: Service, demo_users: list[str]) -> str:
    """The user of the guides, on the server of the tests."""
    service.server.register("00393333333333", "demo")
    return "00393333333333@localhost"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the guides need of a clone."""
    for folder in ("clients", "docs/clients"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def fenced(guide: str, language: str) -> str:
    text = (GUIDES / guide).read_text()
    (block,) = [block for kind, block in FENCED.findall(text) if kind == language]
    return block


def here(text: str, service: Service) -> str:
    """The text with the ports of the tests in place of the demo's."""
    server = service.server
    ports = {"127.0.0.1:15222": server.c2s_port, "127.0.0.1:15280": server.http_port}
    for printed, port in ports.items():
        text = text.replace(printed, f"127.0.0.1:{port}")
    return text


def run(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-eu"],
        cwd=folder,
        env={key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        input=script,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("user")
def test_the_guide_for_python_runs_as_printed(service: Service, clone: Path):
    said = run(here(fenced("python.md", "sh"), service), clone)
    assert said.rstrip().endswith("\n".join(ANSWERED))


def test_the_guide_for_javascript_runs_as_printed_and_in_a_page(
    service: Service, user: str, clone: Path
):
    said = run(here(fenced("javascript.md", "sh"), service), clone)
    assert said.rstrip().endswith("\n".join(ANSWERED))

    folder = clone / "var" / "client-js"
    page = here(fenced("javascript.md", "html"), service)
    (folder / "index.html").write_text(page)
    lines = in_a_browser(folder)
    assert lines[-2:] == list(ANSWERED)


def in_a_browser(folder: Path) -> list[str]:
    """What a page writes to the console, until it has the last answer."""
    lines: list[str] = []
    with serving(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.on("console", lambda message: lines.append(message.text))
        page.on("pageerror", lambda error: lines.append(str(error)))
        with page.expect_console_message(lambda one: one.text.startswith("found")):
            page.goto(url)
        browser.close()
    return lines


# --- What is built --------------------------------------------------------------------


def test_the_wheel_has_the_modules_and_their_types(clone: Path):
    words = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(clone)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *words, clone / "clients" / "python"], check=True)
    (wheel,) = clone.glob("*.whl")
    assert wheel.name == f"xmppservice_client-{__version__}-py3-none-any.whl"
    names = {
        name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name
    }
    sources = PACKAGES / "python" / "src" / "xmppservice_client"
    files = {path.name for path in sources.iterdir() if path.is_file()}
    assert names == {f"xmppservice_client/{name}" for name in files}


def test_the_npm_package_has_the_modules_and_their_types(tmp_path: Path):
    folder = PACKAGES / "javascript"
    words = [
        "npm",
        "pack",
        "--silent",
        "--pack-destination",
        str(tmp_path),
        str(folder),
    ]
    subprocess.run(words, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tgz")
    assert archive.name == f"xmppservice-client-{__version__}.tgz"
    with tarfile.open(archive) as file:
        names = set(file.getnames())
    sources = {f"package/src/{path.name}" for path in (folder / "src").iterdir()}
    more = {f"package/{name}" for name in ("package.json", "README.md", "index.d.ts")}
    assert names == sources | more


def test_a_typescript_program_has_the_packages_types(tmp_path: Path):
    (tmp_path / "node_modules").mkdir()
    package = tmp_path / "node_modules" / "xmppservice-client"
    package.symlink_to(PACKAGES / "javascript")
    program = shutil.copy(ROOT / "tests" / "clients" / "typed.ts", tmp_path)
    strict = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"]
    done = subprocess.run(
        ["node", TYPESCRIPT, *strict, program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_types_name_all_that_the_package_exports():
    exported = set(re.findall(r"\w+", re.sub(r".*?\{(.*?)\}[^{]*", r"\1 ", _index())))
    typed = (PACKAGES / "javascript" / "index.d.ts").read_text()
    named = set(re.findall(r"^export (?:class|function) (\w+)", typed, re.MULTILINE))
    assert exported == named


def _index() -> str:
    return (PACKAGES / "javascript" / "src" / "index.js").read_text()


def test_both_packages_have_the_version_of_the_service():
    package = json.loads((PACKAGES / "javascript" / "package.json").read_text())
    module = PACKAGES / "python" / "src" / "xmppservice_client" / "__init__.py"
    assert package["version"] == __version__
    assert f'__version__ = "{__version__}"' in module.read_text()
