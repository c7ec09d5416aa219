"""Approvals of a campaign: whose counts, when it is void, who may go without."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from buddies.models import Release
from tests.buddies.conftest import named
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.test_campaign_review import SOON, form, post, stored
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import change, go_live, person

pytestmark = pytest.mark.django_db

MISSING = "1 approval is missing."


@pytest.fixture(autouse=True)
def _two_pairs_of_eyes(settings) -> None:
    settings.CAMPAIGN_APPROVALS = 1


@pytest.fixture
def natale(verona) -> Natale:
    """Natale renames romeo; what it departs from is live."""
    natale = Natale()
    natale.change("romeo", name="Romeo")
    go_live()
    return natale


@pytest.fixture
def friar() -> Client:
    return person("friar", "Publisher")


def approve(client: Client, natale: Natale, **more: str):
    digest = client.get(natale.url("review")).context["review"].digest
    sent = {"digest": digest, "note": "It is good", **more}
    return client.post(natale.url("approve"), sent, follow=True)


def test_a_campaign_waits_for_its_approval(publisher: Client, friar, natale):
    before = stored()
    assert MISSING in page_text(publisher.get(natale.url("review")))
    assert messages(post(publisher, natale)) == [MISSING]
    assert stored() == before

    response = approve(friar, natale)

    assert response.redirect_chain == [(natale.url("review"), 302)]
    assert messages(response) == ["You approved “Natale” as it is now."]
    text = page_text(publisher.get(natale.url("review")))
    assert "Approved by friar on" in text
    assert ": It is good" in text
    assert MISSING not in text
    post(publisher, natale)
    assert natale.campaign.state == "published"


def test_without_the_setting_nobody_has_to_approve(publisher, natale, settings):
    settings.CAMPAIGN_APPROVALS = 0
    post(publisher, natale)
    assert natale.campaign.state == "published"


def test_who_edited_it_does_not_approve_it(natale):
    mercutio = person("mercutio", "Publisher")
    words = "You edited this campaign, so somebody else has to approve it."

    assert "Approve" not in page_text(mercutio.get(natale.url("review")))
    assert messages(approve(mercutio, natale)) == [words]
    assert not natale.campaign.approvals.exists()


def test_who_plans_it_does_not_approve_it(publisher: Client, friar, natale):
    post(publisher, natale, when="later", at=SOON)
    words = "You planned this campaign, so somebody else has to approve it."

    assert messages(approve(publisher, natale)) == [words]
    approve(friar, natale)
    assert MISSING not in page_text(publisher.get(natale.url("review")))


def test_who_publishes_it_does_not_count(publisher: Client, natale):
    approve(publisher, natale)
    assert messages(post(publisher, natale)) == [MISSING]
    assert natale.campaign.state == "open"


def edited(natale: Natale) -> None:
    natale.change("juliet", status="fair")


def planned(natale: Natale) -> None:
    post(person("escalus", "Publisher"), natale, when="later", at=SOON)


@pytest.mark.parametrize("edit", [edited, planned])
def test_an_approval_is_void_after_an_edit_and_says_so(publisher, friar, natale, edit):
    approve(friar, natale)
    edit(natale)

    text = page_text(publisher.get(natale.url("review")))
    assert "It was approved, but it has changed since: the approval is void." in text
    assert messages(post(publisher, natale)) == [MISSING]

    approve(friar, natale)
    post(publisher, natale)
    assert natale.campaign.state == "published"


def test_an_edit_of_what_is_live_voids_no_approval(publisher: Client, friar, natale):
    approve(friar, natale)
    change("juliet", "paolo", status="fair")
    post(publisher, natale)
    assert named("Romeo").name == "Romeo"


def test_what_changed_since_the_review_is_not_approved(friar: Client, natale):
    digest = natale.digest
    natale.change("Romeo", name="Montague")

    response = approve(friar, natale, digest=digest)

    assert messages(response) == [
        "Someone changed the campaign in the meantime. Review it again."
    ]
    assert not natale.campaign.approvals.exists()


# --- Without an approval -----------------------------------------------------------


@pytest.fixture
def escalus() -> Client:
    return person("escalus", "Publisher", "break_glass")


def glass(caplog) -> list[str]:
    found = [r for r in caplog.records if r.message.startswith("campaign_break_glass")]
    assert {record.levelname for record in found} <= {"WARNING"}
    return [record.getMessage() for record in found]


def test_a_permission_publishes_without_approval_and_is_logged(escalus, natale, caplog):
    assert "Publish without approval" in page_text(escalus.get(natale.url("review")))

    post(escalus, natale, when="glass")

    assert natale.campaign.state == "published"
    assert glass(caplog) == [
        f"campaign_break_glass: escalus published campaign {natale.pk} without its "
        "approvals"
    ]


def test_the_permission_alone_breaks_nothing(escalus: Client, natale, caplog):
    assert messages(post(escalus, natale)) == [MISSING]
    assert natale.campaign.state == "open"
    assert glass(caplog) == []


def test_what_cannot_go_live_is_not_logged_as_published(escalus, natale, caplog):
    change("romeo", "paolo", name="Montague")
    count = Release.objects.count()

    answer = post(escalus, natale, when="glass")

    assert messages(answer) == ["1 decision is missing."]
    assert Release.objects.count() == count
    assert glass(caplog) == []


def test_an_approved_campaign_needs_no_broken_glass(escalus, friar, natale, caplog):
    approve(friar, natale)
    post(escalus, natale, when="glass")
    assert natale.campaign.state == "published"
    assert glass(caplog) == []


def test_a_superuser_does_not_have_the_permission(natale, caplog):
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))

    page = client.get(natale.url("review"))
    sent = {**form(client, natale), "break": "1"}
    answer = client.post(natale.url("review"), sent)

    assert "Publish without approval" not in page_text(page)
    assert messages(answer) == [MISSING]
    assert (natale.campaign.state, glass(caplog)) == ("open", [])
