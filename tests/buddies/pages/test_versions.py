"""The pages of versions."""

import json
import re

import pytest
from django.test import Client

from buddies.models import Buddy, Campaign, Release
from buddies.publishing import releases
from buddies.tree import edits
from tests.buddies.conftest import channel, group, named
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.test_workspace import viewer
from tests.buddies.pages.versions_client import (
    RELEASES,
    numbers,
    page_text,
)
from tests.buddies.pages.workspace_client import go_live, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def publisher() -> Client:
    return person("prince", "Publisher")


@pytest.fixture
def verona() -> Buddy:
    """verona (romeo, juliet), in three versions: romeo is renamed twice."""
    verona = group("verona")
    channel("romeo", verona)
    channel("juliet", verona)
    go_live()
    for name in ("Romeo", "Montague"):
        edits.change([Buddy.objects.get(address="romeo")], "mercutio", name=name)
        go_live()
    return verona


def version_url(number: int, page: str = "change") -> str:
    return f"{RELEASES}{number}/{page}/"


def test_the_list_names_each_version_with_its_state(publisher: Client, verona):
    Release.objects.filter(number=numbers()[0]).update(note="The first")

    page = publisher.get(RELEASES)

    admin = page.context["cl"].model_admin
    listed = [
        (r.number, admin.state(r), r.note) for r in page.context["cl"].result_list
    ]
    first, second, third = numbers()
    assert listed == [
        (third, "live", ""),
        (second, "replaced", ""),
        (first, "replaced", "The first"),
    ]
    text = page_text(page)
    assert "The first" in text
    assert "mercutio" in text
    assert "bytes" in text or "KB" in text


def test_an_undelivered_version_is_on_its_way(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="fair")
    releases.sync()
    text = page_text(publisher.get(RELEASES))
    assert "on its way" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [({"q": "ball"}, 1), ({"automatic__exact": "0"}, 1), ({"q": "nothing"}, 0)],
)
def test_versions_are_searched_and_filtered(publisher, verona, query, found):
    natale = Natale("The ball")
    natale.change("juliet", status="fair")
    natale.publish()

    page = publisher.get(RELEASES, query)

    assert len(page.context["cl"].result_list) == found
    assert ("The ball" in page_text(page)) == bool(found)


@pytest.mark.parametrize("role", ["", "Editor"])
def test_versions_have_no_buttons_without_the_permission_to_publish(verona, role):
    client = person("tybalt", role) if role else viewer()

    text = page_text(client.get(version_url(numbers()[0])))

    assert "Go back to this version" not in text
    assert ("Restore as a campaign" in text) == bool(role)


def test_a_version_shows_its_details_its_document_and_actions(publisher, verona):
    first, second, third = numbers()
    Release.objects.filter(number=second).update(note="The <ball>")

    page = publisher.get(version_url(second))

    release = Release.objects.get(number=second)
    text = page_text(page)
    assert "Replaced" in text
    assert "The <ball>" in text
    assert "mercutio (automatically, after an edit)" in text
    assert re.search(r"Created \d+ \w+ \d{4}, \d\d:\d\d \(UTC\) By", text)
    assert page.context["version"]["document"] == json.loads(release.body)
    assert json.loads(page.context["text"]) == json.loads(release.body)
    assert page.context["before"] == first
    assert [other.number for other in page.context["others"]] == [third, first]
    assert "Go back to this version" in text
    assert "Restore as a campaign" in text


def test_the_live_version_cannot_be_published_again(publisher: Client, verona):
    text = page_text(publisher.get(version_url(numbers()[-1])))
    assert "Live now" in text
    assert "Go back to this version" not in text
    assert "Restore as a campaign" in text


def test_texts_of_a_version_are_escaped(publisher: Client):
    channel("</pre></script><script>alert(1)</script>")
    html = publisher.get(version_url(go_live().number)).content.decode()
    assert "<script>alert" not in html


def test_the_only_version_cannot_be_compared(publisher: Client):
    number = releases.sync().number
    page = publisher.get(version_url(number))
    assert page.context["before"] == 0
    assert ">Compare</button>" in page.content.decode()
    assert '<button class="button" disabled>' in page.content.decode()


STRANGE = ["0", "-1", "abc", "²", "1.0", 2**63 - 1, 2**63, 10**30, "9" * 5_000]


@pytest.mark.parametrize("page", ["change", "compare", "download", "again", "restore"])
def test_unknown_versions_are_not_found(publisher: Client, verona, page):
    before = numbers()
    ask = publisher.post if page in ("again", "restore") else publisher.get
    for number in (*STRANGE, numbers()[-1] + 1):
        response = ask(f"{RELEASES}{number}/{page}/", follow=True)
        assert response.status_code == 404, number
    assert (numbers(), Campaign.objects.count()) == (before, 0)


def test_two_versions_are_compared(publisher: Client, verona):
    first, _second, third = numbers()

    forth = publisher.get(version_url(third, "compare"), {"with": first})
    back = publisher.get(version_url(first, "compare"), {"with": third})
    same = publisher.get(version_url(third, "compare"), {"with": third})

    assert f"From version {first} to version {third}" in page_text(forth)
    assert "edited Montague name: “romeo” → “Montague”" in page_text(forth)
    assert "edited romeo name: “Montague” → “romeo”" in page_text(back)
    assert "No differences." in page_text(same)


def test_a_comparison_with_an_unknown_version_is_not_found(publisher, verona):
    url = version_url(numbers()[-1], "compare")
    assert publisher.get(url).status_code == 404
    for word in ("", *STRANGE):
        assert publisher.get(url, {"with": word}).status_code == 404, word


def test_a_version_is_downloaded_byte_for_byte(publisher: Client):
    channel("giulietta è\u2028</script> 🌹", default_message="one\ntwo")
    release = go_live()

    response = publisher.get(version_url(release.number, "download"))

    assert response.content == release.body.encode()
    assert response["Content-Type"] == "application/json"
    disposition = f'attachment; filename="version-{release.number}.json"'
    assert response["Content-Disposition"] == disposition
