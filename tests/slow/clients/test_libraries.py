"""A program for each XMPP library that client teams use: tests/clients/libraries.

They all talk to one service at the same time. Each reads the document, sends both
commands, repeats one of them, subscribes, and reads the document again after an edit.
"""

import asyncio
import json
import os
import shutil
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conversations.presences import digest
from tests.service import PASSWORD, ROOT, SERVICE, WEBSOCKET, component_only, until

CLIENTS = ROOT / "tests" / "clients"
# `make test-slow` makes it, and installs the Debian packages of the other libraries.
AIOXMPP = ROOT / "var" / "clients" / "aioxmpp" / "bin" / "python"
# The shell command of each program, in a folder that has them all.
C = "gcc -std=c11 -Wall -Wextra with_libstrophe.c -lstrophe -o libstrophe"
CXX = (
    "g++ -std=c++17 -fPIC -Wall -Wextra with_qxmpp.cpp -o qxmpp"
    " $(pkg-config --cflags --libs qxmpp Qt5Core Qt5Network Qt5Xml)"
)
PROGRAMS = {
    "slixmpp": f"exec {sys.executable} -W error with_slixmpp.py",
    "strophe.js": "exec node with_strophe.mjs",
    "xmpp.js": "exec node with_xmppjs.mjs",
    "stanza": "exec node with_stanza.mjs",
    "libstrophe": f"{C} && exec ./libstrophe",
    "QXmpp": f"{CXX} && exec ./qxmpp",
    "aioxmpp": f"exec {AIOXMPP} with_aioxmpp.py",
    # Debian's package is for Debian's Python.
    "nbxmpp": "exec /usr/bin/python3 with_nbxmpp.py",
}
since_3_13 = sys.version_info >= (3, 13)
too_new = pytest.mark.skipif(since_3_13, reason="aioxmpp needs lxml 4: Python < 3.13")
MARKS = {"aioxmpp": too_new}
LIBRARIES = [pytest.param(one, marks=MARKS.get(one, ())) for one in PROGRAMS]

CONTACT = {"name": "Mario Rossi", "address": "00393471111111"}
CHANNEL = {"type": "channel", "webIsPublished": True, "info": {"name": "New"}}
ABSENT = "00393490899289"
DONE = {"status": 0, "errorCode": "", "errorMessage": []}
RECEIPT = {"receipt": True}


@dataclass
class Run:
    """What a program wrote, and what is on the roster of its user afterwards."""

    process: asyncio.subprocess.Process
    local: str
    lines: list[dict[str, object]] = field(default_factory=list)
    errors: str = ""
    roster: dict[str, object] = field(default_factory=dict)

    async def read(self, last: str = "") -> None:
        """Read lines until one has the key ``last``, or to the end."""
        while line := await self.process.stdout.readline():
            try:
                self.lines.append(json.loads(line))
            except ValueError:  # it fails the test of this library alone
                self.lines.append({"unreadable": line.decode()})
            if last in self.lines[-1]:
                return

    async def end(self) -> None:
        await self.read()
        self.errors = (await self.process.stderr.read()).decode()
        await self.process.wait()


@dataclass
class Talk:
    """All programs, and the hashes of the document before and after the edit."""

    runs: dict[str, Run]
    before: str
    after: str


@pytest.fixture(scope="module")
def talk(service, demo_users, tmp_path_factory) -> Talk:
    folder = tmp_path_factory.mktemp("libraries")
    shutil.copytree(CLIENTS / "libraries", folder, dirs_exist_ok=True)
    # Where npm would have put the libraries.
    (folder / "node_modules").symlink_to(CLIENTS / "vendor")
    return asyncio.run(asyncio.wait_for(conversation(service, demo_users, folder), 240))


async def conversation(service, demo_users, folder: Path) -> Talk:
    locals = service.register(len(PROGRAMS))
    async with service.client(locals[0]) as reader, AsyncExitStack() as stack:
        before = await reader.document(SERVICE)
        runs = {}
        for (name, program), local in zip(PROGRAMS.items(), locals, strict=True):
            process = await start(service, demo_users, folder, program, local)
            stack.callback(stop, process)
            runs[name] = Run(process, local)
        await asyncio.gather(*(run.read("subscribed") for run in runs.values()))

        _, _, made = await asyncio.to_thread(
            service.http, "POST", "/api/buddies/", CHANNEL
        )
        try:
            after = await until(lambda: changed(reader, before))
            await asyncio.gather(*(run.end() for run in runs.values()))
        finally:
            service.http("DELETE", f"/api/buddies/{made['id']}/")
        for run in runs.values():
            async with service.client(run.local) as user:
                run.roster = await user.roster()
    return Talk(runs, digest(before), digest(after))


async def changed(reader, before: str) -> str:
    document = await reader.document(SERVICE)
    return "" if document == before else document


async def start(service, demo_users, folder: Path, program: str, local: str):
    host, server = "127.0.0.1", service.server
    environment = {
        "PATH": os.environ["PATH"],
        "PASSWORD": PASSWORD,
        "XMPP_HOST": host,
        "XMPP_PORT": str(server.c2s_port),
        "XMPP_WEBSOCKET": f"ws://{host}:{server.http_port}/{WEBSOCKET}",
        "CONTACTS": json.dumps([CONTACT]),
        "NUMBERS": json.dumps([*demo_users, ABSENT]),
    }
    return await asyncio.create_subprocess_exec(
        *("sh", "-c", f'{program} "$@"', "sh", f"{local}@localhost", SERVICE),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


@component_only
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_client_can_be_written_with_it(talk, demo_users, library):
    run = talk.runs[library]
    found = {**DONE, "userList": demo_users}

    assert run.process.returncode == 0, run.errors
    assert [line for line in run.lines if line != RECEIPT] == [
        {"document": talk.before},
        {"cmd_add_to_roster": DONE},
        {"cmd_search_users": found},
        {"repeat": found},
        {"subscribed": talk.before},
        {"change": talk.after, "document": talk.after},
    ]
    assert run.lines.count(RECEIPT) == 3
    jids = {f"{one}@localhost" for one in (CONTACT["address"], *demo_users)}
    assert jids <= run.roster.keys()
