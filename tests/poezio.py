"""poezio, an ordinary XMPP client for the terminal, driven by a test."""

from pathlib import Path

from tests.service import until
from tests.terminal import Program

# It refuses to run as root, as which tests in a container run. Debian's Python has it.
START = "import os; os.geteuid = lambda: 1; from poezio import poezio; poezio.main()"
# Without encryption, because the server of the tests has no certificate.
SETTINGS = """\
[Poezio]
jid = {jid}
password = {password}
custom_host = 127.0.0.1
custom_port = {port}
force_encryption = false
plugins_autoload = disco vcard
use_log = false
"""
SEND_FORM = "\x19"  # Ctrl+Y


class Poezio(Program):
    """A poezio that logs in as ``jid`` and keeps its files below ``folder``."""

    name = "poezio"

    def __init__(self, folder: Path, jid: str, password: str, port: int) -> None:
        super().__init__(folder)
        self._settings = folder / "poezio.cfg"
        settings = SETTINGS.format(jid=jid, password=password, port=port)
        self._settings.write_text(settings)
        self.stanzas = folder / "debug.log"

    def _command(self) -> list[str]:
        files = ["--file", str(self._settings), "--debug", str(self.stanzas)]
        return ["/usr/bin/python3", "-P", "-c", START, *files]

    async def run(self, command: str) -> None:
        """Enter a command that begins with a slash."""
        # Keys that come together are text, and the first tab reads only a slash.
        for keys in ("/", command[1:]):
            self.press(keys)
            await until(lambda: self.text.endswith(keys))  # noqa: B023  (awaited here)
        self.press("\r")

    async def edit(self) -> None:
        """Press Enter at a field of a form, and wait until it can be edited."""
        self.press("\r")
        await until(lambda: self.text and not self._screen.cursor.hidden)
