"""RosterProbe: finds out which served domains lack what the roster driver needs.

It asks at the start of a session, when the XMPP server advertises other privileges, and
now and then: Prosody advertises no privilege that is withdrawn.
"""

import asyncio
import logging
from collections.abc import Mapping

from xmppservice.connection.gateway import Down, Late
from xmppservice.connection.status import StatusWriter
from xmppservice.rosters import configured
from xmppservice.rosters.interface import missing_text
from xmppservice.runtime.threads import call_with_fresh_connection

logger = logging.getLogger(__name__)

# ejabberd lists the accounts of every domain to answer.
PAUSE_SECONDS, MISSING_PAUSE_SECONDS = 300.0, 60.0


class RosterProbe:
    """Logs what changes, and records it in ``state``."""

    def __init__(self, state: StatusWriter) -> None:
        self._state = state
        self._connected, self._due = asyncio.Event(), asyncio.Event()
        self._logged: Mapping[str, str] | str | None = None

    def connected(self) -> None:
        self._logged = None
        self._connected.set()
        self._due.set()

    def disconnected(self) -> None:
        self._connected.clear()

    def privileges_changed(self) -> None:
        self._due.set()

    async def run(self) -> None:
        while True:
            await self._connected.wait()
            self._due.clear()
            is_complete = await self._probe()
            try:
                async with asyncio.timeout(
                    PAUSE_SECONDS if is_complete else MISSING_PAUSE_SECONDS
                ):
                    await self._due.wait()
            except TimeoutError:
                pass

    async def _probe(self) -> bool:
        """Probe once; return whether nothing is known to be missing."""
        driver = configured.driver()
        result: Mapping[str, str] | str
        try:
            # In a thread of its own: a probe would block a pump's thread.
            result = await asyncio.to_thread(
                call_with_fresh_connection, driver.probe, ()
            )
        except Exception as error:
            # No error may end the stream.
            is_usual = isinstance(error, (Down, Late))
            result = str(error) if is_usual else type(error).__name__
        else:
            self._state.set_driver(driver.name, missing_text(result), result)
        if result != self._logged:
            self._logged = result
            _log(driver.name, result)
        return not result


def _log(driver: str, result: Mapping[str, str] | str) -> None:
    if isinstance(result, str):
        logger.warning("%s could not be probed: %s", driver, result)
        return
    for line in missing_text(result).splitlines():
        logger.error("rosters cannot be kept: %s", line)
    if not result:
        logger.info("rosters are kept by %s", driver)
