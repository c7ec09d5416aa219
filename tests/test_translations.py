"""The back office in Italian: nothing missing, nothing out of date.

``locale/it`` holds our own texts, which `make messages` collects; ``locale/stock``
holds what Django's Italian lacks, written by hand.
"""

import os
import re
import shutil
import subprocess
import sys
from ast import literal_eval
from collections.abc import Callable, Iterator
from gettext import GNUTranslations
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import django
import pytest
import rest_framework
from django.conf import settings

ROOT = settings.BASE_DIR
OURS = ROOT / "locale" / "it" / "LC_MESSAGES"
STOCK = ROOT / "locale" / "stock" / "it" / "LC_MESSAGES"
CATALOGUES = [OURS / "django.po", STOCK / "django.po", STOCK / "djangojs.po"]
REST = Path(rest_framework.__file__).parent / "locale"
PYTHON = "Expecting |Extra data$|Illegal |Invalid |Unterminated |'.' exp|unexpected end"
PARTS_OF_DJANGO = ("conf", "contrib/admin", "contrib/auth", "contrib/contenttypes")
APPS = ("buddies", "roster", "xmppservice", "templates")


class Entry(NamedTuple):
    """An entry of a catalogue: a text and its translated forms."""

    context: str
    text: str
    plural: str
    forms: tuple[str, ...]
    flags: frozenset[str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.context, self.text, self.plural

    @property
    def needs_work(self) -> bool:
        return "fuzzy" in self.flags or not all(self.forms)


def read(catalogue: Path) -> list[Entry]:
    """The entries of a .po file, without its header."""
    blocks = catalogue.read_text("utf-8").strip().split("\n\n")
    entries = [_entry(block) for block in blocks if re.search("^msgid", block, re.M)]
    return [entry for entry in entries if entry.text]


def _entry(block: str) -> Entry:
    said = {
        name: "".join(map(literal_eval, strings.split("\n")))
        for name, strings in re.findall(r'^(msg\S+) (".*"(?:\n".*")*)', block, re.M)
    }
    flags = re.findall(r"^#, (.*)$", block, re.M)
    return Entry(
        said.get("msgctxt", ""),
        said["msgid"],
        said.get("msgid_plural", ""),
        tuple(text for name, text in said.items() if name.startswith("msgstr")),
        frozenset(", ".join(flags).split(", ")),
    )


def names(entries: list[Entry]) -> list[str]:
    return [entry.text for entry in entries]


# --- Our own texts ----------------------------------------------------------------


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the catalogue, after `make messages` has collected into it."""
    copy = tmp_path_factory.mktemp("sources")
    for name in (*APPS, "locale"):
        shutil.copytree(ROOT / name, copy / name)
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^COLLECT = \S+ manage\.py (.*?[^\\])$", makefile, re.M | re.S)
    assert found
    words = found[1].replace("\\\n", " ").split()
    command = [sys.executable, "-m", "django", *words]
    place = {"PYTHONPATH": str(copy), "VAR_DIR": str(settings.VAR_DIR)}
    module = {"DJANGO_SETTINGS_MODULE": "xmppservice.settings"}
    subprocess.run(command, cwd=copy, env={**os.environ, **place, **module}, check=True)
    return copy / "locale" / "it" / "LC_MESSAGES" / "django.po"


def test_each_text_of_the_sources_is_in_the_catalogue(collected):
    missing = {e.key for e in read(collected)} - {
        e.key for e in read(OURS / "django.po")
    }

    assert not missing, "run `make messages`, and translate what came"


def test_each_text_of_the_catalogue_is_in_the_sources(collected):
    obsolete = {e.key for e in read(OURS / "django.po")} - {
        e.key for e in read(collected)
    }

    assert not obsolete, "run `make messages`"
    assert "\n#~" not in (OURS / "django.po").read_text()


def test_the_catalogue_contains_no_date_and_no_local_path():
    text = (OURS / "django.po").read_text()

    assert "POT-Creation-Date" not in text
    assert not re.search(r"^#: .*(\.\.|(?<![\w.])/)", text, re.M)
    assert str(ROOT) not in text


# --- The translations -------------------------------------------------------------


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-4:][0])
def test_each_text_has_an_italian_translation(catalogue):
    assert names([entry for entry in read(catalogue) if entry.needs_work]) == []


PRINTF = re.compile(r"%(?:\(\w+\))?[ #0+-]*[\d*]*(?:\.\d+)?[diouxXeEfFgGcrsa%]")


def _printf(text: str) -> list[str]:
    return sorted(PRINTF.findall(text))


def _braces(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def _tags(text: str) -> list[str]:
    return sorted(re.findall(r"</?\w[^>]*>", text))


def placeholders(entry: Entry) -> Iterator[Callable[[str], list[str]]]:
    if entry.flags & {"python-format", "javascript-format"} or "%(" in entry.text:
        yield _printf
    if "python-brace-format" in entry.flags:
        yield _braces
    yield _tags


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-4:][0])
def test_each_translation_has_the_placeholders_of_its_text(catalogue):
    differing = [
        (entry.text, form)
        for entry in read(catalogue)
        for found in placeholders(entry)
        for form in entry.forms
        # A singular may say "one" where the plural says how many.
        if set(found(form)) != set(found(entry.plural or entry.text))
    ]

    assert differing == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-4:][0])
def test_the_compiled_catalogue_is_up_to_date(catalogue, tmp_path):
    compiled = tmp_path / "anew.mo"
    command = ["msgfmt", "--check-format", "-o", compiled, catalogue]
    subprocess.run(command, check=True)

    assert texts(catalogue.with_suffix(".mo")) == texts(compiled), "run `make messages`"


def texts(compiled: Path) -> dict[object, str]:
    with compiled.open("rb") as file:
        return dict(vars(GNUTranslations(file))["_catalog"])


# --- Texts of Django and others ---------------------------------------------------


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_we_translate_what_django_leaves_in_english(domain):
    known = {
        (entry.context, entry.text)
        for catalogue in (*_of_django("it", domain), STOCK / f"{domain}.po")
        for entry in read(catalogue)
        if not entry.needs_work
    }
    ours = {(entry.context, entry.text) for entry in read(OURS / "django.po")}

    english = [e for path in _of_django("en", domain) for e in read(path)]

    assert names([e for e in english if (e.context, e.text) not in known | ours]) == []


def test_each_text_translated_for_others_still_exists():
    theirs = {entry.text for path in _of_django("en", "*") for entry in read(path)}
    theirs |= texts(REST / "en" / "LC_MESSAGES" / "django.mo").keys()
    ours = {entry.text for path in CATALOGUES[1:] for entry in read(path)}

    # Python's reasons why a text is not JSON or CSV: json/decoder.py, _csv.c.
    python = {text for text in ours - theirs if re.match(PYTHON, text)}

    assert ours - theirs - python == set()


def _of_django(language: str, domain: str) -> list[Path]:
    folder = Path(django.__file__).parent
    return [
        path
        for part in PARTS_OF_DJANGO
        for path in (folder / part / "locale" / language).rglob(f"{domain}.po")
    ]


# --- Scripts ----------------------------------------------------------------------

SCRIPTS = [
    path
    for app in APPS
    for path in (ROOT / app).rglob("*.js")
    if "vendor" not in path.parts
]
# The token that begins first wins: a quote in a comment begins no string.
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`""",
    re.S,
)
# Two words, the first one capitalised; three words; or a word with a full stop.
SENTENCE = re.compile(
    r"\b[A-Z][a-z]+ [a-z]{2,}|[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}|[a-z][.…!?](?:\s|$)"
)
SHOWN = re.compile(
    r"""(?:textContent|innerText|title|placeholder|alt|label)\s*[=:]\s*["'`](?P<set>[^"'`$]*[A-Za-z]{2}[^"'`]*)"""
    r"""|["'](?:aria-label|title|placeholder|alt)["'],\s*["'`](?P<attribute>[^"'`$]*[A-Za-z]{2})"""
)
ALLOWED = {"use strict"}


def sentences(script: str) -> list[str]:
    """Return the texts for people that are written in a script itself."""
    tokens = TOKEN.findall(script)
    strings = [token[1:-1] for token in tokens if token[0] in "\"'`"]
    said = [text for text in strings if SENTENCE.search(text)]
    shown = [found[0] for found in SHOWN.finditer(_without_comments(script))]
    return [text for text in (*said, *shown) if text not in ALLOWED]


def _without_comments(script: str) -> str:
    return TOKEN.sub(lambda found: "" if found[0][0] == "/" else found[0], script)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_takes_its_texts_from_the_page(path):
    assert sentences(path.read_text()) == []


@pytest.mark.parametrize(
    "script",
    [
        'toast("The entry was moved");',
        "toast('Nothing found.');",
        "made.textContent = `Loading…`;",
        'made.title = "Close";',
        'made.setAttribute("aria-label", "Close");',
    ],
)
def test_a_text_in_a_script_is_detected(script):
    assert sentences(script)
