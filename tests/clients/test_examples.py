"""The programs of docs/clients, run as a reader runs them, against a real service."""

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import PASSWORD, ROOT, SERVICE, WEBSOCKET
from tests.test_docs import FENCED

CLIENTS = ROOT / "docs" / "clients"
VENDOR = Path(__file__).parent / "vendor"
PROGRAMS = {"python": "example.py", "javascript": "example.mjs"}
NUMBERS = 3  # that the programs look for

programs = pytest.mark.parametrize("language", sorted(PROGRAMS))


def command(language, service, folder, local):
    """The command line of a program, for a user of the service."""
    who = [f"{local}@localhost", SERVICE]
    if language == "python":
        server = ["--server", f"127.0.0.1:{service.server.c2s_port}", "--no-tls"]
        program = CLIENTS / PROGRAMS[language]
        return [sys.executable, "-W", "error", program, *who, *server]
    # Where npm would have put the library.
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "strophe.js").symlink_to(VENDOR / "strophe.js")
    program = shutil.copy(CLIENTS / PROGRAMS[language], folder)
    url = f"ws://127.0.0.1:{service.server.http_port}/{WEBSOCKET}"
    return ["node", program, *who, url]


async def start(language, service, folder, local, password=PASSWORD):
    words = command(language, service, folder, local)
    return await asyncio.create_subprocess_exec(
        *words,
        env={"PATH": os.environ["PATH"], "PASSWORD": password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(program):
    """Return its output, its errors and its exit code."""
    said, complained = await asyncio.wait_for(program.communicate(), 90)
    return said.decode(), complained.decode(), program.returncode


def results(said):
    """The answers to both commands."""
    return [
        json.loads(line.split(" ", 1)[1])
        for line in said.splitlines()
        if line.startswith(("added ", "found "))
    ]


DONE = {"status": 0, "errorCode": "", "errorMessage": []}


@programs
async def test_it_reads_writes_adds_and_searches(
    service, demo_users, tmp_path, language
):
    (local,) = service.register()
    service.server.register("bot-management", PASSWORD)
    async with service.client("bot-management") as bot, service.client(local) as phone:
        await bot.presence()
        program = await start(language, service, tmp_path, local)
        said, complained, code = await ended(program)

        assert (complained, code) == ("", 0)
        assert said.splitlines()[0] == "bot-for-test-all-possibilities-facebook"
        shown = {"python": "  ATM Milano", "javascript": "Bot for Test: All"}[language]
        assert f"\n{shown}" in said
        added, found = results(said)
        assert added == DONE
        assert found == {**DONE, "userList": demo_users}
        address = re.search(r"wrote to bot-management@localhost (\S+)", said)[1]
        message = await bot.message(lambda one: one.get("from").startswith(local))
        assert message.findtext("{*}thread") == address
        assert message.findtext("{*}body") == "Ciao"
        assert (await phone.roster())[f"{demo_users[0]}@localhost"]


@programs
async def test_a_wrong_password_ends_it(service, tmp_path, language):
    (local,) = service.register()
    program = await start(language, service, tmp_path, local, password="wrong")
    said, complained, code = await ended(program)

    assert said == ""
    assert code == 1
    assert "refuses the login" in complained


# --- The guides ----------------------------------------------------------------


@programs
def test_each_excerpt_is_in_the_program(language):
    program = (CLIENTS / PROGRAMS[language]).read_text()
    guide = (CLIENTS / f"{language}.md").read_text()
    excerpts = [text for found, text in FENCED.findall(guide) if found == language]

    assert len(excerpts) >= 3
    assert [one for one in excerpts if one not in program] == []


# --- What they show --------------------------------------------------------------

SHOWN_BY_NODE = """
const [source, items] = process.argv.slice(1);
const shown = new Function(`${source}; return shown;`)();
const rows = shown(JSON.parse(items)).map(([depth, item]) => [depth, item.address]);
console.log(JSON.stringify(rows));
"""


def item(address, *below, on=True):
    flags = {"mobileIsPublished": on, "webIsPublished": on}
    return {"address": address, **flags, **({"items": list(below)} if below else {})}


def shown(language, items):
    program = (CLIENTS / PROGRAMS[language]).read_text()
    if language == "python":
        rows = runpy.run_path(str(CLIENTS / PROGRAMS[language]))["shown"](items)
        return [(depth, one["address"]) for depth, one in rows]
    source = re.search(r"^function shown.*?^}$", program, re.MULTILINE | re.DOTALL)
    words = ["node", "-e", SHOWN_BY_NODE, source[0], json.dumps(items)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [tuple(row) for row in json.loads(done.stdout)]


@programs
def test_neither_a_hidden_group_nor_one_that_shows_nothing_is_shown(language):
    off = item("off", on=False)
    items = [
        item("a", off, item("b", off, item("c", off)), item("d")),
        item("e", item("f", off)),
        item("g", item("h"), on=False),
        {**item("i"), "items": []},
        off,
        item("j"),
    ]
    assert shown(language, items) == [(0, "a"), (1, "d"), (0, "j")]
