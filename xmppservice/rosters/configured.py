"""The driver that the settings name."""

from django.conf import settings

from xmppservice.rosters.ejabberd import EjabberdRosters
from xmppservice.rosters.interface import Rosters
from xmppservice.rosters.privileged import PrivilegedRosters


def driver() -> Rosters:
    """The driver for the XMPP server that the settings name."""
    return EjabberdRosters() if settings.EJABBERD_API_URL else PrivilegedRosters()
