"""The Delivery page: the state as text, and the check through the XMPP server."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from buddies.models import Buddy, Release
from buddies.publishing import releases
from buddies.publishing.live import mark_live
from buddies.tree import edits
from roster.commands import intake
from roster.models import Command
from tests.ports import free_port
from tests.roster.conftest import message
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import delivery
from xmppservice.protocol import vcard

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, STATE, CHECK = (f"/admin/delivery/{word}" for word in ("", "state/", "check/"))


@pytest.fixture
def staff() -> Client:
    person = User.objects.create(username="nurse", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_command"))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def live() -> Release:
    """A live release."""
    edits.add(Buddy(name="Liam", address="", mobile_is_published=True), "anna")
    release = releases.sync()
    assert release is not None
    mark_live(release.number)
    return release


@pytest.fixture
def stream(settings) -> StreamStatus:
    """The row of another process's stream."""
    return StreamStatus.objects.create(
        jid=settings.XMPP_JID,
        process="elsewhere:1",
        ready=True,
        driver="paper",
        sessions=4,
        since=timezone.now(),
    )


def texts(client: Client) -> dict[str, str]:
    found: dict[str, str] = client.get(STATE).json()["texts"]
    return found


def tones(client: Client) -> dict[str, str]:
    found: dict[str, str] = client.get(STATE).json()["tones"]
    return found


@pytest.mark.parametrize(
    ("companions", "changed", "named"),
    [
        ([], {}, "localhost, elsewhere.localhost"),
        (["localhost"], {}, "elsewhere.localhost"),
        (["localhost", "elsewhere.localhost"], {}, ""),
        ([], {"EJABBERD_API_URL": "http://127.0.0.1:1/api"}, ""),
        ([], {"XMPP_JID": "service@localhost"}, ""),
    ],
)
def test_what_is_lost_without_our_module_is_said(
    staff, stream, settings, companions, changed, named
):
    settings.XMPP_DOMAINS = ["localhost", "elsewhere.localhost"]
    for name, value in changed.items():
        setattr(settings, name, value)
    row = StreamStatus(jid=settings.XMPP_JID, ready=True, companions=companions)
    row.save()

    advice = texts(staff)["advice"]

    assert bool(advice) == bool(named)
    assert not named or f"is not loaded for {named}. Everything works" in advice


def test_a_broker_that_is_down_is_shown(staff, live, stream, settings):
    assert (texts(staff)["transport"], tones(staff)["commands"]) == ("", "ok")

    settings.CELERY_BROKER_URL = f"amqp://127.0.0.1:{free_port()}//"

    assert texts(staff)["transport"].startswith("Not responding: the broker.")
    assert tones(staff)["commands"] == tones(staff)["all"] == "error"
    assert b"Not responding: the broker." in staff.get(PAGE).content


def test_the_reason_of_a_lost_stream_is_shown(staff, live, stream):
    StreamStatus.objects.update(ready=False, reason="conflict <b>")
    assert texts(staff)["away"].endswith("Retrying. (conflict <b>)")
    assert b"conflict &lt;b&gt;" in staff.get(PAGE).content


def test_it_requires_permission_to_view_commands(client):
    person = User.objects.create(username="otto", is_staff=True)
    assert client.get(PAGE).status_code == 302
    client.force_login(person)

    assert client.get(PAGE).status_code == 403
    assert client.get(STATE).status_code == 403
    assert client.post(CHECK).status_code == 403


def test_a_healthy_service(staff, stream, live):
    assert set(tones(staff).values()) == {"ok"}
    said = texts(staff)
    assert said["headline"] == "All systems working"
    assert said["connection"].startswith("Connected since ")
    assert (said["process"], said["reconnects"]) == ("elsewhere:1", "3 times")
    assert (said["number"], said["lag"]) == (str(live.number), "nothing")
    assert said["wait"] == "0 seconds"
    html = staff.get(PAGE).content.decode()
    assert all(text in html for text in said.values())


def test_a_service_that_has_never_connected(staff):
    assert tones(staff)["all"] == "error"
    said = texts(staff)
    assert said["away"] == "No process has connected to the XMPP server yet."
    assert said["connection"] == "Not connected"
    assert said["number"] == "–"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"ready": False}, "The XMPP server is unreachable or refuses the connection"),
        ({"seen_at": timedelta(minutes=5)}, "last reported on"),
    ],
)
def test_a_disconnected_stream_is_shown(staff, stream, live, row, says):
    if "seen_at" in row:
        row = {"seen_at": timezone.now() - row["seen_at"]}
    StreamStatus.objects.update(**row)

    assert says in texts(staff)["away"]
    assert tones(staff) == {
        "stream": "error",
        "release": "ok",
        "commands": "ok",
        "all": "error",
    }


def test_missing_configuration_is_shown_for_copying(staff, stream, live):
    StreamStatus.objects.update(missing='privileged_entities = { "<x>" }')

    html = staff.get(PAGE).content.decode()

    assert "privileged_entities = { &quot;&lt;x&gt;&quot; }</code>" in html
    assert tones(staff)["stream"] == "error"


def test_a_release_that_does_not_go_live_is_late(staff, stream, live):
    Release.objects.update(
        live_at=None, created_at=timezone.now() - timedelta(minutes=3)
    )
    assert texts(staff)["lag"] == "for 3 minutes"
    assert tones(staff)["release"] == "error"


@pytest.mark.usefixtures("stopped_clock")
def test_waiting_and_dead_commands_are_counted_with_links(staff, stream, live):
    intake.receive([message(), message()])
    Command.objects.filter(pk=Command.objects.latest("pk").pk).update(
        state="dead", attempts=8
    )
    assert tones(staff)["commands"] == "warning"
    assert tones(staff)["all"] == "ok"
    Command.objects.update(received_at=timezone.now() - timedelta(seconds=100))

    assert tones(staff)["commands"] == "error"
    said = texts(staff)
    assert (said["received"], said["dead"], said["wait"]) == ("1", "1", "100 seconds")
    html = staff.get(PAGE).content.decode()
    assert "/admin/roster/command/?state=dead" in html


def test_the_state_has_an_etag(staff, stream, live):
    first = staff.get(STATE)
    again = staff.get(STATE, headers={"if-none-match": first.headers["ETag"]})
    assert again.status_code == 304


# --- Check now ------------------------------------------------------------------


@pytest.fixture
def answers() -> Iterator[Callable[[object], None]]:
    """A fake stream; call the fixture with its answer or exception."""
    outcomes: list[object] = []

    async def ask(
        requests: Sequence[gateway.IqRequest], deadline: float
    ) -> list[gateway.IqResult]:
        (outcome,) = outcomes
        if isinstance(outcome, Exception):
            raise outcome
        assert [request.type for request in requests] == ["get"]
        assert isinstance(outcome, gateway.IqResult)
        return [outcome]

    async def begin() -> None:
        gateway.attach(ask, lambda: gateway.State(ready=True, privileged=True))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(begin(), loop).result()
    yield outcomes.append
    gateway.detach()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_check_without_a_stream_fails(staff, live):
    said = staff.post(CHECK, headers={"accept": "application/json"}).json()
    assert said == {
        "ok": False,
        "says": "The service is not connected to the XMPP server.",
    }


def test_a_check_reads_what_clients_read(staff, live, answers):
    answers(gateway.IqResult("", vcard.of_document(live.body)))
    verdict = delivery.check()
    assert verdict.ok
    words = f"Apps read version {live.number}. "
    assert verdict.message.startswith(words)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (gateway.Late(), "No answer in 5 seconds."),
        (gateway.IqResult("forbidden", ""), "with the error “forbidden”."),
        (gateway.IqResult("", ""), "not one of our versions"),
        (gateway.IqResult("", vcard.of_document("{}")), "not one of our versions"),
    ],
)
def test_a_check_says_what_is_wrong(live, answers, outcome, says):
    answers(outcome)
    verdict = delivery.check()
    assert not verdict.ok
    assert says in verdict.message


def test_a_check_recognises_an_older_version(live, answers):
    edits.add(Buddy(name="Noel", address="", mobile_is_published=True), "anna")
    newer = releases.sync()
    answers(gateway.IqResult("", vcard.of_document(live.body)))

    verdict = delivery.check()

    numbers = (live.number, newer.number)
    words = "Apps read version {}, but the newest is {}."
    assert verdict == (False, words.format(*numbers))


def test_a_check_works_without_javascript(staff, live, answers):
    answers(gateway.IqResult("", vcard.of_document(live.body)))

    page = staff.post(CHECK, headers={"accept": "text/html"}, follow=True)

    (said,) = page.context["messages"]
    assert "Apps read version" in str(said)
    assert page.redirect_chain == [(PAGE, 302)]
    assert staff.get(CHECK).status_code == 405
