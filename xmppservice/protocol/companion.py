"""What is said to mod_xmppservice, our module for Prosody.

Source: deploy/prosody/mod_xmppservice.lua. Users are named by their localparts, because
each request goes to their host.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import NS_COMPANION
from xmppservice.protocol.roster import Roster, RosterItem, item_of, items_in
from xmppservice.protocol.xml import escape_attribute, split

# A host announces each verb that it permits. Without one of these it is of no use.
NEEDED_FEATURES = frozenset(f"{NS_COMPANION}#{v}" for v in ("exist", "read", "write"))

REGISTERED, DELETED = "registered", "deleted"
# What came of one user's part of a request.
MISSING, FAILED, LATER, CONFLICT = "missing", "failed", "later", "conflict"


class AccountNews(NamedTuple):
    """An account has been registered, or deleted if not ``registered``."""

    local: str
    registered: bool


class Written(NamedTuple):
    """A roster's version after a write, and the items refused: JID → condition."""

    version: str
    refused: Mapping[str, str]


def exist(locals: Iterable[str]) -> str:
    return _named("exist", locals)


def read(locals: Iterable[str]) -> str:
    return _named("read", locals)


def write(rosters: Iterable[tuple[str, str, Sequence[RosterItem]]]) -> str:
    """Items for each of several users: localpart, version or empty, items.

    With a version, nothing is written unless the roster still has it.
    """
    written = "".join(
        f"<user{_attribute('name', local)}{_attribute('ver', version)}>"
        + "".join(item_of(item.jid, item.name, item.groups) for item in items)
        + "</user>"
        for local, version, items in rosters
    )
    return f"<write xmlns='{NS_COMPANION}'>{written}</write>"


def list_accounts(size: int, cursor: str = "") -> str:
    """The next ``size`` accounts, after the page that gave ``cursor``."""
    at = _attribute("cursor", cursor)
    return f"<list xmlns='{NS_COMPANION}' max='{size}'{at}/>"


def _named(verb: str, locals: Iterable[str]) -> str:
    users = "".join(f"<user name='{escape_attribute(local)}'/>" for local in locals)
    return f"<{verb} xmlns='{NS_COMPANION}'>{users}</{verb}>"


def _attribute(name: str, value: str) -> str:
    return f" {name}='{escape_attribute(value)}'" if value else ""


# --- Answers --------------------------------------------------------------------------


def is_answer(payload: str) -> bool:
    """Whether a result is the module's: all other functions need that."""
    # Without parsing a long answer once more.
    return NS_COMPANION in payload.partition(">")[0]


def users_of(payload: str) -> set[str]:
    """Return the localparts that an answer names as users."""
    return {local for local, kind, _ in _parts(payload) if kind == "user"}


def page_of(payload: str) -> tuple[set[str], str]:
    """Return a page of accounts, and the cursor of the next; empty at the end."""
    page = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    return users_of(payload), page.get("cursor", "")


def rosters_of(payload: str) -> dict[str, Roster | str]:
    """Return each user's roster, or one of MISSING, FAILED and LATER."""
    return {
        local: Roster(items_in(part, NS_COMPANION), part.get("ver", ""))
        if kind == "user"
        else kind
        for local, kind, part in _parts(payload)
    }


def written_of(payload: str) -> dict[str, Written | str]:
    """Return what came of each user's items, or one of MISSING, FAILED and CONFLICT."""
    return {
        local: Written(part.get("ver", ""), _refused(part)) if kind == "user" else kind
        for local, kind, part in _parts(payload)
    }


def _refused(part: ET.Element) -> dict[str, str]:
    refused = part.iterfind(f"{{{NS_COMPANION}}}refused")
    # Without a condition it is refused, too.
    return {
        one.get("jid", ""): one.get("condition") or "undefined-condition"
        for one in refused
    }


def _parts(payload: str) -> Iterator[tuple[str, str, ET.Element]]:
    """Yield the parts of an answer: whose it is, which kind, and the part."""
    answer = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    for part in answer:
        namespace, kind = split(part.tag)
        if namespace == NS_COMPANION:
            yield part.get("name", ""), kind, part


def account_news(message: ET.Element) -> AccountNews | None:
    """Return the account that a message of the module reports; None without one."""
    for kind in (REGISTERED, DELETED):
        part = message.find(f"{{{NS_COMPANION}}}{kind}")
        if part is not None and (local := part.get("name", "")):
            return AccountNews(local, kind == REGISTERED)
    return None
