"""The programs of docs/clients, run as a reader runs them, against a real service."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.service import PASSWORD, ROOT, SERVICE, WEBSOCKET
from tests.test_docs import FENCED

CLIENTS = ROOT / "docs" / "clients"
PACKAGES = ROOT / "clients"
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
    # Where npm would have put the library and our package.
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "strophe.js").symlink_to(VENDOR / "strophe.js")
    (folder / "node_modules" / "xmppservice-client").symlink_to(PACKAGES / "javascript")
    program = shutil.copy(CLIENTS / PROGRAMS[language], folder)
    url = f"ws://127.0.0.1:{service.server.http_port}/{WEBSOCKET}"
    return ["node", program, *who, url]


async def start(language, service, folder, local, password=PASSWORD):
    words = command(language, service, folder, local)
    return await asyncio.create_subprocess_exec(
        *words,
        env={
            "PATH": os.environ["PATH"],
            "PASSWORD": password,
            "PYTHONPATH": str(PACKAGES / "python" / "src"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(program):
    """Return its output, its errors and its exit code."""
    said, complained = await asyncio.wait_for(program.communicate(), 90)
    return said.decode(), complained.decode(), program.returncode


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
        assert "\n  ATM Milano\n" in said
        assert "\nadded 0 OK\n" in said
        assert f"\nfound 0 OK {' '.join(demo_users)}\n" in said
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
