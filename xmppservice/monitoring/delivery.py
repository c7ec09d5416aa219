"""The Delivery page: whether releases reach clients and commands are answered."""

import hashlib
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import conditional_page, require_GET, require_POST

from buddies.models import Release
from buddies.publishing import releases
from buddies.publishing.live import live_release, live_release_without_body
from roster import statistics
from xmppservice.backoffice import site
from xmppservice.backoffice.words import moment, rounded_duration
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import health
from xmppservice.protocol import vcard
from xmppservice.protocol.jids import local_of

TIMEOUT_SECONDS = 5  # with the XMPP server
LATE_SECONDS = 10  # a release not live after this is shown as late

may_view = permission_required("roster.view_command", raise_exception=True)


def urls(office: AdminSite) -> list[URLPattern]:
    views = {"": page, "state/": state_view, "check/": check_view}
    return [
        path(
            below,
            office.admin_view(view),
            name="_".join(filter(None, ("delivery", below.rstrip("/")))),
        )
        for below, view in views.items()
    ]


# --- Reading --------------------------------------------------------------------


@may_view
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "state": state(),
        "rows": [
            (state, _command_list_url(state)) for state in statistics.COUNTED_STATES
        ],
        "script": {"state": reverse("delivery_state"), "words": _words()},
    }
    template = "admin/xmppservice/delivery.html"
    return site.page(request, template, _("Delivery"), context)


def _command_list_url(state: str) -> str:
    commands = reverse("admin:roster_command_changelist")
    return f"{commands}?{urlencode({'state': state})}"


def _words() -> dict[str, str]:
    """Return the texts that the script shows."""
    return {
        "offline": _("The service is not responding. Retrying …"),
        "loggedOut": _("You have been logged out. Reload the page."),
        "checking": _("Checking …"),
    }


@may_view
@require_GET
@conditional_page
def state_view(request: HttpRequest) -> HttpResponse:
    """Return what the page shows: see :func:`state`."""
    return JsonResponse(state())


def state() -> dict[str, Any]:
    """Return the state of delivery: the page's texts, its tones, and sizes in bytes."""
    stream = StreamStatus.objects.filter(pk=settings.XMPP_JID).first()
    release = live_release_without_body()
    counts = statistics.by_state()
    texts = {
        **_stream(stream),
        **_release(release),
        **{name: str(count) for name, count in counts.items()},
        "wait": rounded_duration(statistics.longest_wait()),
        "transport": _transport(),
    }
    tones = {
        "stream": "ok" if gateway.is_up() and not texts["missing"] else "error",
        "release": _release_tone(release),
        "commands": _commands_tone(counts),
    }
    is_good = "error" not in tones.values()
    headline = (
        _("All systems working") if is_good else _("Something needs your attention")
    )
    tones["all"] = "ok" if is_good else "error"
    size = {
        "bytes": release.size if release else 0,
        "limit": settings.XMPP_STANZA_LIMIT,
    }
    return {"texts": {**texts, "headline": headline}, "tones": tones, "size": size}


def _stream(row: StreamStatus | None) -> dict[str, str]:
    row = row or StreamStatus()
    is_up = gateway.is_up()
    connection = _("Not connected")
    if is_up:
        connection = _("Connected")
        if row.since:
            connection = _("Connected since %(at)s") % {"at": moment(row.since)}
    return {
        "connection": connection,
        "process": row.process or "–",
        "reconnects": _times(max(0, row.sessions - 1)),
        "driver": row.driver or "–",
        "missing": row.missing,
        "advice": _advice(row) if is_up else "",
        "away": "" if is_up else _problem(row),
    }


def _advice(row: StreamStatus) -> str:
    """Return what is lost where Prosody does without our module; empty if nothing.

    The module serves components only, and ejabberd has none.
    """
    if settings.EJABBERD_API_URL or local_of(settings.XMPP_JID):
        return ""
    domains = [one for one in settings.XMPP_DOMAINS if one not in row.companions]
    text = _(
        "The Prosody module mod_xmppservice is not loaded for %(domains)s. Everything "
        "works, but the first address book of a phone can take minutes instead of a "
        "second and slows the XMPP server down, and deleted accounts are noticed late."
    )
    return text % {"domains": ", ".join(domains)} if domains else ""


def _times(count: int) -> str:
    return ngettext("%(count)s time", "%(count)s times", count) % {"count": count}


def _problem(row: StreamStatus) -> str:
    if not row.process:
        return _("No process has connected to the XMPP server yet.")
    if not row.alive:
        text = _("The process that holds the connection last reported on %(at)s.")
        return text % {"at": moment(row.seen_at)}
    text = _("The XMPP server is unreachable or refuses the connection. Retrying.")
    return f"{text} ({row.reason})" if row.reason else text


def _release(release: Release | None) -> dict[str, str]:
    lag = releases.lag()
    limit = filesizeformat(settings.XMPP_STANZA_LIMIT)
    params = {"size": filesizeformat(release.size if release else 0), "limit": limit}
    return {
        "number": str(release.number) if release else "–",
        "live": moment(release.live_at) if release and release.live_at else "–",
        "size": _("%(size)s of %(limit)s") % params,
        "lag": _("nothing")
        if not lag
        else _("for %(time)s") % {"time": rounded_duration(lag)},
    }


def _release_tone(release: Release | None) -> str:
    is_late = releases.lag() > LATE_SECONDS
    return "error" if is_late or release is None else "ok"


def _commands_tone(counts: dict[str, int]) -> str:
    if statistics.longest_wait() > health.MAX_WAIT_SECONDS:
        return "error"
    if _transport():
        return "error"
    return "warning" if counts[statistics.State.DEAD] else "ok"


def _transport() -> str:
    """Return what is wrong with the broker and the channel layer, or nothing."""
    words = {"broker": _("the broker"), "channel_layer": _("the channel layer")}
    silent = [words[n] for n, probe in health.TRANSPORTS.items() if probe.failure()]
    if not silent:
        return ""
    text = _("Not responding: %(names)s. Commands and changes take longer, or wait.")
    return text % {"names": ", ".join(silent)}


# --- Checking -------------------------------------------------------------------


class Verdict(NamedTuple):
    """The result of a check through the XMPP server, as a sentence."""

    ok: bool
    message: str


@may_view
@require_POST
def check_view(request: HttpRequest) -> HttpResponseBase:
    """Read the document as a client does: answer JSON, or redirect with a message."""
    verdict = check()
    if request.accepts("text/html"):
        level = messages.SUCCESS if verdict.ok else messages.ERROR
        messages.add_message(request, level, verdict.message)
        return HttpResponseRedirect(reverse("delivery"))
    return JsonResponse({"ok": verdict.ok, "says": verdict.message})


def check() -> Verdict:
    """Ask the XMPP server for the vCard that clients read."""
    started = time.monotonic()
    request = gateway.IqRequest("get", settings.XMPP_JID, vcard.get())
    try:
        (result,) = gateway.ask([request], time.time() + TIMEOUT_SECONDS)
    except gateway.Down:
        return Verdict(False, _("The service is not connected to the XMPP server."))
    except gateway.Late:
        text = ngettext(
            "No answer in %(count)s second.",
            "No answer in %(count)s seconds.",
            TIMEOUT_SECONDS,
        )
        return Verdict(False, text % {"count": TIMEOUT_SECONDS})
    if result.condition:
        text = _("The XMPP server answers with the error “%(condition)s”.")
        return Verdict(False, text % {"condition": result.condition})
    milliseconds = round((time.monotonic() - started) * 1000)
    return _compare(vcard.description(result.payload) or "", milliseconds)


def _compare(document: str, milliseconds: int) -> Verdict:
    live = live_release()
    digest = hashlib.sha256(document.encode()).hexdigest()
    release = Release.objects.defer("body").filter(digest=digest).first()
    if live is None or release is None:
        return Verdict(
            False, _("Apps read a document that is not one of our versions.")
        )
    params = {"number": release.number, "live": live.number, "count": milliseconds}
    if live.digest != digest:
        text = _("Apps read version %(number)s, but the newest is %(live)s.")
        return Verdict(False, text % params)
    params["number"] = live.number
    text = _("Apps read version %(number)s. Response time: %(count)s ms.")
    return Verdict(True, text % params)
