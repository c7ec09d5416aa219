"""The links above a page, which lead to the pages that it was opened from."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from buddies.models import Buddy
from buddies.publishing.live import live_release
from buddies.tree import edits
from tests.buddies.admin.test_permissions import staff
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.transfer_client import DOCUMENT, PAGE, PREVIEW
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


def test_a_review_of_an_import_leads_back_to_its_campaign(
    publisher: Client, natale: Natale
) -> None:
    query = f"?campaign={natale.campaign.pk}"
    text = DOCUMENT.format("Ciao")
    publisher.post(f"{PAGE}{query}", {"what": "document", "document-text": text})

    found = links(publisher, f"{PREVIEW}{query}")

    assert found == {"Import &amp; export": f"{PAGE}{query}"}


@pytest.mark.usefixtures("verona")
def test_a_page_that_one_may_not_open_is_named_without_a_link() -> None:
    romeo = Buddy.objects.get(name="romeo")
    writer = staff("edit_campaign", "change_buddy", "edit_live")

    for path in (f"{CAMPAIGNS}new/", f"{BUDDIES}{romeo.pk}/change/"):
        assert links(writer, path) == {}


@pytest.mark.usefixtures("verona")
def test_the_name_of_an_entry_is_escaped_once(publisher: Client) -> None:
    edits.change([Buddy.objects.get(name="romeo")], "anna", name="Tom & " + "x" * 80)
    romeo = Buddy.objects.get(name__startswith="Tom")

    page = publisher.get(f"{BUDDIES}{romeo.pk}/change/").content.decode()

    (crumbs,) = CRUMBS.findall(page)
    assert crumbs.endswith(f"› Tom &amp; {'x' * 53}…")


@pytest.mark.parametrize(
    ("path", "label"),
    [(f"{CAMPAIGNS}calendar/", "Campaigns"), (f"{BUDDIES}trash/", "Home")],
)
def test_other_pages_lead_back(publisher: Client, path: str, label: str) -> None:
    assert list(links(publisher, path)) == [label]
