import os
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import connections

from xmppservice.runtime import memory
from xmppservice.runtime.charset import AsgiRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")

# Loads the apps, whose models the imports below need.
django_application = get_asgi_application()
django_application.request_class = AsgiRequest

from channels.routing import ProtocolTypeRouter  # noqa: E402  (the apps first)

from buddies.api.fast_document import FastDocument  # noqa: E402  (the apps first)
from xmppservice.service.consumer import ServiceConsumer  # noqa: E402  (the apps first)


def close_connections(**_: object) -> None:
    """Close a request's connections: under ASGI its thread ends with the request."""
    connections.close_all()


request_finished.connect(close_connections)


async def close_websocket(scope: Any, receive: Any, send: Any) -> None:
    """Close a WebSocket before it opens: the service has none, and clients get a 403.

    Source: ASGI, "WebSocket: Close - send event".
    """
    await receive()  # websocket.connect
    await send({"type": "websocket.close"})


application = ProtocolTypeRouter(
    {
        "http": FastDocument(django_application),
        "websocket": close_websocket,
        "xmpp": ServiceConsumer.as_asgi(),
    }
)
memory.collect_rarely()
