"""The driver that the settings select."""

from django.conf import settings

from xmppservice.rosters.ejabberd import EjabberdRosters
from xmppservice.rosters.interface import Rosters
from xmppservice.rosters.prosody import ProsodyRosters


def driver() -> Rosters:
    """Return the driver for the configured XMPP server."""
    return EjabberdRosters() if settings.EJABBERD_API_URL else ProsodyRosters()
