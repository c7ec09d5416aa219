"""The page of a version's reach."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from buddies.publishing import releases
from buddies.publishing.live import mark_live
from roster.models import Reach, Subscriber
from tests.api import client_of
from tests.buddies.conftest import channel
from xmppservice.monitoring.reach import counts_of

pytestmark = pytest.mark.django_db

LIVE = "/admin/buddies/release/reach/"


@pytest.fixture
def staff() -> Client:
    person = User.objects.create(username="nurse", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_release"))
    client = Client()
    client.force_login(person)
    return client


def go_live(name: str) -> int:
    channel(name)
    release = releases.sync()
    mark_live(release.number)
    return release.number


def keep(number: int, *samples: list[float], **more: object) -> None:
    Reach.objects.create(
        number=number, began_at=timezone.now(), samples=list(samples), **more
    )


def test_the_live_version_is_counted_from_the_subscribers(staff):
    number = go_live("romeo")
    for place, told in enumerate((number, number, number - 1)):
        Subscriber.objects.create(jid=f"{place}@localhost", told=told)
    keep(number, [1, 1, 2], [30, 1, 7])

    counts = counts_of(number)
    assert (counts.subscribers, counts.told, counts.read) == (3, 2, 7)
    page = staff.get(LIVE)
    told, read = page.context["facts"]
    assert told[0] == ("Subscribed users notified", "2 of 3 (67 %)")
    assert read[0] == ("Read", "at least 7 times")
    assert page.context["rows"][-1] == ("now", "1", "7")


def test_an_older_version_has_what_was_counted_then(staff):
    old = go_live("romeo")
    keep(old, [10, 50, 0], [20, 100, 10], subscribers=120)
    go_live("juliet")

    page = staff.get(f"{LIVE}{old}/")
    told, read = page.context["facts"]
    assert told == [
        ("Subscribed users notified", "100 of 120 (83 %)"),
        ("50 % of it within", "10 seconds"),
        ("90 % of it within", "18 seconds"),
    ]
    assert read[0] == ("Read", "at least 10 times")
    assert page.context["newer"].number == old + 1


def test_the_api_has_the_same_counts():
    api, number = client_of("view_release"), go_live("romeo")
    for place, told in enumerate((number, number, number - 1)):
        Subscriber.objects.create(jid=f"{place}@localhost", told=told)
    keep(number, [1, 1, 2], [30, 1, 7])

    assert api.get(f"/api/releases/{number}/reach/").json() == {
        **{"subscribers": 3, "notified": 2, "read": 7},
        "samples": [
            {"seconds": 1, "notified": 1, "read": 2},
            {"seconds": 30, "notified": 1, "read": 7},
        ],
    }

    Reach.objects.update(is_read_known=False)
    counts = api.get(f"/api/releases/{number}/reach/").json()
    assert (counts["read"], counts["samples"][0]["read"]) == (None, None)
    for unknown in (number + 1, 10**30):
        assert api.get(f"/api/releases/{unknown}/reach/").status_code == 404
    assert (
        client_of(name="potpan").get(f"/api/releases/{number}/reach/").status_code
        == 403
    )


def test_a_version_that_nobody_counted_has_a_page(staff):
    number = go_live("romeo")
    page = staff.get(f"{LIVE}{number}/")
    assert "the service notified nobody" in page.content.decode()
    assert page.context["curve"] is None


def test_reads_that_the_xmpp_server_answers_are_not_counted(staff):
    number = go_live("romeo")
    keep(number, [1, 1, 0], [9, 2, 0], is_read_known=False)
    page = staff.get(f"{LIVE}{number}/")
    assert page.context["facts"][1] == [("Read", "not known: the XMPP server answers")]
    assert 'class="read"' not in page.content.decode()


def test_the_curve_grows_from_left_to_right(staff):
    number = go_live("romeo")
    keep(number, [1, 0, 0], [10, 60, 10], [100, 100, 50], subscribers=100)
    curve = staff.get(f"{LIVE}{number}/").context["curve"]
    points = [tuple(map(float, one.split(","))) for one in curve["told"].split()]
    assert points == [(0, 220), (0, 220), (320, 88), (640, 0)]
    assert [words for _x, words in curve["marks"]] == ["1 s", "10 s", "1 min"]


def test_only_who_may_view_versions_sees_it(staff):
    assert staff.get(LIVE).status_code == 404  # nothing is live yet
    assert staff.get(f"{LIVE}99999/").status_code == 404
    number = go_live("romeo")
    User.objects.get(username="nurse").user_permissions.clear()
    for page in (LIVE, f"{LIVE}{number}/"):
        assert staff.get(page).status_code == 403
