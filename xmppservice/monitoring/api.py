"""The API's index, the state of delivery, and how far releases got."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from buddies.models import Release
from buddies.publishing import releases
from buddies.publishing.live import live_release_without_body
from roster import statistics
from xmppservice.api.serializers import Serializer
from xmppservice.api.views import Described
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import reach

ADDRESSES = {
    "document": "document",
    "tree": "tree",
    "buddies": "buddy-list",
    "campaigns": "campaign-list",
    "releases": "release-list",
    "accounts": "account-list",
    "commands": "command-list",
    "delivery": "api-delivery",
    "schema": "schema",
}


class ApiSerializer(Serializer):
    """The addresses of the API."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {name: serializers.URLField() for name in ADDRESSES}


class Api(Described):
    """List the addresses of the API by name."""

    scope = "document"
    needs = {"get": None}
    serializer_class = ApiSerializer

    def get(self, request: Request) -> Response:
        addresses = {
            name: reverse(view, request=request) for name, view in ADDRESSES.items()
        }
        return Response(addresses)


class Description(Described, SpectacularAPIView):
    """Get the OpenAPI description."""

    @extend_schema(exclude=True, parameters=[OpenApiParameter("lang", str)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]  # drf-spectacular has no types for it
        return response


class StreamSerializer(Serializer):
    """The stream to the XMPP server. ``missing`` says what its driver lacks."""

    jid = serializers.CharField()
    connected = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    process = serializers.CharField()
    sessions = serializers.IntegerField()
    driver = serializers.CharField()
    missing = serializers.CharField()


class LiveSerializer(Serializer):
    """The newest release. ``lagSeconds``: how long the next change is overdue."""

    number = serializers.IntegerField(allow_null=True)
    liveAt = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField()
    limit = serializers.IntegerField()
    lagSeconds = serializers.FloatField()


class CommandQueueSerializer(Serializer):
    """Number of commands by state, and how long the oldest one has waited."""

    received = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    dead = serializers.IntegerField()
    longestWaitSeconds = serializers.FloatField()


class DeliverySerializer(Serializer):
    """Whether releases reach clients and commands are answered."""

    stream = StreamSerializer()
    release = LiveSerializer()
    commands = CommandQueueSerializer()


class DeliveryView(Described):
    """Report whether releases reach clients and commands are answered."""

    scope = "delivery"
    needs = {"get": "roster.view_command"}
    serializer_class = DeliverySerializer

    def get(self, request: Request) -> Response:
        return Response(
            {"stream": _stream(), "release": _release(), "commands": _commands()}
        )


class SampleSerializer(Serializer):
    """How many users had been notified, and how often it had been read, by then."""

    seconds = serializers.FloatField()
    notified = serializers.IntegerField()
    read = serializers.IntegerField(allow_null=True)


class ReachSerializer(Serializer):
    """How far a release got, in counts: at least, because copies hide readers.

    ``read`` is null if the XMPP server answers those who read.
    """

    subscribers = serializers.IntegerField()
    notified = serializers.IntegerField()
    read = serializers.IntegerField(allow_null=True)
    samples = SampleSerializer(many=True)


class ReachView(Described):
    """Count how many users were notified of a release, and how often it was read."""

    scope = "releases"
    needs = {"get": "buddies.view_release"}
    serializer_class = ReachSerializer

    def get(self, request: Request, number: int) -> Response:
        if not Release.objects.filter(number=min(number, 2**63 - 1)).exists():
            raise NotFound("There is no version with this number.")
        counts = reach.counts_of(number)
        is_known = counts.read is not None
        samples = [
            {"seconds": after, "notified": told, "read": read if is_known else None}
            for after, told, read in counts.samples
        ]
        return Response(
            {
                "subscribers": counts.subscribers,
                "notified": counts.told,
                "read": counts.read,
                "samples": samples,
            }
        )


def _stream() -> dict[str, Any]:
    row = StreamStatus.objects.filter(pk=settings.XMPP_JID).first() or StreamStatus()
    names = ("since", "process", "sessions", "driver", "missing")
    fields = {name: getattr(row, name) for name in names}
    return {"jid": settings.XMPP_JID, "connected": gateway.is_up(), **fields}


def _release() -> dict[str, Any]:
    live = live_release_without_body()
    return {
        "number": live and live.number,
        "liveAt": live and live.live_at,
        "size": live.size if live else 0,
        "limit": settings.XMPP_STANZA_LIMIT,
        "lagSeconds": releases.lag(),
    }


def _commands() -> dict[str, Any]:
    counts = {str(state): count for state, count in statistics.by_state().items()}
    return {**counts, "longestWaitSeconds": statistics.longest_wait()}
