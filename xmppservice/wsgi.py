import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from xmppservice.runtime import startup
from xmppservice.runtime.charset import WsgiRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")

# Loads the apps, whose models the imports below need.
with startup.in_one_sentence():
    django_application = get_wsgi_application()
startup.refuse_errors()
django_application.request_class = WsgiRequest

from buddies.api.fast_document import WsgiDocument  # noqa: E402  (the apps first)

# Otherwise all clients share the proxy's address: locking out one locks out all.
application = wrap_wsgi_with_proxy_headers(
    WsgiDocument(django_application), trusted_hosts=settings.TRUSTED_PROXIES
)
