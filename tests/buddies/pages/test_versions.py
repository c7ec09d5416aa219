"""The pages of versions."""

import json
import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client

from buddies.models import Buddy, Campaign, HistoricalBuddy, Release
from buddies.pages import version_list
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


def lines(client: Client, **query: object) -> list[tuple[int, int, list[str]]]:
    """Return the newest version of each line, how many it has, and what changed."""
    context = client.get(RELEASES, query).context
    return [(x.newest.number, len(x.releases), x.words) for x in context["lines"]]


def age(minutes: int) -> None:
    """Make all that was stored so many minutes older."""
    pause = timedelta(minutes=minutes)
    Release.objects.update(created_at=F("created_at") - pause)
    HistoricalBuddy.objects.update(history_date=F("history_date") - pause)


def test_a_line_is_what_one_person_did_within_a_quarter_of_an_hour(publisher, verona):
    first, _second, third = numbers()
    assert lines(publisher) == [
        (third, 2, ["Edited “Montague”"]),
        (first, 1, ["Added “juliet”", "Added “romeo”", "Added “verona”"]),
    ]

    age(16)
    edits.change([named("juliet")], "mercutio", status="fair")
    fourth = go_live().number
    edits.change([named("juliet")], "paris", web_is_published=False)
    fifth = go_live().number

    assert lines(publisher)[:3] == [
        (fifth, 1, ["Changed the visibility of “juliet”"]),
        (fourth, 1, ["Edited “juliet”"]),
        (third, 2, ["Edited “Montague”"]),
    ]
    text = page_text(publisher.get(RELEASES))
    assert f"Version {fifth} live" in text
    assert "2 versions" in text


def test_a_line_of_many_changes_names_some(publisher, verona):
    for name in ("a", "b", "c", "d"):
        edits.add(Buddy(name=name, address=name, web_is_published=True), "paris")
    go_live()
    (line, *_older) = publisher.get(RELEASES).context["lines"]
    assert line.words == ["Added “d”", "Added “c”", "Added “b”"]
    assert line.more == 1


def test_an_undelivered_version_is_on_its_way(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="fair")
    releases.sync()
    text = page_text(publisher.get(RELEASES))
    assert "on its way" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        *(({"q": "ball"}, 1), ({"q": "PRINCE the"}, 1), ({"q": "nothing"}, 0)),
        *(({"show": "published"}, 1), ({"show": "pinned"}, 0), ({"show": "x"}, 3)),
        *(({"q": "\0"}, 3), ({"before": "x"}, 3), ({"before": "9" * 30}, 3)),
    ],
)
def test_versions_are_searched_and_filtered(publisher, verona, query, found):
    natale = Natale("The ball")
    natale.change("juliet", status="fair")
    natale.publish()

    page = publisher.get(RELEASES, query)

    assert len(page.context["lines"]) == found
    shows_all = found == 3
    assert ("The ball" in page_text(page)) == (shows_all or found == 1)


def test_a_search_says_of_each_version_only_what_changed_with_it(publisher, verona):
    first, second, third = numbers()
    Release.objects.filter(number__in=(first, third)).update(pinned=True)
    edits.change([named("Montague")], "paris", name="Capulet")
    go_live()

    found = lines(publisher, show="pinned")
    assert found[0] == (third, 1, ["Edited “Montague”"])
    assert [number for number, _count, _words in found] == [third, first]
    assert second < third


def test_older_versions_are_on_other_pages(publisher, verona, monkeypatch):
    monkeypatch.setattr(version_list, "SHOWN", 1)
    first, _second, third = numbers()

    page = publisher.get(RELEASES)
    assert [one.newest.number for one in page.context["lines"]] == [third]
    older = publisher.get(RELEASES + page.context["older"])
    assert [one.newest.number for one in older.context["lines"]] == [first]
    assert not older.context["older"]


def test_a_version_gets_a_name_and_a_pin(publisher: Client, verona):
    first, second, third = numbers()
    form = {"name": "Before the ball", "pinned": "on"}
    said = publisher.post(version_url(second, "name"), form, follow=True)

    assert [str(one) for one in said.context["messages"]] == ["Saved."]
    release = Release.objects.get(number=second)
    assert (release.name, release.pinned) == ("Before the ball", True)
    assert str(release) == f"version {second}, “Before the ball”"
    # It has a line of its own, and stays when old versions are thinned out.
    assert [line[0] for line in lines(publisher)] == [third, second, first]
    assert [line[0] for line in lines(publisher, show="pinned")] == [second]
    age(60 * 24 * 100)
    releases.thin()
    assert numbers() == [second, third]

    long = publisher.post(version_url(second, "name"), {"name": "x" * 81}, follow=True)
    assert "80" in str(next(iter(long.context["messages"])))
    editor = person("tybalt", "Editor")
    assert editor.post(version_url(second, "name")).status_code == 403


@pytest.mark.parametrize("chosen", [[], [0], [0, 1, 2], ["x", "²"], ["-5", "-3"]])
def test_two_versions_have_to_be_ticked(publisher, verona, chosen):
    ticked = [numbers()[one] if isinstance(one, int) else one for one in chosen]
    page = publisher.get(f"{RELEASES}compare/", {"chosen": ticked}, follow=True)
    assert "Tick two versions to compare." in page_text(page)


def test_two_ticked_versions_are_compared_the_older_one_first(publisher, verona):
    first, _second, third = numbers()
    page = publisher.get(f"{RELEASES}compare/", {"chosen": [third, first]}, follow=True)
    assert f"From version {first} to version {third}" in page_text(page)
    marks = page.context["compared"]["marks"]
    edited = {"romeo": {"kind": "edited", "label": "edited"}}
    assert marks == {"old": edited, "now": edited}


def test_what_was_switched_off_is_hidden_and_what_was_deleted_is_removed(
    publisher, verona
):
    third = numbers()[-1]
    edits.change([named("juliet")], "mercutio", web_is_published=False)
    fourth = go_live().number
    edits.remove([named("juliet")], "mercutio")
    edits.add(Buddy(name="paris", address="paris", web_is_published=True), "mercutio")
    fifth = go_live().number

    text = page_text(publisher.get(version_url(fourth, "compare"), {"with": third}))
    assert "hidden juliet inside “verona”" in text
    text = page_text(publisher.get(version_url(fifth, "compare"), {"with": third}))
    assert "removed juliet inside “verona”" in text
    assert "added paris at the top" in text


def test_going_back_asks_with_the_difference(publisher: Client, verona):
    first, _second, third = numbers()
    page = publisher.get(version_url(first, "again"))
    text = page_text(page)
    assert f"From version {third} to version {first}" in text
    assert "edited romeo name: “Montague” → “romeo”" in text
    assert "Apps would see this difference at once." in text
    assert numbers()[-1] == third  # looking changes nothing


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
    assert re.search(r"Created \d+ \w+ \d{4}, \d\d:\d\d \(UTC\) Author", text)
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
    assert f"Go back to version {first} …" in page_text(forth)
    assert "Go back to" not in page_text(back)  # it is live
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
