"""What the database itself refuses: no validation runs here."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from buddies.models import Buddy, Tree
from tests.buddies.conftest import channel, group, outline

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VERONA = ["verona", "  house", "    romeo", "mario"]


@pytest.fixture(autouse=True)
def _verona(db) -> None:
    channel("romeo", group("house", group("verona")))
    channel("mario")


def pk(name: str) -> int:
    return Buddy.objects.get(name=name).pk


def raw(sql: str, **names: str) -> None:
    """Run SQL; each ``{word}`` becomes the pk of the entry given for it."""
    with connection.cursor() as cursor:
        values = {word: pk(name) for word, name in names.items()}
        cursor.execute(sql.format(**values))


def refused(write: Callable[[], object]) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    assert outline() == VERONA
    return str(caught.value)


CYCLES = pytest.mark.parametrize(
    ("name", "below"),
    [("house", "house"), ("verona", "house"), ("mario", "mario")],
    ids=["itself", "its child", "a channel below itself"],
)


@CYCLES
def test_a_queryset_update_cannot_create_a_cycle(name, below):
    refused(lambda: Buddy.objects.filter(name=name).update(parent_id=pk(below)))


@CYCLES
def test_sql_cannot_create_a_cycle(name, below):
    sql = "UPDATE buddies_buddy SET parent_id = {below} WHERE id = {name}"
    refused(lambda: raw(sql, name=name, below=below))


def test_a_cycle_over_many_levels_is_refused():
    top = below = group("level 0")
    for number in range(1, 50):
        below = group(f"level {number}", below)

    with pytest.raises(IntegrityError, match="cannot stand below itself"):
        Buddy.objects.filter(pk=top.pk).update(parent=below)


def test_a_bulk_update_cannot_create_a_cycle():
    verona, mantua = Buddy.objects.get(name="verona"), group("mantua")
    verona.parent, mantua.parent = mantua, verona

    with pytest.raises(IntegrityError, match="cannot stand below itself"):
        Buddy.objects.bulk_update([verona, mantua], ["parent"])


def test_an_entry_cannot_be_inserted_below_itself():
    cycle = [Buddy(pk=900, name="a", address="a", type="group", parent_id=900)]

    text = refused(lambda: Buddy.objects.bulk_create(cycle))

    assert "cannot stand below itself" in text


def test_two_insertions_cannot_create_a_cycle():
    def insert() -> None:
        # The foreign key is checked only at the end of the transaction.
        for this, other in ((900, 901), (901, 900)):
            fields = {"name": str(this), "address": str(this), "type": "group"}
            Buddy.objects.bulk_create([Buddy(pk=this, parent_id=other, **fields)])

    assert "cannot stand below itself" in refused(insert)


def test_a_channel_cannot_have_children():
    below = {"name": "benvolio", "address": "benvolio", "parent_id": pk("mario")}
    sql = "UPDATE buddies_buddy SET parent_id = {mario} WHERE id = {house}"

    for write in (
        lambda: Buddy.objects.bulk_create([Buddy(**below)]),
        lambda: Buddy.objects.filter(name="house").update(parent_id=pk("mario")),
        lambda: raw(sql, mario="mario", house="house"),
    ):
        assert "only a group can hold entries" in refused(write)


def test_a_group_with_children_cannot_become_a_channel():
    sql = "UPDATE buddies_buddy SET type = 'channel' WHERE id = {house}"

    for write in (
        lambda: Buddy.objects.filter(name="house").update(type="channel"),
        lambda: raw(sql, house="house"),
    ):
        assert "a channel holds no entries" in refused(write)


def test_an_empty_group_may_become_a_channel():
    mantua = group("mantua")
    Buddy.objects.filter(pk=mantua.pk).update(type="channel")
    mantua.refresh_from_db()
    assert mantua.type == "channel"


@pytest.mark.parametrize(
    ("name", "fields", "constraint"),
    [
        ("house", {"server_address": "bots"}, "group_has_no_server_address"),
        ("house", {"default_message": "Soft!"}, "group_has_no_default_message"),
        ("mario", {"type": "bot"}, "buddy_type_is_known"),
        ("mario", {"address": ""}, "buddy_has_an_address"),
        ("mario", {"address": "romeo"}, "address"),
        ("mario", {"visible_from": NOW, "visible_until": NOW}, "before_until"),
        (
            "mario",
            {"visible_from": NOW, "visible_until": NOW - timedelta(days=1)},
            "before_until",
        ),
    ],
)
def test_an_update_cannot_violate_a_constraint(name, fields, constraint):
    text = refused(lambda: Buddy.objects.filter(name=name).update(**fields))
    assert constraint in text


def test_sql_cannot_delete_a_group_without_its_children():
    def delete() -> None:
        raw("DELETE FROM buddies_buddy WHERE id = {house}", house="house")
        connection.check_constraints()

    refused(delete)


def test_there_can_be_only_one_tree():
    with pytest.raises(IntegrityError, match="there_is_one_tree"):
        Tree.objects.create(pk=2)


def test_a_channel_cannot_be_inserted_above_its_child():
    # The child first: its foreign key is checked at the end of the transaction.
    child = Buddy(pk=901, parent_id=900, name="a", address="a")
    above = Buddy(pk=900, name="b", address="b", type="channel")
    refused(lambda: Buddy.objects.bulk_create([child, above], batch_size=1))
