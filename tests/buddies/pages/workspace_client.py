"""Helpers for the tests of the workspace."""

import json

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from buddies.migrations import _roles
from buddies.models import Release, Tree
from buddies.publishing import live, releases
from buddies.tree import edits
from tests.buddies.conftest import channel, named

CHANNELS = "/admin/buddies/buddy/channels/"
VERONA = ["verona", "  juliet", "  house", "    romeo", "mario"]


def person(name: str, role: str = "", *permissions: str) -> Client:
    """Return the client of a staff user with the role and the permissions."""
    # A transactional test deletes the roles that the migration created.
    _roles.create(apps, None)
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def version() -> int:
    return Tree.objects.get().version


def key(name: str) -> int:
    return named(name).pk


def ask(client: Client, view: str, **query: object) -> dict:
    response = client.get(f"{CHANNELS}{view}/", query)
    assert response.status_code == 200
    return response.json()


def send(client: Client, view: str, **body: object):
    """Send what the script sends, or ``raw`` instead of JSON."""
    raw = body.pop("raw", None)
    text = json.dumps(body) if raw is None else raw
    return client.post(f"{CHANNELS}{view}/", text, content_type="application/json")


def change(one: str, by: str = "mercutio", **fields: object) -> None:
    edits.change([named(one)], by, **fields)


def go_live() -> Release:
    release = releases.sync()
    assert release is not None
    live.mark_live(release.number)
    return release


def delivered() -> None:
    channel("romeo")
    go_live()


def edited() -> None:
    delivered()
    change("romeo", name="Romeo")


NEW = {"type": "channel", "key": "0b5f7d0e-53c5-4f0e-9a43-5f6f5f0a4c11"}


def bodies() -> dict[str, dict]:
    """Return each edit of romeo as the script would send it."""
    one = {"ids": [key("romeo")]}
    return {
        "move": {**one, "target": key("mario"), "where": "after", "seen": version()},
        "switch": {**one, "web": False, "seen": version()},
        "schedule": {**one, "from": "2030-12-24T09:00", "seen": version()},
        "duplicate": one,
        "remove": {**one, "seen": version()},
        "undo": {"seen": version()},
        "take_back": {"key": str(named("romeo").key), "field": "name"},
        "do_live": {"key": str(named("romeo").key), "field": "name"},
        "write": {**one, "texts": {"name": "Romeo"}, "seen": version()},
        "create": {**NEW, "name": "benvolio", "group": key("house")},
        "picture": {},
        "example": {},
    }
