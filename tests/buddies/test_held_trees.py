"""The migration of a held tree and its plans to campaigns: nothing is lost."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from buddies.campaigns.base import base_of
from buddies.campaigns.view import View
from buddies.document import build
from buddies.migrations import _held, _roles
from buddies.models import Buddy, Campaign, HistoricalBuddy, Release, Tree
from buddies.publishing.releases import create
from buddies.tree import edits, snapshot
from tests.buddies.campaigns.test_edits import Live, attempt
from tests.buddies.conftest import built, channel, named, rows
from tests.buddies.tree.records import create_verona

BEFORE, DURING = ("buddies", "0005_campaigns"), ("buddies", "0006_held_trees")
# Today's models of campaigns and releases need what these added since.
SINCE = (("buddies", "0008_ends_of_campaigns"), ("buddies", "0010_names_and_pins"))


@pytest.fixture
def old(transactional_db) -> Iterator[Any]:
    """The models as they were with a hold, in a database as it was."""
    MigrationExecutor(connection).migrate([BEFORE])
    loader = MigrationExecutor(connection).loader
    before = loader.project_state(DURING).apps
    since = [loader.get_migration(*name) for name in SINCE]
    with connection.schema_editor() as editor:
        for migration in since:
            migration.apply(loader.project_state(BEFORE), editor)
    try:
        yield before
    finally:
        before.get_model("buddies", "PlannedRelease").objects.all().delete()
        with connection.schema_editor() as editor:
            for migration in since:
                migration.unapply(loader.project_state(BEFORE), editor)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes("buddies"))


def hold(old: Any, **fields: Any) -> None:
    old.get_model("buddies", "Tree").objects.update(**fields)


def begin(old: Any) -> None:
    """Create the tree's row, which has columns that today's model does not know."""
    old.get_model("buddies", "Tree").objects.create(pk=1)


def document() -> str:
    return build.dumps(built())


def publish() -> Release:
    Tree.objects.update(built=Tree.objects.get().version)
    return create(document(), "juliet", "", automatic=False)


def plan(old: Any, body: str, hours: int = 1, **fields: Any) -> None:
    old.get_model("buddies", "PlannedRelease").objects.create(
        body=body,
        author="nurse",
        publish_at=timezone.now() + timedelta(hours=hours),
        version=1,
        **fields,
    )


def some_edits(rng: random.Random) -> None:
    for number in range(rng.randrange(6)):
        attempt(Live(), rng.randrange(10**6), rng.randrange(10**6) + number)


# In the last one an entry left a group that was deleted, where it is live.
SEEDS = (*range(12), 212)


def test_what_was_held_is_a_campaign_and_live_is_live(old):
    for seed in SEEDS:
        with transaction.atomic():
            begin(old)
            create_verona()
            rng = random.Random(seed)
            some_edits(rng)
            first = publish()
            some_edits(rng)
            live = publish()
            if rng.random() < 0.3:
                # An older version was published again, beside the tree.
                live = create(first.body, "juliet", "", automatic=False)
            hold(old, held_at=timezone.now(), held_by="juliet")
            some_edits(rng)
            planned = document()
            if rng.random() < 0.5:
                plan(old, planned)
            some_edits(rng)
            held = snapshot.of(Buddy.objects.all())

            _held.convert(old, None)

            assert document() == live.body
            check_draft(held)
            check_plan(planned)
            check_log()
            transaction.set_rollback(True)


def check_draft(held: snapshot.Snapshot) -> None:
    draft = Campaign.objects.filter(name="Draft").first()
    live = base_of()
    # Without a row nothing was held.
    tree = View(draft, live).merged if draft else None
    assert (tree.tree if tree else live.tree) == held
    assert not tree or tree.conflicts == []


def check_plan(planned: str) -> None:
    for campaign in Campaign.objects.filter(state="planned"):
        drawn = View(campaign, base_of()).buddies
        assert build.dumps(build.published(drawn, timezone.now())) == planned
        assert campaign.planned_by == "nurse"
        assert not campaign.approvals.exists()


def check_log() -> None:
    """The newest record of each entry is the entry."""
    for stored in Buddy.objects.values():
        newest = HistoricalBuddy.objects.filter(id=stored["id"]).latest("history_id")
        assert {name: getattr(newest, name) for name in stored} == stored


def test_without_a_hold_nothing_changes(old):
    begin(old)
    channel("romeo")
    before = rows(), Tree.objects.values("version", "built").get()

    _held.convert(old, None)

    assert (rows(), Tree.objects.values("version", "built").get()) == before
    assert not Campaign.objects.exists()


def test_a_plan_that_was_overtaken_waits_for_a_person(old):
    begin(old)
    channel("romeo")
    publish()
    hold(old, held_at=timezone.now(), held_by="juliet")
    edits.change([named("romeo")], "juliet", name="Romeo")
    plan(old, document(), conflicts=["romeo"])

    _held.convert(old, None)

    campaign = Campaign.objects.get(name__startswith="Planned for")
    assert (campaign.state, campaign.due_at) == ("open", None)


@pytest.mark.django_db
def test_who_could_edit_and_publish_may_go_on():
    mario, group = User.objects.create_user("mario"), Group.objects.create(name="All")
    known = {one.codename: one for one in Permission.objects.all()}
    mario.user_permissions.add(known["change_buddy"])
    group.permissions.add(known["publish_release"])

    _roles.extend(apps, None)

    assert mario.has_perms(("buddies.edit_live", "buddies.edit_campaign"))
    names = set(group.permissions.values_list("codename", flat=True))
    assert names == {"publish_release", "approve_campaign"}
