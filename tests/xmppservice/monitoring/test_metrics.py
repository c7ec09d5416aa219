"""/metrics: correct in every process, because they are read from the database."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from buddies.models import Buddy, Release
from buddies.publishing import live, releases
from buddies.tree import edits
from roster.commands import intake
from roster.models import Account, Command, Flag, LateJoin, Subscriber
from tests.ports import free_port
from tests.processes import ROOT
from tests.roster.conftest import message
from xmppservice import __version__
from xmppservice.connection.models import StreamStatus

pytestmark = pytest.mark.django_db(transaction=True)


def scrape(client: Client) -> dict[str, float]:
    """Return the service's samples by name and labels."""
    response = client.get("/metrics", headers={"host": "10.0.0.7"})
    assert response.status_code == 200
    return {
        f"{one.name.removeprefix('xmppservice_')}{sorted(one.labels.values()) or ''}": (
            one.value
        )
        for family in text_string_to_metric_families(response.content.decode())
        for one in family.samples
        if one.name.startswith("xmppservice_")
    }


def test_an_empty_service_has_metrics(client, settings):
    found = scrape(client)

    assert found[f"build_info['{__version__}']"] == 1
    assert found["commands_open['received']"] == 0
    assert found["stream_ready"] == 0
    assert found["document_bytes_limit"] == settings.XMPP_STANZA_LIMIT
    assert found["release_lag_seconds"] == 0
    assert found["campaigns_blocked"] == 0
    assert "stream_sessions_total" not in found


def test_flagged_owners_and_late_joins(client):
    romeo, juliet = (Account.objects.create(jid=f"{n}@localhost") for n in "rj")
    LateJoin.objects.create(owner=romeo, joined=juliet, place=0)
    Flag.objects.create(owner=romeo)
    Flag.objects.create(owner=juliet, released_at=timezone.now())

    found = scrape(client)

    assert (found["owners_flagged"], found["late_joins"]) == (1, 1)


def test_commands_and_latencies(client):
    intake.receive([message() for _ in range(104)])
    keys = list(Command.objects.order_by("pk").values_list("pk", flat=True))
    now = timezone.now()
    for seconds, key in enumerate(keys[:100], start=1):
        came = now - timedelta(seconds=seconds)
        Command.objects.filter(pk=key).update(
            state="sent", received_at=came, sent_at=now
        )
    Command.objects.filter(pk=keys[100]).update(state="dead", attempts=8)
    Command.objects.filter(pk=keys[101]).update(
        state="running", received_at=now - timedelta(seconds=40)
    )

    found = scrape(client)

    assert found["commands_open['received']"] == 2
    assert found["commands_open['running']"] == 1
    assert found["commands_dead"] == 1
    assert 40 <= found["commands_oldest_seconds"] < 60
    quantiles = [found[f"answer_seconds['{q}']"] for q in ("0.5", "0.95", "0.99")]
    assert quantiles == [50, 95, 99]
    assert found["answers_recent"] == 100


def test_the_stream_of_another_process(client, settings):
    settings.XMPP_DOMAINS = ["localhost", "elsewhere.localhost"]
    seen_at = timezone.now() - timedelta(seconds=7)
    StreamStatus.objects.create(
        jid=settings.XMPP_JID,
        ready=True,
        sessions=3,
        refused=4,
        driver="paper",
        missing="elsewhere.localhost: a line",
        lacking={"elsewhere.localhost": "a line"},
        seen_at=seen_at,
    )

    found = scrape(client)

    assert found["stream_ready"] == 1
    assert found["stream_sessions_total"] == 3
    assert found["commands_refused_total"] == 4
    assert 7 <= found["stream_seen_age_seconds"] < 60
    assert found["rosters_missing['paper']"] == 1
    assert found["domain_rosters_missing['localhost']"] == 0
    assert found["domain_rosters_missing['elsewhere.localhost']"] == 1


def test_a_transport_that_is_down(client, settings):
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    found = scrape(client)
    assert found["transport_up['broker']"] == 0
    assert found["transport_up['channel_layer']"] == 1


def test_a_release_that_is_not_live_lags(client):
    edits.add(Buddy(name="Liam", address="", mobile_is_published=True), "anna")
    release = releases.sync()
    Release.objects.update(created_at=timezone.now() - timedelta(seconds=20))

    for number in (release.number - 1, release.number):
        Subscriber.objects.create(jid=f"{number}@localhost", told=number)

    found = scrape(client)

    assert 20 <= found["release_lag_seconds"] < 60
    assert (found["subscribers"], found["announcements_waiting"]) == (2, 1)
    assert found["release_number"] == release.number
    assert found["document_bytes"] == release.size

    live.mark_live(release.number)
    assert scrape(client)["release_lag_seconds"] == 0


def queries() -> Iterator[tuple[str, str]]:
    """Yield what the dashboard and the alerts ask, and the text that shows it."""
    folder = ROOT / "deploy"
    for panel in json.loads((folder / "grafana/dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for group in yaml.safe_load((folder / "prometheus/xmppservice.yml").read_text())[
        "groups"
    ]:
        for rule in group["rules"]:
            yield rule["expr"], rule["annotations"]["summary"]


def test_dashboard_and_alerts_ask_for_metrics_and_labels_that_exist(client, settings):
    edits.add(Buddy(name="Liam", address="", mobile_is_published=True), "anna")
    releases.sync()
    now = timezone.now()
    StreamStatus.objects.create(jid=settings.XMPP_JID, sessions=1, seen_at=now)
    intake.receive([message()])
    Command.objects.update(state="sent", received_at=now, sent_at=now)
    content = client.get("/metrics").content.decode()
    labels = {
        one.name: set(one.labels)
        for family in text_string_to_metric_families(content)
        for one in family.samples
    }

    for query, text in queries():
        names = re.findall(r"\bxmppservice_\w+", query)
        shown = re.findall(r"{{ *(?:\$labels\.)?(\w+)", text)
        for name in names:
            assert name in labels
            assert set(shown) <= labels[name]
    ours = {name for name in labels if name.startswith("xmppservice_")}
    dashboard = (ROOT / "deploy/grafana/dashboard.json").read_text()
    on_it = set(re.findall(r"\bxmppservice_\w+", dashboard))
    assert on_it == ours - {"xmppservice_build_info"}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic a-token"}, 401),
        ({"authorization": "Bearer é"}, 401),
        ({"authorization": "Bearer a-token"}, 200),
        ({"authorization": "bearer  a-token "}, 200),
    ],
)
def test_the_token_is_required_if_set(client, settings, sent, status):
    settings.METRICS_TOKEN = "a-token"

    response = client.get("/metrics", headers=sent)

    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert b"xmppservice_" not in response.content
