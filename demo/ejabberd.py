"""A private ejabberd: one folder and three ports on loopback."""

import json
import os
import re
import secrets
import shutil
import sqlite3
from base64 import b64encode
from contextlib import closing
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from string import Template

from demo.server import JabberServer, ServerError, bound_to_us

TEMPLATE = Path(__file__).with_name("ejabberd.yml")
LIBRARIES = Path("/usr/lib")
PLATFORM = "*/ejabberd-*/ebin"
SCHEMA = "*/ejabberd-*/priv/sql/lite.sql"
DRIVER = "erlang/lib/p1_sqlite3-*"
CALL_SECONDS = 10

# Not the command `ejabberdctl`, which only two users may run. Without a name the node
# has no cookie, no epmd and no further port.
ERLANG = ["erl", "-noinput"]
# Idle schedulers sleep instead of spinning, to leave the CPU to others.
ERLANG += ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]

PROGRAM = """
    Binary = fun(Name) -> unicode:characters_to_binary(os:getenv(Name)) end,
    Admin = [Binary("ADMIN"), Binary("DOMAIN"), Binary("PASSWORD")],
    apply(ejabberd_auth, try_register, Admin),
    apply(ejabberd_auth, set_password, Admin)
"""


class Ejabberd(JabberServer):
    """A server with its configuration, accounts, rosters and log in its folder.

    Unlike ``component``, callers of the HTTP API may write the rosters of all domains.
    ``account`` has no rights: mod_privilege supports components only.
    """

    name = "ejabberd"
    package = "ejabberd"
    _error_pattern = re.compile(r"\[(error|critical)\]|Runtime terminating")

    @property
    def api_url(self) -> str:
        """The URL of the HTTP API, without a command."""
        return f"http://127.0.0.1:{self.http_port}/api"

    @property
    def admin(self) -> str:
        """The bare JID of the account that may call the API, with HTTP Basic."""
        return f"admin@{self.domain}"

    @cached_property
    def admin_password(self) -> str:
        """Generated, unless one is set before the start."""
        return secrets.token_urlsafe()

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        """Create an account, or set the password of an existing one."""
        account = {"user": local, "host": domain or self.domain}
        status, response = self._call("register", **account, password=password)
        if status == HTTPStatus.CONFLICT:
            status, response = self._call(
                "change_password", **account, newpass=password
            )
        if status != HTTPStatus.OK:
            raise ServerError(
                f"ejabberd did not create the account {local}: {response}"
            )

    def unregister(self, local: str) -> None:
        """Delete an account of the first domain."""
        status, response = self._call("unregister", user=local, host=self.domain)
        if status != HTTPStatus.OK:
            raise ServerError(
                f"ejabberd did not delete the account {local}: {response}"
            )

    def _call(self, command: str, **arguments: str) -> tuple[int, str]:
        """Return status and body of the response; 0 and the error without one."""
        login = b64encode(f"{self.admin}:{self.admin_password}".encode()).decode()
        http = HTTPConnection("127.0.0.1", self.http_port, timeout=CALL_SECONDS)
        try:
            headers = {"Authorization": f"Basic {login}"}
            http.request("POST", f"/api/{command}", json.dumps(arguments), headers)
            answer = http.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, HTTPException) as error:
            return 0, str(error)
        finally:
            http.close()

    @classmethod
    def installed(cls) -> bool:
        parts = (PLATFORM, SCHEMA, DRIVER)
        return bool(shutil.which("erl")) and all(
            any(LIBRARIES.glob(part)) for part in parts
        )

    def _prepare(self) -> None:
        self._prepare_data(self._data)
        self._make_tables()
        self._configuration.write_text(self._settings())

    def _make_tables(self) -> None:
        """Create the database atomically; ejabberd does not create it."""
        if self._database.exists():
            return
        draft = self._database.with_suffix(".new")
        draft.unlink(missing_ok=True)
        schema = next(LIBRARIES.glob(SCHEMA))
        with closing(sqlite3.connect(draft)) as database:
            database.executescript(schema.read_text())
        draft.rename(self._database)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _database(self) -> Path:
        return self.folder / "users.sqlite3"

    @property
    def _configuration(self) -> Path:
        return self.folder / "ejabberd.yml"

    def _settings(self) -> str:
        """Return the configuration; any JSON value is also valid YAML."""
        return Template(TEMPLATE.read_text()).substitute(
            c2s_port=self.c2s_port,
            component_port=self.component_port,
            http_port=self.http_port,
            hosts=json.dumps([self.domain, *self.more_domains]),
            domain=json.dumps(self.domain),
            component=json.dumps(self.component),
            secret=json.dumps(self.secret),
            admin=json.dumps(self.admin),
            database=json.dumps(str(self._database)),
        )

    def _launch(self) -> None:
        data = json.dumps(str(self._data), ensure_ascii=False)
        database = ["-mnesia", "dir", data]
        command = [*ERLANG, *database, "-s", "ejabberd", "-eval", PROGRAM]
        self._spawn(bound_to_us(command), self._environment())

    def _environment(self) -> dict[str, str]:
        """Return its environment; secrets must not be command-line arguments."""
        platform = next(LIBRARIES.glob(PLATFORM))
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_LIBS": str(platform.parent.parent),
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "EJABBERD_CONFIG_PATH": str(self._configuration),
            "EJABBERD_LOG_PATH": str(self.folder / "logs" / "ejabberd.log"),
            "ADMIN": "admin",
            "DOMAIN": self.domain,
            "PASSWORD": self.admin_password,
        }

    def _answers(self) -> bool:
        account = {"user": "admin", "host": self.domain}
        # Its listeners are up before its first account exists.
        return super()._answers() and self._call("check_account", **account) == (
            HTTPStatus.OK,
            "0",
        )
