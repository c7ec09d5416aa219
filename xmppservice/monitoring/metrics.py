"""``/metrics`` for Prometheus, computed from the database on each request.

The metrics are thus correct in every process, and need no counters. While the database
is unavailable the answer is 503, because partial metrics would look like zeros.
"""

import logging
import math
from collections.abc import Callable, Iterator
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from buddies.models import Campaign
from buddies.publishing import releases
from buddies.publishing.live import live_release_without_body
from roster import statistics
from roster.announcements import subscribers
from xmppservice import __version__
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import health

logger = logging.getLogger(__name__)

PREFIX = "xmppservice_"
QUANTILES = (0.5, 0.95, 0.99)


class Statistics(Collector):
    """The service's current metrics."""

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            PREFIX + "build", "Version that is running.", {"version": __version__}
        )
        yield from _commands()
        yield from _stream(StreamStatus.objects.filter(pk=settings.XMPP_JID).first())
        yield from _releases()
        yield from _discovery()
        yield _transports()


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, documentation, value)


def _commands() -> Iterator[Metric]:
    counts = statistics.by_state()
    dead = counts.pop(statistics.State.DEAD)
    states = GaugeMetricFamily(
        PREFIX + "commands_open",
        "Commands not yet answered, by state.",
        labels=["state"],
    )
    for state, count in counts.items():
        states.add_metric([state], count)
    yield states
    yield _gauge("commands_dead", "Commands that failed permanently.", dead)
    yield _gauge(
        "commands_oldest_seconds",
        "Seconds that the oldest open command without a failed attempt has waited.",
        statistics.longest_wait(),
    )
    yield from _answers(statistics.latencies())


def _answers(seconds: list[float]) -> Iterator[Metric]:
    latency = GaugeMetricFamily(
        PREFIX + "answer_seconds",
        "Seconds from a command's arrival to its confirmed answer, last five minutes.",
        labels=["quantile"],
    )
    for quantile in QUANTILES if seconds else ():
        rank = math.ceil(quantile * len(seconds)) - 1
        latency.add_metric([str(quantile)], seconds[rank])
    yield latency
    yield _gauge(
        "answers_recent",
        f"Answers sent in the last five minutes, at most {statistics.MAX_ANSWERS}.",
        len(seconds),
    )


def _stream(row: StreamStatus | None) -> Iterator[Metric]:
    yield _gauge(
        "stream_ready",
        "Whether the XMPP stream is ready (1) or not (0).",
        float(gateway.is_up()),
    )
    if row is None:
        return
    yield CounterMetricFamily(
        PREFIX + "stream_sessions",
        "Sessions that the XMPP stream has opened.",
        row.sessions,
    )
    yield CounterMetricFamily(
        PREFIX + "commands_refused",
        "New commands refused because they could not be answered in time.",
        row.refused,
    )
    yield _gauge(
        "stream_seen_age_seconds",
        "Seconds since the process with the XMPP stream last reported.",
        max(0.0, (timezone.now() - row.seen_at).total_seconds()),
    )
    rosters = GaugeMetricFamily(
        PREFIX + "rosters_missing",
        "Whether the driver lacks something to manage rosters (1) or not (0).",
        labels=["driver"],
    )
    rosters.add_metric([row.driver], float(bool(row.missing)))
    yield rosters
    domains = GaugeMetricFamily(
        PREFIX + "domain_rosters_missing",
        "Whether the driver lacks something for a domain's rosters (1) or not (0).",
        labels=["domain"],
    )
    for domain in settings.XMPP_DOMAINS:
        domains.add_metric([domain], float(domain in row.lacking))
    yield domains


def _transports() -> Metric:
    up = GaugeMetricFamily(
        PREFIX + "transport_up",
        "Whether the broker and the channel layer answer (1) or not (0).",
        labels=["transport"],
    )
    for name, probe in health.TRANSPORTS.items():
        up.add_metric([name], float(not probe.failure()))
    return up


def _releases() -> Iterator[Metric]:
    yield _gauge(
        "release_lag_seconds",
        "Seconds that a change has been overdue to go live, 0 if none is.",
        releases.lag(),
    )
    yield _gauge(
        "campaigns_blocked",
        "Campaigns that did not go live or end at their moment, and wait for staff.",
        Campaign.objects.exclude(blocked="").count(),
    )
    live = live_release_without_body()
    if live is not None:
        yield _gauge("release_number", "Number of the newest version.", live.number)
        yield _gauge(
            "document_bytes", "Size of the newest version's stanza in bytes.", live.size
        )
    notified, waiting = subscribers.counts(live.number if live else 0)
    yield _gauge("subscribers", "Subscribers to new versions.", notified)
    yield _gauge(
        "announcements_waiting",
        "Subscribers not yet notified of the newest version.",
        waiting,
    )
    yield _gauge(
        "document_bytes_limit",
        "Maximum size of a stanza in bytes.",
        settings.XMPP_STANZA_LIMIT,
    )


def _discovery() -> Iterator[Metric]:
    yield _gauge(
        "owners_flagged",
        "Owners flagged for number enumeration.",
        statistics.flagged(),
    )
    yield _gauge(
        "late_joins",
        "Rosters to check because a number on them has become a user.",
        statistics.late_joins(),
    )


REGISTRY = CollectorRegistry()
REGISTRY.register(Statistics())
ProcessCollector(registry=REGISTRY)


class Metrics:
    """Middleware: ``/metrics``, which requires METRICS_TOKEN if that is set.

    It precedes the host check, like the probes of
    :mod:`xmppservice.monitoring.health`.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != "/metrics":
            return self.get_response(request)
        if not _is_allowed(request):
            return HttpResponse(
                "A bearer token is needed.\n",
                content_type="text/plain",
                status=HTTPStatus.UNAUTHORIZED,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return _scrape()


def _is_allowed(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return True
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_same = constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    return scheme.lower() == "bearer" and is_same


def _scrape() -> HttpResponse:
    try:
        text = health.query_with_timeout(lambda: generate_latest(REGISTRY))
    except health.DatabaseUnavailable:
        return HttpResponse(
            "The database does not answer.\n",
            content_type="text/plain",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
