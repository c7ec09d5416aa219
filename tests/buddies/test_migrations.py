"""What is stored already when a new version of the service starts."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.publishing import live
from buddies.tree import edits
from buddies.tree.positions import GAP
from buddies.tree.undo import undo
from tests.buddies.conftest import EDITOR, built, named, outline

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "0002_triggers"
VERONA = """\
verona
  juliet
  romeo
house
  nurse
mario""".splitlines()


def migrate(name: str) -> StateApps:
    """Bring the tables to a migration; return the models of that time."""
    call_command("migrate", "buddies", name, verbosity=0)
    loader = MigrationExecutor(connection).loader
    return loader.project_state(("buddies", name)).apps


def newest() -> None:
    call_command("migrate", "buddies", verbosity=0)


@pytest.fixture
def old() -> Iterator[StateApps]:
    """The tables of the first release of the service, with entries in them."""
    apps = migrate(BEFORE)
    try:
        store(apps)
        yield apps
    finally:
        # Whatever a failed migration could not take along.
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM buddies_buddy")
        newest()


def store(apps: StateApps) -> None:
    entries = apps.get_model("buddies", "Buddy").objects

    def add(kind: str, name: str, position: int, parent: object = None) -> object:
        fields = {"name": name, "address": name, "web_is_published": True}
        return entries.create(type=kind, position=position, parent=parent, **fields)

    # Not in the order in which they were made.
    add("channel", "mario", 2)
    verona = add("group", "verona", 0)
    add("channel", "romeo", 1, verona)
    add("channel", "juliet", 0, verona)
    add("channel", "nurse", 0, add("group", "house", 1))
    apps.get_model("buddies", "Tree").objects.create(
        pk=1, version=7, built=7, error="too large", editors={"mario": 7}
    )
    apps.get_model("buddies", "Release").objects.create(
        body='{"items":[]}', digest="", size=0, author="mario"
    )


def test_entries_keep_their_order_and_get_room_between_them(old):
    newest()

    assert outline() == VERONA
    positions = [named(name.strip()).position for name in VERONA]
    assert positions == [n * GAP for n in (0, 0, 1, 1, 0, 2)]
    before = list(Buddy.objects.exclude(name="mario").order_by("pk").values())
    edits.move([named("mario")], EDITOR, named("verona"), "after")
    assert list(Buddy.objects.exclude(name="mario").order_by("pk").values()) == before


def test_each_entry_begins_with_one_record_that_an_edit_can_go_back_to(old):
    newest()

    assert HistoricalBuddy.objects.count() == Buddy.objects.count() == 6
    for stored in Buddy.objects.values():
        record = HistoricalBuddy.objects.get(id=stored["id"])
        assert (record.history_type, record.history_user_id) == ("+", "before the log")
        assert {name: getattr(record, name) for name in stored} == stored
        assert record.version <= Tree.objects.get().version
    before = list(Buddy.objects.values("name", "position", "parent"))
    edits.change([named("romeo"), named("house")], EDITOR, status="s", parent=None)
    undo(Tree.objects.get().version, EDITOR)
    assert list(Buddy.objects.values("name", "position", "parent")) == before


def test_what_was_live_and_what_waited_is_so_still(old):
    newest()

    state = Tree.objects.get()
    assert (state.version, state.built, state.editors) == (7, 7, {"mario": 7})
    assert (state.held_at, state.refused, state.next_at) == (None, "", None)
    release = live.live_release()
    assert (release.body, release.author, release.automatic) == (
        '{"items":[]}',
        "mario",
        True,
    )
    assert len(built()["items"]) == 3


@pytest.mark.parametrize("way", ["there", "back", "there again"])
def test_the_database_refuses_what_it_refused_before(old, way):
    if way != "back":
        newest()
    if way == "there again":
        migrate(BEFORE)
        newest()
    entries = old.get_model("buddies", "Buddy").objects

    for fields in (
        {"parent_id": key(old, "verona")},
        {"parent_id": key(old, "mario")},
        {"type": "channel"},
        {"address": ""},
        {"server_address": "bots"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            entries.filter(name="verona").update(**fields)


def key(apps: StateApps, name: str) -> int:
    return apps.get_model("buddies", "Buddy").objects.get(name=name).pk


def test_the_two_roles_may_what_they_are_for(old):
    Group.objects.all().delete()

    newest()

    editor = {
        "buddies.view_buddy",
        "buddies.add_buddy",
        "buddies.change_buddy",
        "buddies.delete_buddy",
        "buddies.view_release",
    }
    publisher = {*editor, "buddies.publish_release", "buddies.change_address"}
    for name, permissions in (("Editor", editor), ("Publisher", publisher)):
        user = User.objects.create_user(name)
        user.groups.add(Group.objects.get(name=name))
        assert user.get_all_permissions() == permissions


def test_a_role_that_is_there_already_keeps_what_it_may(old):
    Group.objects.all().delete()
    mine = Group.objects.create(name="Editor")
    user = User.objects.create_user("mario")
    user.groups.add(mine)

    newest()

    assert user.has_perm("buddies.change_buddy")
    assert Group.objects.filter(name="Editor").count() == 1


def test_the_way_back_keeps_the_entries_and_their_order(old):
    for _time in range(2):
        newest()
        for name in ("mario", "house"):
            edits.move([named(name)], EDITOR, None, "first")
        edits.move([named("house")], EDITOR, named("verona"), "after")
        edits.move([named("mario")], EDITOR, None, "last")
        apps = migrate(BEFORE)

    rows = apps.get_model("buddies", "Buddy").objects.order_by("position", "pk")
    top = [row.name for row in rows if row.parent_id is None]
    assert top == ["verona", "house", "mario"]
    newest()
    assert outline() == VERONA
    assert HistoricalBuddy.objects.count() == 6
