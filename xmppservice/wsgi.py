import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")

# Loads the apps: what follows imports their models.
django_application = get_wsgi_application()

from buddies.api.fast_document import WsgiDocument  # noqa: E402  (the apps first)

# Or whoever tries passwords would be the proxy, and locked out with all others.
application = wrap_wsgi_with_proxy_headers(
    WsgiDocument(django_application), trusted_hosts=settings.TRUSTED_PROXIES
)
