"""A private Prosody: one folder and three ports on loopback."""

import os
import shutil
import subprocess
from pathlib import Path
from string import Template

from demo.server import JabberServer, ServerError, bound_to_us, path, responds

TEMPLATE = Path(__file__).with_name("prosody.cfg.lua")
MODULES = Path("/usr/lib/prosody/modules")
COMPANION = Path(__file__).parent.parent / "deploy/prosody/mod_xmppservice.lua"
CONTROL_SECONDS = 30


class Prosody(JabberServer):
    """A server with its configuration, accounts, rosters and log in its folder."""

    name = "Prosody"
    package = "prosody"
    _unprivileged_user = "prosody"

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        """Create an account, or set the password of an existing one."""
        # It asks twice. Not as an argument, which any user of the machine can read.
        answers = f"{password}\n{password}\n"
        self._control("register", local, domain or self.domain, answers=answers)

    def unregister(self, local: str) -> None:
        """Delete an account of the first domain."""
        self._control("unregister", local, self.domain)

    @classmethod
    def installed(cls) -> bool:
        commands = shutil.which("prosody") and shutil.which("prosodyctl")
        return bool(commands) and any(MODULES.glob("mod_privilege*"))

    def _prepare(self) -> None:
        self._prepare_data(self.folder / "data")
        self._copy_modules(self.folder / "modules")
        self._configuration.write_text(self._settings())
        self._configuration.chmod(0o644)

    def _copy_modules(self, modules: Path) -> None:
        """Copy our module to where Prosody's user can read it."""
        modules.mkdir(exist_ok=True)
        modules.chmod(0o755)
        copy = modules / COMPANION.name
        copy.write_bytes(COMPANION.read_bytes())
        copy.chmod(0o644)

    @property
    def _configuration(self) -> Path:
        return self.folder / "prosody.cfg.lua"

    def _settings(self) -> str:
        entities = self.component, self.account
        more = "".join(f'VirtualHost "{name}"\n' for name in self.more_domains)
        return Template(TEMPLATE.read_text()).substitute(
            c2s_port=self.c2s_port,
            component_port=self.component_port,
            http_port=self.http_port,
            domain=self.domain,
            component=self.component,
            entities="\n".join(map(_privileged, filter(None, entities))),
            companion=_companion(self.component) if self.companion else "",
            secret=self.secret,
            more_hosts=more,
        )

    def _launch(self) -> None:
        with self._open_folder() as folder_fd:
            command = self._command(folder_fd, "prosody", "-F")
            self._spawn(command, _environment(folder_fd), folder_fd)

    def _control(self, verb: str, *words: str, answers: str = "") -> None:
        with self._open_folder() as folder_fd:
            done = subprocess.run(
                self._command(folder_fd, "prosodyctl", verb, *words),
                cwd="/",
                env=_environment(folder_fd),
                pass_fds=[folder_fd],
                input=answers,
                capture_output=True,
                text=True,
                timeout=CONTROL_SECONDS,
            )
        if done.returncode:
            response = done.stdout.rstrip().rpartition("\n")[2]
            raise ServerError(f"prosodyctl {verb} {words[0]} failed: {response}")

    def _command(self, folder_fd: int, program: str, *words: str) -> list[str]:
        configuration = f"{path(folder_fd)}/{self._configuration.name}"
        command = [program, "--config", configuration, *words]
        return bound_to_us(command, self._user)

    def _answers(self) -> bool:
        bosh = "GET /http-bind HTTP/1.0\r\n\r\n"
        return super()._answers() and responds(self.http_port, bosh, b"HTTP/1.")


def _privileged(jid: str) -> str:
    rights = 'roster = "both"; message = "outgoing"; iq = {}'
    return f'\t\t["{jid}"] = {{ {rights} }};'


def _companion(component: str) -> str:
    return (
        '\tmodules_enabled = { "xmppservice" }\n'
        f'\txmppservice_component = "{component}"\n'
    )


def _environment(folder_fd: int) -> dict[str, str]:
    """Return the environment for Prosody, without our secrets."""
    return {"PATH": os.environ["PATH"], "HERE": path(folder_fd)}
