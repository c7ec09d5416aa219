"""The locks contain everything that their packages require, so pip never resolves.

If a lock lacked a requirement, pip would resolve it to the newest version on the day of
the installation. The requirements are read from the installed packages, without a
network.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.txt", "requirements-dev.txt"]
# Its packages are here only after `make bench`, which checks them with pip.
BENCH = "requirements-bench.txt"
# Of another environment, which pip checks too: that of the client with aioxmpp.
AIOXMPP = "tests/clients/libraries/requirements.txt"
AIOXMPP_BUILD = "tests/clients/libraries/requirements-build.txt"
PYTHONS = ["3.11.2", "3.12.0", "3.13.5", "3.14.0"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
# A line of a lock goes on in the next one behind a backslash.
ENTRY = re.compile(r"^(?![#\s])(?:.*\\\n)*.*$", re.MULTILINE)

locks = pytest.mark.parametrize("lock", LOCKS)
pythons = pytest.mark.parametrize("python", PYTHONS)


def entries(text: str) -> Iterator[tuple[Requirement, int]]:
    """Yield the requirement of each entry of a lock, and how many hashes it has."""
    for entry in ENTRY.findall(text):
        words = entry.partition("--hash")[0].replace("\\\n", " ")
        if words.strip():
            yield Requirement(words.strip()), len(HASH.findall(entry))


def environment(python: str) -> dict[str, str]:
    """Return the environment of markers on this system with this Python version."""
    short = ".".join(python.split(".")[:2])
    return {
        **default_environment(),
        "python_version": short,
        "python_full_version": python,
    }


def applies(
    requirement: Requirement, where: Mapping[str, str], extra: str = ""
) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({**where, "extra": extra})


def pinned(text: str, where: Mapping[str, str]) -> dict[str, str]:
    """The version of each package that a lock installs there."""
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one, _ in entries(text)
        if applies(one, where)
    }


def wanted(file: Path) -> Iterator[Requirement]:
    """Yield the requirements of an `.in` file and of those that it includes."""
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            yield from wanted(file.parent / line.removeprefix("-r "))
        elif line and not line.startswith(("-", "#")):
            yield Requirement(line)


def requires(name: str, version: str, extras: set[str], where: Mapping[str, str]):
    """Return what a package requires with these extras; None if it is not installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    # Another version is for another Python, where its requirements are known.
    if found.version != version:
        return None
    asked = map(Requirement, found.requires or ())
    return [one for one in asked if any(applies(one, where, e) for e in extras | {""})]


def missing(lock: str, roots: list[Requirement], where: Mapping[str, str]) -> list[str]:
    """Return what packages of a lock require, with extras, and the lock lacks."""
    versions = pinned(lock, where)
    extras: dict[str, set[str]] = defaultdict(set)
    waiting = [("the .in file", one) for one in roots if applies(one, where)]
    found, seen = [], set()
    while waiting:
        asker, one = waiting.pop()
        name = canonicalize_name(one.name)
        if name not in versions or versions[name] not in one.specifier:
            found.append(f"{asker}: {one}")
            continue
        extras[name] |= one.extras
        state = (name, frozenset(extras[name]))
        if state not in seen:
            seen.add(state)
            more = requires(name, versions[name], extras[name], where) or ()
            waiting += [(name, required) for required in more]
    return found


@pytest.mark.parametrize(
    ("lock", "least"),
    [*((lock, 50) for lock in LOCKS), (BENCH, 5), (AIOXMPP, 15), (AIOXMPP_BUILD, 2)],
)
def test_each_entry_has_one_version_and_its_hashes(lock, least):
    found = list(entries((ROOT / lock).read_text()))

    assert len(found) > least
    for one, hashes in found:
        (specifier,) = one.specifier
        assert specifier.operator == "=="
        assert "*" not in specifier.version
        assert not one.url
        assert hashes


@locks
@pythons
def test_a_lock_contains_what_its_packages_require(lock, python):
    text = (ROOT / lock).read_text()
    roots = list(wanted(ROOT / lock.replace(".txt", ".in")))
    assert missing(text, roots, environment(python)) == []


@pytest.mark.parametrize("gone", ["execnet", "sqlparse", "filelock"])
def test_a_missing_requirement_is_detected(gone):
    # filelock is required by an extra of a dependency: CacheControl[filecache].
    text = (ROOT / "requirements-dev.txt").read_text()
    roots = list(wanted(ROOT / "requirements-dev.in"))
    holed = re.sub(rf"^{gone}==(?:.*\\\n)*.*\n", "", text, flags=re.MULTILINE)

    assert holed != text
    assert missing(holed, roots, environment(PYTHONS[0]))


def test_the_locks_agree():
    where = environment(PYTHONS[0])
    runtime, development, bench = (
        pinned((ROOT / one).read_text(), where) for one in (*LOCKS, BENCH)
    )
    assert runtime.items() <= development.items()
    both = bench.keys() & development.keys()
    assert both
    assert {name: bench[name] for name in both} == {
        name: development[name] for name in both
    }


def test_pip_accepts_the_lock_without_a_network():
    # Everything is installed: pip reads each entry, and has nothing to fetch.
    words = ["install", "--no-deps", "--require-hashes", "--dry-run", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "-r", LOCKS[1]],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


# --- Installations ------------------------------------------------------------------

COMMAND = re.compile(r"\bpip3? (?:\S+ )*?install\b[^\n`]*")
LOCK = re.compile(r"requirements\S*\.txt")
PLACES = ["*.md", "docs", "deploy", "demo", ".ci/run"]


def commands() -> Iterator[tuple[str, str]]:
    """Yield each pip installation in the project's files, with the file's name."""
    found = {path for place in PLACES for path in ROOT.glob(place)}
    below = {path for place in found for path in place.rglob("*")}
    for path in sorted(found | below):
        if path.is_file() and path.suffix not in (".png", ".svg", ".pyc"):
            for command in COMMAND.findall(path.read_text()):
                yield str(path.relative_to(ROOT)), command


def test_installations_from_a_lock_do_not_resolve():
    from_locks = [
        (name, command) for name, command in commands() if LOCK.search(command)
    ]

    assert {name for name, _ in from_locks} == {
        "deploy/Dockerfile",
        "docs/deployment.md",
    }
    for _, command in from_locks:
        assert "--no-deps" in command
        assert "--require-hashes" in command
        assert "pip check" in command


def test_make_installs_only_with_demo_packages():
    makefile = (ROOT / "Makefile").read_text()
    program = (ROOT / "demo" / "packages.py").read_text()

    assert "pip install" not in makefile
    assert re.findall(r"requirements\S*\.txt(?= --|\n)", makefile)
    assert '"install", "--no-deps", "--require-hashes"' in program
    assert '[*PIP, "check"]' in program


def test_the_guides_install_the_tested_versions():
    python = (ROOT / "docs" / "clients" / "python.md").read_text()
    script = (ROOT / "docs" / "clients" / "javascript.md").read_text()
    lock = json.loads((ROOT / "tests/clients/vendor/package-lock.json").read_text())
    versions = pinned((ROOT / LOCKS[0]).read_text(), environment(PYTHONS[0]))

    package = f"pip install ./clients/python slixmpp=={versions['slixmpp']}\n"
    assert package in python
    (line,) = re.findall(r"^npm install \S+/clients/javascript (.+)$", script, re.M)
    for word in line.split():
        name, _, version = word.rpartition("@")
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
