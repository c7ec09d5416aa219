"""The models of this app, imported from their packages."""

from xmppservice.api.models import IdempotentRequest, Token
from xmppservice.connection.models import StreamStatus

__all__ = ["IdempotentRequest", "StreamStatus", "Token"]
