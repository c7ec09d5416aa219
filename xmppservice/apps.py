from django.apps import AppConfig


class XmppServiceConfig(AppConfig):
    name = "xmppservice"
    verbose_name = "XMPP service"

    def ready(self) -> None:
        from xmppservice import checks  # noqa: F401  (registers the checks)
