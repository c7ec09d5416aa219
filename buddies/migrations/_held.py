"""What a hold kept back becomes a campaign, and the tree what clients read.

Nothing is lost: on what is live then, the campaign makes the tree that was held.
"""

from datetime import UTC

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.campaigns import merge, rows
from buddies.document import build, parse
from buddies.models import Buddy
from buddies.tree import snapshot
from buddies.tree.rebuilding import rebuilt
from buddies.tree.snapshot import PARENT

EDITOR = "migration"


def convert(apps, schema_editor):
    """Without a hold and plans this changes nothing."""
    model = _models(apps)
    tree = model.Tree.objects.first()
    plans = list(model.PlannedRelease.objects.order_by("publish_at"))
    if tree is None or (tree.held_at is None and not plans):
        return
    held = snapshot.of(model.Buddy.objects.all())
    base = _live_tree(model, tree)
    names = set()
    _make(model, names, _("Draft"), tree.held_by or EDITOR, base, held)
    for plan in plans:
        at = plan.publish_at.astimezone(UTC)
        name = _("Planned for %(at)s") % {"at": f"{at:%Y-%m-%d %H:%M} UTC"}
        wanted = _showing(base, plan.body)
        campaign = _make(model, names, name, plan.author, base, wanted)
        # One that was overtaken waits for a person, as before.
        if campaign and not plan.conflicts:
            campaign.state, campaign.due_at = "planned", plan.publish_at
            campaign.planned_by, campaign.note = plan.author, plan.note
            campaign.save()
    _write(model, tree, base)


class _models:
    def __init__(self, apps):
        self._apps = apps

    def __getattr__(self, name):
        return self._apps.get_model("buddies", name)


def _live_tree(model, tree):
    """The tree that clients read: that of the newest release."""
    live = model.Release.objects.order_by("-number").first()
    base = snapshot.of(_states(model, tree.built))
    if live is not None and _document(base) != live.body:
        # An older version was published again, or a schedule has begun since.
        base = _showing(base, live.body)
    return base


def _states(model, version):
    records = model.HistoricalBuddy.objects
    known = records.filter(version__lte=version).order_by().values("id")
    newest = known.annotate(last=Max("history_id")).values("last")
    found = records.filter(history_id__in=newest).exclude(history_type="-")
    names = [field.attname for field in model.Buddy._meta.fields]
    return [
        model.Buddy(**{name: getattr(record, name) for name in names})
        for record in found
    ]


def _document(tree):
    ids = {key: number for number, key in enumerate(tree.entries, 1)}
    drawn = snapshot.draw(tree, ids)
    return build.dumps(build.published(drawn, timezone.now()))


def _showing(base, body):
    """The tree that shows a document, which was judged when it was released."""
    document = [
        (node, Buddy(**node.fields))
        for node in parse.loads(body)
    ]
    return rebuilt(base, document, timezone.now())


def _make(model, names, name, editor, base, wanted):
    differences = merge.record(merge.NONE, base, wanted)
    if differences == merge.NONE:
        return None
    number, free = 1, name
    while free.casefold() in names:
        number += 1
        free = f"{name} ({number})"
    names.add(free.casefold())
    campaign = model.Campaign.objects.create(
        name=free, colour=len(names) % 8 or 8, created_by=editor, version=1
    )
    known = {**base.entries, **wanted.entries}
    logged = []
    for (about, key), row in rows.rows_of(differences).items():
        if about == rows.ENTRY:
            model.Difference.objects.create(
                campaign=campaign, key=key, version=1, **row
            )
        else:
            model.Arrangement.objects.create(
                campaign=campaign, group=key, version=1, **row
            )
        entry = known.get(key, {})
        logged.append(
            model.DifferenceLog(
                campaign=campaign,
                version=1,
                about=about,
                key=key,
                name=entry.get("name", ""),
                after=row,
                editor=editor,
                at=timezone.now(),
                reason=EDITOR,
            )
        )
    model.DifferenceLog.objects.bulk_create(logged, batch_size=500)
    return campaign


def _write(model, tree, base):
    """Make the stored tree what clients read, as one edit."""
    with_ids = {str(b.key): b for b in model.Buddy.objects.all()}
    log, version = model.HistoricalBuddy.objects, tree.version + 1
    fields = [field.attname for field in model.Buddy._meta.fields]
    before = {key: [getattr(b, f) for f in fields] for key, b in with_ids.items()}
    gone = [b for key, b in with_ids.items() if key not in base.entries]
    # Nothing stands in the way of anything: no group, no address, no kind.
    changed = [key for key in base.entries if key in with_ids]
    stored = model.Buddy.objects.filter(key__in=[*changed, *(b.key for b in gone)])
    places = snapshot.positions(base, with_ids)
    now, written = timezone.now(), False
    numbers = {key: b.pk for key, b in with_ids.items()}
    wanted = {}
    for key in snapshot.depth_first(base):
        buddy = with_ids.get(key) or model.Buddy(key=key)
        snapshot.set_values(buddy, base.entries[key])
        buddy.position = places[key]
        wanted[key] = buddy
    # A group that is yet to be created has no number, and no entry in it now.
    parents = {
        key: group and numbers.get(group, 0)
        for key, group in ((key, base.entries[key][PARENT]) for key in wanted)
    }
    differing = {
        key
        for key, buddy in wanted.items()
        if before.get(key)
        != [parents[key] if f == "parent_id" else getattr(buddy, f) for f in fields]
    }
    if not (differing or gone):
        return
    stored.filter(key__in=[k for k in differing if k in with_ids]).update(parent=None)
    for key in differing:
        if key in with_ids:
            model.Buddy.objects.filter(key=key).update(address=f"migrating {key}")
    for buddy in gone:
        buddy.version = version
        _log(log, "-", buddy, fields, now)
    model.Buddy.objects.filter(pk__in=[b.pk for b in gone]).update(parent=None)
    model.Buddy.objects.filter(pk__in=[b.pk for b in gone]).delete()
    for key, buddy in wanted.items():
        if key not in differing:
            continue
        group = base.entries[key][PARENT]
        buddy.parent_id = None if group is None else wanted[group].pk
        buddy.version = version
        is_new = key not in before
        buddy.save(force_insert=is_new)
        _log(log, "+" if is_new else "~", buddy, fields, now)
    # The next check releases what a schedule in it changes.
    tree.version = tree.built = version
    tree.next_at = now
    tree.save()


def _log(log, kind, buddy, fields, now):
    log.create(
        history_date=now,
        history_type=kind,
        history_user_id=EDITOR,
        history_change_reason=EDITOR,
        **{name: getattr(buddy, name) for name in fields},
    )
