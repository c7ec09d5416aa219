"""`python -m demo.conformance`: try a client. See docs/clients/conformance.md."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from demo.component import RawComponent
from demo.conformance.documents import document, expected
from demo.conformance.judge import faults, is_over
from demo.conformance.options import parse
from demo.conformance.scenarios import SCENARIOS, Scenario
from demo.conformance.service import PlayedService
from demo.prosody import Prosody
from demo.server import ServerError, bound_to_us

DOMAIN, SERVICE, PASSWORD = "localhost", "xmpp-service.localhost", "demo"
SECRET = "conformance"  # noqa: S105  (of a server on loopback)

POLL_SECONDS = 0.2
LAST_LINES = 10  # of what a failed command has written
CLOSE_SECONDS = 1  # in which a client may close a stream that has ended
RUN_PAUSES = 40  # first pauses in which a command under test must end, and
RUN_SECONDS = 30  # as many seconds more

HELP = """
The XMPP server runs on 127.0.0.1:{c2s} without TLS, WebSocket {websocket}.
Log your client in with each of these accounts, all with the password {password}. It
reads the document of {service}, writes to a channel that it shows, and sends both
commands. Its report comes when it has been quiet for a while. Stop with Ctrl-C.
"""


class KitProsody(Prosody):
    """A Prosody that can end the stream of a client."""

    def end_stream(self, jid: str, condition: str) -> None:
        words = ("ended by the kit", condition) if condition else ()
        self._control("shell", "c2s", "close", jid, *words)

    def _settings(self) -> str:
        settings = super()._settings()
        settings = settings.replace('"privilege";', '"privilege"; "admin_shell";')
        return f"c2s_close_timeout = {CLOSE_SECONDS}\n{settings}"


class Kit:
    """The server, the played service, and the reports."""

    def __init__(self, options: argparse.Namespace, server: KitProsody) -> None:
        self._options, self._server = options, server
        names = options.only or [one.name for one in SCENARIOS]
        self.scenarios = [one for one in SCENARIOS if one.name in names]
        self.expected = expected(SERVICE, options.platform)
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Return the number of faults."""
        options = self._options
        port = self._server.component_port
        async with RawComponent(SERVICE, SECRET, port) as component:
            documents = document(SERVICE, 1), document(SERVICE, 2)
            self.service = PlayedService(
                component, documents, self._end_stream, options.pause
            )
            if not options.run:
                await self._watch()
                return 0
            return await self._run_all(options.run)

    def _end_stream(self, jid: str, condition: str) -> None:
        task = asyncio.create_task(self._end_and_listen(jid, condition))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_and_listen(self, jid: str, condition: str) -> None:
        await asyncio.to_thread(self._server.end_stream, jid, condition)
        # The next stream may have the same JID. Until then, the last one sends on.
        await asyncio.sleep(CLOSE_SECONDS + POLL_SECONDS)
        self.service.stream_has_ended(jid)

    # --- A command, run for each scenario -----------------------------------------

    async def _run_all(self, command: Sequence[str]) -> int:
        slots = asyncio.Semaphore(self._options.jobs)

        async def run(scenario: Scenario) -> int:
            async with slots:
                ended = await self._run_one(command, scenario)
            return self._report(scenario, ended)

        return sum(await asyncio.gather(*map(run, self.scenarios)))

    async def _run_one(self, command: Sequence[str], scenario: Scenario) -> str:
        """Run a command for an account; return why that failed, or ""."""
        words = [word.format(**self._places(scenario)) for word in command]
        child = await asyncio.create_subprocess_exec(
            *bound_to_us(words),
            env={**os.environ, "PASSWORD": PASSWORD},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        seconds = RUN_PAUSES * self._options.pause + RUN_SECONDS
        try:
            _, errors = await asyncio.wait_for(child.communicate(), seconds)
        except TimeoutError:
            return f"It did not end within {seconds:g} seconds."
        finally:
            # And all that it has started.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        # A refused envelope is an error for any client.
        if child.returncode and scenario.name != "refused":
            last = errors.decode(errors="replace").strip().splitlines()[-LAST_LINES:]
            return "\n    ".join([f"It ended with code {child.returncode}:", *last])
        return ""

    def _places(self, scenario: Scenario) -> dict[str, str]:
        return {
            "jid": f"{scenario.name}@{DOMAIN}",
            "service": SERVICE,
            "server": f"127.0.0.1:{self._server.c2s_port}",
            "websocket": self._websocket,
            "pause": f"{self._options.pause:g}",
        }

    @property
    def _websocket(self) -> str:
        return f"ws://127.0.0.1:{self._server.http_port}/xmpp-websocket"

    # --- Clients that a person starts ---------------------------------------------

    async def _watch(self) -> None:
        print(
            HELP.format(
                c2s=self._server.c2s_port,
                websocket=self._websocket,
                password=PASSWORD,
                service=SERVICE,
            )
        )
        for scenario in self.scenarios:
            print(f"  {scenario.name + '@' + DOMAIN:24} {scenario.story}")
        print(flush=True)
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = time.monotonic()
            for name, talk in list(self.service.talks.items()):
                if is_over(talk, now, self._options.pause):
                    self._report(talk.scenario)
                    del self.service.talks[name]

    def _report(self, scenario: Scenario, ended: str = "") -> int:
        talk = self.service.talks.get(scenario.name)
        found = [ended] if ended else []
        if talk is None and not ended:
            found.append("The client did not come, or sent nothing.")
        elif talk is not None:
            found += faults(
                talk,
                self.expected,
                self._options.pause,
                sends_commands=not self._options.without_commands,
            )
        print(f"{scenario.name:12} {'fine' if not found else 'WRONG'}")
        for sentence in found:
            print(f"  {sentence}")
        sys.stdout.flush()
        return len(found)


def main(words: Sequence[str] | None = None) -> int:
    options = parse(words)
    # What was started ends, too, even if a shell script runs us in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    c2s, component, http = options.ports
    server = KitProsody(
        folder,
        c2s_port=c2s,
        component_port=component,
        http_port=http,
        secret=SECRET,
        companion=False,
    )
    try:
        with server:
            kit = Kit(options, server)
            _register(server, kit.scenarios)
            count = asyncio.run(kit.run())
    except ServerError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"Faults: {count}." if count else "No fault was found.")
    return 1 if count else 0


def _register(server: KitProsody, scenarios: Iterable[Scenario]) -> None:
    for scenario in scenarios:
        server.register(scenario.name, PASSWORD)


if __name__ == "__main__":
    sys.exit(main())
