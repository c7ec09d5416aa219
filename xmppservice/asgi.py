import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")

# Loads the apps: what follows imports their models.
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from xmppservice.consumers import ServiceConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {"http": django_application, "xmpp": ServiceConsumer.as_asgi()}
)
