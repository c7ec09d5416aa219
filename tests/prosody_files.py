"""Writes accounts and rosters of a Prosody as files, whether it runs or not.

The files are those that `prosodyctl register` and a roster set of Prosody 0.12 write in
its "internal" storage: one Lua table per user and store. The digest of a password (RFC
5802, section 3) may have a single round: Prosody repeats the rounds at each login, and
benches do not measure logins. Clients may refuse fewer than 4,096 (RFC 7677, section
4). `prosodyctl` itself would start a Lua for each account.
"""

import hashlib
import hmac
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from demo.prosody import Prosody

_SALT, _ROUNDS = "the-same-for-all", 4096

_ACCOUNT = """return {{
	["server_key"] = "{server_key}";
	["stored_key"] = "{stored_key}";
	["salt"] = "{salt}";
	["iteration_count"] = {rounds};
}};
"""
_ROSTER = """return {{
	[false] = {{
		["pending"] = {{}};
		["version"] = 1;
	}};
	["{jid}"] = {{
		["name"] = "{name}";
		["groups"] = {{
			["{group}"] = true;
		}};
		["subscription"] = "none";
	}};
}};
"""


class FiledProsody(Prosody):
    """A Prosody whose accounts are written as the files that it reads at each login."""

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        where = domain or self.domain
        accounts(self.folder, [local], password, domain=where, rounds=_ROUNDS)


def accounts(
    server: Path,
    locals: Iterable[str],
    password: str,
    *,
    domain: str = "localhost",
    rounds: int = 1,
) -> None:
    """Make accounts of a domain below the folder of a server."""
    text = _ACCOUNT.format(**_digest(password, rounds), salt=_SALT, rounds=rounds)
    _write(server, "accounts", locals, text, domain)


def rosters(
    server: Path, locals: Iterable[str], jid: str, name: str, group: str
) -> None:
    """Give each of these users a roster of one contact."""
    _write(server, "roster", locals, _ROSTER.format(jid=jid, name=name, group=group))


def in_group(server: Path, locals: Iterable[str], group: str) -> int:
    """Return how many of these users have a contact in this group."""
    folder = _folder(server, "roster")
    mark = f'["{group}"] = true'
    return sum(mark in (folder / f"{local}.dat").read_text() for local in locals)


def _digest(password: str, rounds: int) -> dict[str, str]:
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), _SALT.encode(), rounds)
    client = hmac.digest(salted, b"Client Key", "sha1")
    return {
        "stored_key": hashlib.sha1(client).hexdigest(),
        "server_key": hmac.digest(salted, b"Server Key", "sha1").hex(),
    }


def _write(
    server: Path,
    store: str,
    locals: Iterable[str],
    text: str,
    domain: str = "localhost",
) -> None:
    folder = _folder(server, store, domain)
    if not folder.exists():
        folder.mkdir(parents=True)
        data = server / "data"
        for made in (folder, folder.parent):
            shutil.chown(made, data.owner(), data.group())
    for local in locals:
        (folder / f"{_encoded(local)}.dat").write_text(text)


def _folder(server: Path, store: str, domain: str = "localhost") -> Path:
    return server / "data" / _encoded(domain) / store


def _encoded(name: str) -> str:
    """Return a name as Prosody's util.datamanager writes it in the file system."""
    return re.sub(r"[^A-Za-z0-9]", lambda one: f"%{ord(one[0]):02x}", name)
