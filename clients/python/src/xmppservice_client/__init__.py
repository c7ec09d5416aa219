"""XMPP Service for clients with slixmpp: a plugin, and the rules without a library."""

from xmppservice_client.commands import (
    Answer,
    CommandError,
    Commands,
    Refused,
    TooLarge,
)
from xmppservice_client.document import Item, Route, rows
from xmppservice_client.plugin import XMPPService
from xmppservice_client.store import Command, FileStore, MemoryStore, Store

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Command",
    "CommandError",
    "Commands",
    "FileStore",
    "Item",
    "MemoryStore",
    "Refused",
    "Route",
    "Store",
    "TooLarge",
    "XMPPService",
    "rows",
]
