"""The broker and the channel layer: one spelling for both clients, and their state."""

import socket
from collections.abc import Iterator

import pytest

from tests.ports import free_port
from xmppservice.runtime import transports


@pytest.mark.parametrize(
    ("url", "broker", "host"),
    [
        (
            "redis://:pw@h:1/2",
            ("redis://:pw@h:1/2", {}),
            {"address": "redis://:pw@h:1/2"},
        ),
        (
            "unix:///run/r.sock",
            ("redis+socket:///run/r.sock?virtual_host=0", {}),
            {"address": "unix:///run/r.sock?db=0"},
        ),
        (
            "redis+socket://:p%40w@/run/r.sock?db=3",
            ("redis+socket://:p%40w@/run/r.sock?virtual_host=3", {}),
            {"address": "unix://:p%40w@/run/r.sock?db=3"},
        ),
    ],
)
def test_a_url_serves_both_clients(url, broker, host):
    assert transports.broker(url) == broker
    assert transports.channel_host(url) == host


@pytest.mark.parametrize(
    ("url", "broker", "host"),
    [
        (
            "sentinel://h",
            ("sentinel://h:26379/0", {"master_name": "mymaster"}),
            {"sentinels": [("h", 26379)], "db": 0, "master_name": "mymaster"},
        ),
        (
            "sentinel://u:p%40w@a:1,[::1]/2?master=grp",
            (
                "sentinel://u:p%40w@a:1/2;sentinel://u:p%40w@[::1]:26379/2",
                {"master_name": "grp"},
            ),
            {
                "sentinels": [("a", 1), ("::1", 26379)],
                "db": 2,
                "username": "u",
                "password": "p@w",
                "master_name": "grp",
            },
        ),
    ],
)
def test_a_url_of_sentinels_serves_both_clients(url, broker, host):
    address, options = transports.broker(url)
    found = transports.channel_host(url)
    # A sentinel that is away must not cost the time of the others.
    for client in (options, found):
        assert client.pop("sentinel_kwargs")["retry"].get_retries() == 0
    assert ((address, options), found) == (broker, host)


def test_sentinels_have_a_password_of_their_own():
    url = "sentinel://h/0?master=grp&sentinel_password=s%26s"
    for client in (transports.broker(url)[1], transports.channel_host(url)):
        assert client["sentinel_kwargs"]["password"] == "s&s"


# --- Whether they answer ------------------------------------------------------------


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that hangs: it takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def _always_asked(monkeypatch):
    monkeypatch.setattr(transports, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(transports, "TIMEOUT_SECONDS", 0.2)


FAILURES = {
    "ConnectionError",
    "ConnectionRefusedError",
    "MasterNotFoundError",
    "TimeoutError",
    "gaierror",
}
SCHEMES = ("redis://:hidden@{}/0", "sentinel://:hidden@{}/0", "amqp://u:hidden@{}//")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_server_that_is_down_hangs_or_has_no_address_is_noticed(
    settings, silent, scheme
):
    for host in (f"127.0.0.1:{free_port()}", f"127.0.0.1:{silent}", "h.invalid:1"):
        settings.CELERY_BROKER_URL = scheme.format(host)
        assert transports.BROKER.failure() in FAILURES


def test_a_socket_without_a_server_is_noticed(settings, tmp_path):
    settings.CHANNEL_LAYER_URL = f"unix://{tmp_path}/none.sock"
    assert transports.CHANNEL_LAYER.failure() == "ConnectionError"


def test_one_process_has_neither(settings):
    settings.CELERY_BROKER_URL, settings.CHANNEL_LAYER_URL = settings.IN_MEMORY, ""
    assert transports.BROKER.failure() == ""
    assert transports.CHANNEL_LAYER.failure() == ""


def test_a_fresh_answer_is_used_again(monkeypatch, settings):
    settings.CHANNEL_LAYER_URL = "redis://h"
    monkeypatch.setattr(transports, "FRESH_SECONDS", 60.0)
    asked = []

    def ask(url: str) -> None:
        asked.append(url)
        raise OSError

    probe = transports.Probe("CHANNEL_LAYER_URL", ask)
    assert [probe.failure() for _ in range(3)] == ["OSError"] * 3
    assert asked == ["redis://h"]
