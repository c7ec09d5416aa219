"""Ad-hoc commands (XEP-0050)."""

from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppservice.protocol.data_forms import submitted
from xmppservice.protocol.namespaces import NS_COMMANDS, NS_FORM
from xmppservice.protocol.xml import escape, escape_attribute

# Our ad-hoc commands have one step, which is also the last.
COMPLETE = "<actions execute='complete'><complete/></actions>"


class CommandRequest(NamedTuple):
    """A step of an ad-hoc command (XEP-0050); ``fields`` is None without a form."""

    action: str
    session: str
    fields: dict[str, list[str]] | None


def request_of(child: ET.Element) -> CommandRequest:
    """Parse a command request; a cancelled form cancels the command."""
    form = child.find(f"{{{NS_FORM}}}x")
    cancelled = form is not None and form.get("type") == "cancel"
    return CommandRequest(
        action="cancel" if cancelled else child.get("action", ""),
        session=child.get("sessionid", ""),
        fields=submitted(child),
    )


def step(node: str, session: str, status: str, inside: str = "") -> str:
    """A command's state: ``executing``, ``completed`` or ``canceled``."""
    named = f" sessionid='{escape_attribute(session)}'" if session else ""
    return (
        f"<command xmlns='{NS_COMMANDS}' node='{escape_attribute(node)}'{named}"
        f" status='{status}'>{inside}</command>"
    )


def note(type: str, text: str) -> str:
    """A note for the user, of type ``info``, ``warn`` or ``error``."""
    return f"<note type='{type}'>{escape(text)}</note>"
