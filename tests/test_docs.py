"""The documentation covers what the source has; its links and examples are valid.

No list here is kept by hand: what must be documented is read from the source.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from buddies.document import parse
from roster.commands import payloads

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")] + DOCS
TEXT = "\n".join(page.read_text() for page in DOCS)
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
CONTRACT = (ROOT / "docs" / "contract.md").read_text()

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`")
READERS = (
    "boolean",
    "contacts",
    "database",
    "domains",
    "integer",
    "level",
    "password",
    "passwords",
    "port",
    "secret",
    "signing_key",
    "transport",
    "url",
    "websocket",
    "word",
    "_port",
    "zone",
    "origins",
)
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| (.+?) \|", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def examples(language: str) -> list[object]:
    return [
        pytest.param(block, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, (found, block) in enumerate(FENCED.findall(page.read_text()))
        if found == language
    ]


# --- Settings -----------------------------------------------------------------


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call in a file, with the text of the function that it calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def reads(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield each read of a variable by name, such as ``integer("HTTP_PORT", 8000)``."""
    for function, call in calls(path):
        is_reader = function in READERS
        reader = is_reader or function.startswith(("env.", "os.environ."))
        first = call.args[0] if call.args else None
        if reader and isinstance(first, ast.Constant):
            yield str(first.value), call


def service_reads() -> dict[str, ast.Call]:
    return dict(reads(ROOT / "xmppservice" / "settings.py"))


def subscripts(text: str) -> list[str]:
    return re.findall(r"os\.environ\[\"(\w+)\"\]", text)


def variables() -> set[str]:
    files = [ROOT / "manage.py", *(ROOT / "demo").glob("*.py")]
    found = set(service_reads())
    for file in files:
        found |= {name for name, _ in reads(file)}
        found |= set(subscripts(file.read_text()))
    return found


def make_variables() -> set[str]:
    """Return the variables of the Makefile that callers can set."""
    text = (ROOT / "Makefile").read_text()
    own = {"MAKE"} | set(re.findall(r"^(\w+) :?=", text, re.MULTILINE))
    return set(re.findall(r"\$\((\w+)\)", text)) - own


def default_of(call: ast.Call) -> str | None:
    """A default as the documentation writes it; None when it must be computed."""
    given = [word.value for word in call.keywords if word.arg == "default"]
    try:
        (node,) = given or call.args[1:2]
        value = eval(compile(ast.Expression(node), "settings", "eval"), {})
    except (ValueError, NameError):
        return None
    if isinstance(value, list):
        value = ",".join(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "empty"


def test_variables_are_found_in_the_source():
    assert {"XMPP_JID", "SECRET_KEY", "DATABASE_URL"} <= set(service_reads())
    assert {"XMPP_C2S_PORT", "ADMIN_PASSWORD"} <= variables()
    assert "PYTHON" in make_variables()


@pytest.mark.parametrize("name", sorted(variables() | make_variables()))
def test_each_variable_is_documented(name: str):
    assert re.search(rf"`{name}`", CONFIGURATION)


def test_each_documented_variable_is_read():
    rows = {name for name, _ in ROW.findall(CONFIGURATION)}
    assert rows - variables() - make_variables() == set()


@pytest.mark.parametrize("name", sorted(service_reads()))
def test_each_default_is_the_documented_one(name: str):
    default = default_of(service_reads()[name])
    documented = [cell for row, cell in ROW.findall(CONFIGURATION) if row == name]
    assert documented
    if default is not None:
        assert set(documented) == {default}


# --- Commands, codes, checks --------------------------------------------------

MANAGEMENT = sorted(
    path for path in ROOT.glob("*/management/commands/*.py") if path.stem != "__init__"
)
WORDS = sorted(
    value
    for value in vars(payloads).values()
    if isinstance(value, str) and value.startswith("cmd_")
)
CODES = sorted(
    (value[0], value[1])
    for value in vars(payloads).values()
    if isinstance(value, tuple) and [type(part) for part in value] == [int, str]
)
CHECKS = sorted(
    set(
        re.findall(
            r"\"(xmppservice\.[EWI]\d{3})\"",
            (ROOT / "xmppservice" / "checks.py").read_text(),
        )
    )
)


def test_commands_codes_and_checks_are_found_in_the_source():
    assert MANAGEMENT
    assert len(WORDS) == 2
    assert (0, "") in CODES
    assert len(CODES) > 5
    assert CHECKS


@pytest.mark.parametrize("path", MANAGEMENT, ids=lambda path: path.stem)
def test_each_management_command_is_documented(path: Path):
    (row,) = re.findall(rf"^\| `{path.stem}[ `].*$", CONFIGURATION, re.MULTILINE)
    for option in re.findall(r"add_argument\(\s*\"(--[\w-]+)\"", path.read_text()):
        assert f"`{option}`" in row


@pytest.mark.parametrize("word", WORDS)
def test_each_command_word_is_documented(word: str):
    assert f"`{word}`" in CONTRACT
    assert f"<type>{word}</type>" in CONTRACT


@pytest.mark.parametrize(("status", "code"), CODES)
def test_each_error_code_is_documented_with_its_status(status: int, code: str):
    shown = code or '""'
    rows = re.findall(rf"^\| (\d+) \| `{shown}` \|", CONTRACT, re.MULTILINE)
    assert set(rows) == {str(status)}


def test_each_documented_error_code_exists():
    rows = re.findall(r"^\| \d+ \| `([A-Z_]+)` \|", CONTRACT, re.MULTILINE)
    assert set(rows) <= {code for _, code in CODES}


@pytest.mark.parametrize("check", CHECKS)
def test_each_system_check_is_documented(check: str):
    assert f"| `{check}` |" in CONFIGURATION


def test_each_documented_system_check_exists():
    rows = re.findall(r"\| `(xmppservice\.[EWI]\d{3})` \|", CONFIGURATION)
    assert sorted(rows) == CHECKS


# --- Links --------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them from the headings of a page."""
    slugs: list[str] = []
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        seen = slugs.count(slug)
        slugs.append(slug)
        if seen:
            slugs.append(f"{slug}-{seen}")
    return set(slugs)


def links(*, outside: bool) -> list[object]:
    return [
        pytest.param(page, link, id=f"{name_of(page)}-{link}")
        for page in PAGES
        for link in dict.fromkeys(LINK.findall(prose(page)))
        if ("://" in link) == outside
    ]


@pytest.mark.parametrize(("page", "link"), links(outside=False))
def test_each_link_leads_somewhere(page: Path, link: str):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page

    assert target.is_relative_to(ROOT)
    assert target.is_file()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize(("page", "link"), links(outside=True))
def test_each_external_link_is_a_valid_url(page: Path, link: str):
    address = urlsplit(link)

    assert address.scheme in ("https", "http")
    assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", address.hostname or "")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_file_that_a_page_names_exists(page: Path):
    named = set(FILE.findall(prose(page)))
    # A command that the page names makes what is in var/.
    named = {one for one in named if not one.startswith("var/")}
    assert [one for one in sorted(named) if not (ROOT / one).is_file()] == []


def test_each_decision_is_listed():
    listed = (ROOT / "docs" / "decisions" / "index.md").read_text()
    decisions = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert decisions
    assert [one for one in decisions if f"({one.name})" not in listed] == []


def test_one_page_says_how_long_the_two_commands_take():
    took = r"`make (?:run|test)`[^.|]*?\b(?:seconds?|minutes?|hours?)\b(?! each)"
    found = [page for page in PAGES if re.search(took, page.read_text())]
    assert [name_of(page) for page in found] == ["README.md"]


# --- Examples -----------------------------------------------------------------


@pytest.mark.parametrize("text", examples("xml"))
def test_each_xml_example_is_well_formed(text: str):
    stanza = ET.fromstring(text)
    for payload in stanza.iterfind(".//{*}x/{*}payload"):
        assert isinstance(json.loads(payload.text or ""), dict)
    # A channel's own vCard has a name; that of the service has the document.
    for vcard in stanza.iterfind("{vcard-temp}vCard"):
        desc = vcard.findtext("{vcard-temp}DESC")
        if desc and vcard.find("{vcard-temp}FN") is None:
            assert list(parse.read(json.loads(desc)))


@pytest.mark.parametrize("text", examples("json"))
def test_each_json_example_is_json(text: str):
    assert json.loads(text)


def test_there_are_examples():
    assert len(examples("xml")) >= 6
    assert len(examples("json")) >= 3


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_page_reads_alike_on_github_and_on_the_site(page: Path):
    """Python-Markdown wants four spaces, and an empty line before a list."""
    text = prose(page)

    assert re.findall(r"^ {1,3}(?:[-*]|\d+\.) .*", text, re.MULTILINE) == []
    assert re.findall(r"\n\n {1,3}\S.*", text) == []
    assert re.findall(r"^[^-\s|].*\n- .*", text, re.MULTILINE) == []
