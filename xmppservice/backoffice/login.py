"""Logins: how clients are counted, and how guessing one name's password is slowed down.

django-axes locks one name out at one address. Many addresses guess the same name, too:
see docs/decisions/0036-guessed-names.md.
"""

import logging
import math
import re
import time
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessLog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from xmppservice.backoffice.words import rounded_duration

logger = logging.getLogger(__name__)

FREE_TRIES = 10  # of a name in a day, from addresses that are not known
COUNT_SECONDS = 24 * 3600
MAX_DELAY_SECONDS = 15 * 60
KNOWN_FOR = timedelta(days=90)  # after a login

# Some proxies append the client's port.
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)
# IPv4 clients of a service without IPv4 (RFC 6052, 2.1).
_NAT64 = IPv6Network("64:ff9b::/96")


# --- Addresses --------------------------------------------------------------------


def client_network(request: HttpRequest) -> str | None:
    """Return the address by which a client is counted; None if it is unknown.

    uvicorn and granian have taken it from X-Forwarded-For if TRUSTED_PROXIES allows.
    """
    return network_of(request.META.get("REMOTE_ADDR") or "")


def network_of(text: str) -> str | None:
    """Return an IPv4 address, or the first one of an IPv6 client's /64; else None.

    A site has a /64 at least (RFC 6177): single addresses cost it nothing. IPv6
    addresses that stand for an IPv4 address count as that one.
    """
    match = _WITH_PORT.fullmatch(text.strip())
    host = (match["v6"] or match["v4"]) if match else text.strip()
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return str(address)
    if embedded := _embedded(address):
        return str(embedded)
    return str(IPv6Network((address, 64), strict=False).network_address)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, if any."""
    if address.teredo:
        _server, client = address.teredo
        return client
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


# --- Names ------------------------------------------------------------------------


def wait_seconds(name: str) -> int:
    """Count a try of a name from an unknown address, or return how long it must wait.

    0 admits it. After the free tries each one doubles the wait for the next. Refused
    ones do not count, or a flood would keep everybody out.
    """
    key = "login." + salted_hmac("xmppservice.login", name).hexdigest()
    cache.add(key, 0, COUNT_SECONDS)
    tries: int = cache.incr(key)
    if tries <= FREE_TRIES:
        return 0
    now = time.time()
    delay = min(2 ** (tries - FREE_TRIES), MAX_DELAY_SECONDS)
    # Only one of many tries at the same moment adds it.
    if cache.add(f"{key}.wait", now + delay, delay):
        if tries == FREE_TRIES + 1:
            logger.warning(
                "a name was tried %d times from unknown addresses: slowing down others",
                tries,
            )
        return 0
    cache.decr(key)
    until: float = cache.get(f"{key}.wait", now)
    return max(1, math.ceil(until - now))


def is_known(name: str, address: str | None) -> bool:
    """Whether somebody has logged in with this name at this address recently."""
    rows = AccessLog.objects.filter(username=name, ip_address=address)
    since = timezone.now() - KNOWN_FOR
    return address is not None and rows.filter(attempt_time__gt=since).exists()


def remember(name: str, address: str | None) -> None:
    """Make an address known for a name, and forget those of long ago."""
    now = timezone.now()
    AccessLog.objects.filter(attempt_time__lte=now - KNOWN_FOR).delete()
    if address is None:
        return
    rows = AccessLog.objects.filter(username=name, ip_address=address)
    if not rows.update(attempt_time=now):
        AccessLog.objects.create(username=name, ip_address=address)


# --- django-axes ------------------------------------------------------------------


class LoginHandler(AxesDatabaseHandler):
    """Lock a name out at an address, and slow it down at unknown ones."""

    def is_locked(self, request: Any, credentials: Any = None) -> bool:
        if super().is_locked(request, credentials):
            return True
        name = get_client_username(request, credentials) or ""
        if is_known(name, request.axes_ip_address):
            return False
        request.login_wait_seconds = wait_seconds(name)
        return bool(request.login_wait_seconds)

    def user_logged_in(
        self, sender: Any, request: Any, user: Any, **kwargs: Any
    ) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        remember(user.get_username(), request.axes_ip_address)


def locked_out(
    request: HttpRequest, response: Any = None, credentials: Any = None
) -> HttpResponse:
    """Say when to try again."""
    cool_off = int(settings.AXES_COOLOFF_TIME.total_seconds())
    seconds = getattr(request, "login_wait_seconds", 0) or cool_off
    context = {"wait": rounded_duration(seconds)}
    page = render(request, "admin/locked_out.html", context, status=429)
    page.headers["Retry-After"] = str(seconds)
    page.headers["Cache-Control"] = "no-store"
    return page
