"""Presence (RFC 6121)."""

from xmppservice.protocol.xml import escape_attribute


def build(type: str, *, sender: str, to: str) -> str:
    """Presence of ``type``, such as ``subscribed``."""
    return f"<presence {_addresses(sender, to)} type='{type}'/>"


def available(*, sender: str, to: str, more: str) -> str:
    """Available presence; ``more`` is what it says, as XML."""
    return f"<presence {_addresses(sender, to)}>{more}</presence>"


def own(more: str) -> str:
    """Presence of the service's own account, with the highest priority."""
    return f"<presence><priority>127</priority>{more}</presence>"


def _addresses(sender: str, to: str) -> str:
    return f"from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
