"""Accounts and rosters of a Prosody that does not run yet, as the files it keeps.

As `prosodyctl register` and a roster set of Prosody 0.12 write them, in its
"internal" storage: a Lua table a user and store. All have one password, whose digest
(RFC 5802, section 3) is made once, in a single round: Prosody repeats them at each
login, and a crowd that logs in is not what is measured.
"""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

_SALT, _ROUNDS = "the-same-for-all-of-a-bench", 1

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


def accounts(server: Path, locals: Iterable[str], password: str) -> None:
    """Make accounts of localhost below the folder of a server."""
    text = _ACCOUNT.format(**_digest(password), salt=_SALT, rounds=_ROUNDS)
    _write(server, "accounts", locals, text)


def rosters(
    server: Path, locals: Iterable[str], jid: str, name: str, group: str
) -> None:
    """Give each of these users a roster of one contact."""
    _write(server, "roster", locals, _ROSTER.format(jid=jid, name=name, group=group))


def in_group(server: Path, locals: Iterable[str], group: str) -> int:
    """How many of these users have somebody in this group."""
    folder = _folder(server, "roster")
    mark = f'["{group}"] = true'
    return sum(mark in (folder / f"{local}.dat").read_text() for local in locals)


def _digest(password: str) -> dict[str, str]:
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), _SALT.encode(), _ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha1")
    return {
        "stored_key": hashlib.sha1(client).hexdigest(),
        "server_key": hmac.digest(salted, b"Server Key", "sha1").hex(),
    }


def _write(server: Path, store: str, locals: Iterable[str], text: str) -> None:
    # A localpart of digits is the name of its file as it is.
    folder = _folder(server, store)
    folder.mkdir(parents=True, exist_ok=True)
    for local in locals:
        (folder / f"{local}.dat").write_text(text)


def _folder(server: Path, store: str) -> Path:
    return server / "data" / "localhost" / store
