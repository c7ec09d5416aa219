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
            PREFIX + "build", "The running version.", {"version": __version__}
        )
        yield from _commands()
        yield from _stream(StreamStatus.objects.filter(pk=settings.XMPP_JID).first())
        yield from _releases()
        yield from _discovery()


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, says, value)


def _commands() -> Iterator[Metric]:
    counts = statistics.by_state()
    dead = counts.pop(statistics.State.DEAD)
    states = GaugeMetricFamily(
        PREFIX + "commands_open", "Commands without a sent answer.", labels=["state"]
    )
    for state, count in counts.items():
        states.add_metric([state], count)
    yield states
    yield _gauge("commands_dead", "Commands that failed for good.", dead)
    yield _gauge(
        "commands_oldest_seconds",
        "How long the oldest open command that has not failed has waited.",
        statistics.longest_wait(),
    )
    yield from _answers(statistics.latencies())


def _answers(seconds: list[float]) -> Iterator[Metric]:
    latency = GaugeMetricFamily(
        PREFIX + "answer_seconds",
        "From a command's arrival to its confirmed answer, in the last five minutes.",
        labels=["quantile"],
    )
    for quantile in QUANTILES if seconds else ():
        rank = math.ceil(quantile * len(seconds)) - 1
        latency.add_metric([str(quantile)], seconds[rank])
    yield latency
    yield _gauge(
        "answers_recent",
        f"Answers sent in the last five minutes, {statistics.MAX_ANSWERS} at most.",
        len(seconds),
    )


def _stream(row: StreamStatus | None) -> Iterator[Metric]:
    yield _gauge(
        "stream_ready", "Whether clients are answered.", float(gateway.is_up())
    )
    if row is None:
        return
    yield CounterMetricFamily(
        PREFIX + "stream_sessions",
        "Sessions of the stream since its first one.",
        row.sessions,
    )
    yield _gauge(
        "stream_seen_age_seconds",
        "Since the process of the stream was heard of.",
        max(0.0, (timezone.now() - row.seen_at).total_seconds()),
    )
    rosters = GaugeMetricFamily(
        PREFIX + "rosters_missing",
        "Whether the driver lacks something to keep rosters.",
        labels=["driver"],
    )
    rosters.add_metric([row.driver], float(bool(row.missing)))
    yield rosters


def _releases() -> Iterator[Metric]:
    yield _gauge(
        "release_lag_seconds",
        "Since something should be live that is not.",
        releases.lag(),
    )
    live = live_release_without_body()
    if live is not None:
        yield _gauge("release_number", "The newest version.", live.number)
        yield _gauge("document_bytes", "Size of its stanza.", live.size)
    informed, untold = subscribers.counts(live.number if live else 0)
    yield _gauge("subscribers", "Who is told of a new version.", informed)
    yield _gauge(
        "announcements_waiting",
        "Subscribers who were not told of the newest version yet.",
        untold,
    )
    yield _gauge(
        "document_bytes_limit",
        "What a stanza may have.",
        settings.XMPP_STANZA_LIMIT,
    )


def _discovery() -> Iterator[Metric]:
    yield _gauge(
        "owners_flagged",
        "Owners whom the farming detector holds.",
        statistics.flagged(),
    )
    yield _gauge(
        "late_joins",
        "Rosters to look at because a number has become a user.",
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
        text = health.look(lambda: generate_latest(REGISTRY))
    except health.Away:
        return HttpResponse(
            "The database does not answer.\n",
            content_type="text/plain",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
