"""The models of this app, by the room that each lives in."""

from xmppservice.api.models import IdempotentRequest, Token
from xmppservice.connection.models import StreamStatus

__all__ = ["IdempotentRequest", "StreamStatus", "Token"]
