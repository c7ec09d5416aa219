"""The links above a page, which lead to the pages that it was opened from."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from buddies.models import Buddy
from buddies.publishing.live import live_release
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.versions_client import RELEASES
from tests.buddies.pages.workspace_client import go_live

pytestmark = pytest.mark.django_db

BUDDIES = "/admin/buddies/buddy/"
CHANNELS = f"{BUDDIES}channels/"
CAMPAIGNS = f"{CHANNELS}campaigns/"
CRUMBS = re.compile(r'<div class="breadcrumbs">(.*?)</div>', re.DOTALL)
LINK = re.compile(r'<a href="([^"]+)">([^<]+)</a>')


def links(client: Client, path: str) -> dict[str, str]:
    """Return the links above a page, each of which must open."""
    (crumbs,) = CRUMBS.findall(client.get(path).content.decode())
    found = {label: address for address, label in LINK.findall(crumbs)}
    assert [client.get(one).status_code for one in found.values()] == [200] * len(found)
    return found


@pytest.mark.parametrize(
    ("page", "labels"),
    [
        (lambda n, _: f"{CAMPAIGNS}{n}/review/", ["Campaigns", "Natale"]),
        (lambda n, _: f"{CAMPAIGNS}{n}/decisions/", ["Campaigns", "Natale"]),
        (lambda n, _: f"{CAMPAIGNS}{n}/", ["Campaigns"]),
        (lambda _, pk: f"{BUDDIES}{pk}/history/", ["Channels"]),
        (lambda n, pk: f"{BUDDIES}{pk}/history/?campaign={n}", ["Natale"]),
    ],
)
def test_pages_of_campaigns_and_entries_lead_back(
    publisher: Client,
    natale: Natale,
    page: Callable[[int, int], str],
    labels: list[str],
) -> None:
    romeo = Buddy.objects.get(name="romeo")

    found = links(publisher, page(natale.campaign.pk, romeo.pk))

    assert list(found) == labels
    named = f"{CHANNELS}?campaign={natale.campaign.pk}"
    assert found.get("Natale", named) == named


@pytest.mark.usefixtures("verona")
def test_pages_of_versions_lead_back(publisher: Client) -> None:
    go_live()
    release = live_release()
    assert release
    number, above = release.number, {"Versions": RELEASES}
    own = f"{RELEASES}{number}/"
    title = f"Version {number}"

    assert links(publisher, f"{own}change/") == above

    above[title] = f"{own}change/"
    assert links(publisher, f"{RELEASES}reach/{number}/") == above
    assert links(publisher, f"{own}compare/?with={number}") == above


@pytest.mark.parametrize(
    ("path", "label"),
    [(f"{CAMPAIGNS}calendar/", "Campaigns"), (f"{BUDDIES}trash/", "Home")],
)
def test_other_pages_lead_back(publisher: Client, path: str, label: str) -> None:
    assert list(links(publisher, path)) == [label]
