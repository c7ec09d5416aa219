from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.db.backends.signals import connection_created

from xmppservice.runtime import postgresql


class XmppServiceConfig(AppConfig):
    name = "xmppservice"
    verbose_name = "XMPP service"

    def ready(self) -> None:
        from xmppservice import checks  # noqa: F401  (registers the checks)

        connection_created.connect(postgresql.limit_idle_transactions)
        if settings.SENTRY_DSN:
            from xmppservice.runtime import sentry

            sentry.begin(settings.SENTRY_DSN)


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin with our site as its default site."""

    default = False  # the settings name this config
    default_site = "xmppservice.backoffice.site.BackOffice"
