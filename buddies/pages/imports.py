"""What the import of a table or of a document would do, and does.

It is of what is live, or of a campaign.
"""

from collections.abc import Callable
from copy import copy
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns import log
from buddies.campaigns.desk import CampaignDesk, LiveDesk
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.view import View
from buddies.document import build, diff, parse
from buddies.document.diff import DocumentChange
from buddies.document.shape import DocumentError
from buddies.models import Buddy, Tree
from buddies.spreadsheet import files
from buddies.spreadsheet.plan import Outcome, Plan, plan_import, run_import
from buddies.spreadsheet.problems import in_sentences
from buddies.spreadsheet.source import FileError
from buddies.tree import snapshot, whole_tree
from buddies.tree.lock import Stale
from buddies.tree.snapshot import Snapshot

Desk = LiveDesk | CampaignDesk


class Preview(NamedTuple):
    """What an import would do, for a page.

    ``seen`` and ``digest`` identify what was reviewed.
    """

    kind: str
    seen: int
    digest: str
    summary: str
    has_changes: bool
    problems: list[str]
    outcomes: list[Outcome]
    changes: list[DocumentChange]
    warnings: list[str] = []
    notes: list[str] = []


def _preview_table(content: str, desk: Desk) -> Preview:
    read = files.loads(content)
    if isinstance(desk, CampaignDesk):
        plan = Plan(read.rows, list(map(copy, desk.buddies())), desk.version)
    else:
        plan = plan_import(read.rows)
    return Preview(
        "table",
        plan.version,
        plan.digest,
        _summary(plan),
        plan.has_changes,
        in_sentences(plan.problems),
        [outcome for outcome in plan.outcomes if outcome.kind != "same"],
        [],
        in_sentences(plan.warnings),
        read.source.in_words() + plan.notes,
    )


def _summary(plan: Plan) -> str:
    added, edited, same = (len(plan.of_kind(k)) for k in ("added", "edited", "same"))
    parts = (
        (ngettext("%(n)s added", "%(n)s added", added), added),
        (ngettext("%(n)s edited", "%(n)s edited", edited), edited),
        (ngettext("%(n)s unchanged", "%(n)s unchanged", same), same),
    )
    return " · ".join(text % {"n": number} for text, number in parts)


def _preview_document(content: str, desk: Desk) -> Preview:
    """Compare what clients read with what they would read."""
    version, stamp = desk.version, desk.stamp
    buddies, now = desk.buddies(), timezone.now()
    before = build.published(buddies, now)
    tree, after, problems = snapshot.of(buddies), before, []
    wanted = tree
    try:
        wanted, drawn = _rebuilt(tree, content)
        after = build.published(drawn, now)
    except DocumentError as error:
        problems.append(str(error))
    there = {values["address"] for values in wanted.entries.values()}
    changes = diff.hidden(diff.between(before, after), there)
    text = ngettext("%(n)s change for apps", "%(n)s changes for apps", len(changes))
    return Preview(
        "document",
        version,
        stamp if desk.campaign else "",
        text % {"n": len(changes)},
        wanted != tree,
        problems,
        [],
        changes,
    )


def _rebuilt(tree: Snapshot, content: str) -> tuple[Snapshot, list[Buddy]]:
    """Return the tree that a document makes of this one, judged, and its entries."""
    return whole_tree.rebuilt_of(_("document"), parse.loads(content), tree)


PREVIEWS: dict[str, Callable[[str, Desk], Preview]] = {
    "table": _preview_table,
    "document": _preview_document,
}


def _import_table(
    content: str, desk: Desk, editor: str, seen: int, digest: str
) -> None:
    rows = files.loads(content).rows
    if not desk.campaign:
        run_import(rows, editor, seen, digest)
        return

    def change(view: View) -> Snapshot:
        plan = Plan(rows, list(map(copy, view.buddies)), view.campaign.version)
        for buddy in plan.changed:
            if words := log.missed(
                view.campaign, [str(buddy.key)], snapshot.NAMES, seen
            ):
                raise Stale(words)
        if plan.digest != digest:
            raise Stale(_changed_since())
        for sentence in in_sentences(plan.problems):
            raise FileError(sentence)
        return plan.tree()

    CampaignEdits(desk.campaign.pk).replace(editor, change)


def _import_document(
    content: str, desk: Desk, editor: str, seen: int, digest: str
) -> None:
    if desk.campaign:

        def change(view: View) -> Snapshot:
            # What is live, or due earlier, is a part of the tree that it sets.
            if CampaignDesk(view.campaign).stamp != digest:
                raise Stale(_changed_since())
            return _rebuilt(view.tree, content)[0]

        CampaignEdits(desk.campaign.pk).replace(editor, change, seen)
        return
    with transaction.atomic():
        # A document sets the whole tree, so nothing may have changed since.
        if Tree.locked().version != seen:
            raise Stale(_changed_since())
        whole_tree.rebuild(_("document"), parse.loads(content), editor)


def _changed_since() -> str:
    return _("Someone changed the channels in the meantime. Review the changes again.")


RUNNERS: dict[str, Callable[[str, Desk, str, int, str], None]] = {
    "table": _import_table,
    "document": _import_document,
}
