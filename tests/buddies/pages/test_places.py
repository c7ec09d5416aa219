"""Where an edit went."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.campaigns.desk import LIVE
from buddies.pages.places import place_of
from tests.buddies.conftest import named
from tests.buddies.pages.workspace_client import change, key, send, version

pytestmark = pytest.mark.django_db

BOTH = {"mobile_is_published": True, "web_is_published": True}
NEITHER = dict.fromkeys(BOTH, False)


def show_all() -> None:
    for name in ("verona", "house", "romeo", "juliet", "mario"):
        change(name, **BOTH)


def test_a_place_names_the_apps_that_show_an_entry(verona):
    show_all()
    assert place_of(LIVE, named("romeo")) == (
        "live",
        "Live on phones and the web",
        "On its way to phones and the web …",
    )
    change("house", web_is_published=False)
    assert place_of(LIVE, named("romeo")).words == "Live on phones"


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("romeo", NEITHER, "Draft: not shown anywhere"),
        ("house", NEITHER, "Not shown: its group “house” is hidden"),
        ("verona", NEITHER, "Not shown: its group “verona” is hidden"),
        ("romeo", {"visible_from": HOUR}, "Scheduled: apps will show it from "),
        ("romeo", {"visible_until": -HOUR}, "Not shown any more: its schedule is over"),
        ("verona", {"visible_from": HOUR}, "Not shown: its group “verona” is hidden"),
    ],
)
def test_a_place_says_why_nobody_sees_an_entry(verona, name, fields, words):
    show_all()
    now = timezone.now()
    moments = {k: now + v for k, v in fields.items() if isinstance(v, timedelta)}
    change(name, **{**fields, **moments})

    place = place_of(LIVE, named("romeo"))

    assert place.words.startswith(words)
    assert place.until == place.words


def test_flags_that_exclude_each_other_hide(verona):
    show_all()
    change("house", web_is_published=False)
    change("romeo", mobile_is_published=False)
    words = "Not shown: its groups are hidden on the same apps"
    assert place_of(LIVE, named("romeo")).words == words


def place(response) -> str:
    assert response.status_code == 200
    return response.json()["place"]["words"]


def switched(client: Client, *names: str, **flags: bool):
    ids = [key(name) for name in names]
    return send(client, "switch", ids=ids, **flags, seen=version())


def test_an_edit_says_where_it_went(editor: Client, verona):
    show_all()
    mobile = {"mobile": False}
    assert place(switched(editor, "romeo", **mobile)) == "No longer on phones"
    assert place(switched(editor, "romeo", web=False)) == "No longer on the web"
    assert place(switched(editor, "romeo", web=True)) == "Live on the web"
    hidden = switched(editor, "verona", "mario", mobile=False, web=False)
    assert place(hidden) == "No longer on phones and the web"
    inside = switched(editor, "juliet", "house", "romeo", mobile=False, web=False)
    assert place(inside) == "Not shown anywhere"
    assert place(switched(editor, "verona", "mario", web=True)) == "Live on the web"


def test_a_deletion_says_who_loses_it(editor: Client, verona):
    show_all()
    change("house", **NEITHER)
    ids = [key("house")]
    assert place(send(editor, "remove", ids=ids, seen=version())) == ""
    ids = [verona.pk]
    assert place(send(editor, "remove", ids=ids, seen=version())) == (
        "No longer on phones and the web"
    )


def test_an_entry_that_leaves_its_group_may_be_shown(editor: Client, verona):
    show_all()
    change("house", **NEITHER)
    body = {"ids": [key("romeo")], "target": verona.pk, "where": "last"}
    moved = send(editor, "move", **body, seen=version())
    assert place(moved) == "Live on phones and the web"
