"""Moving one change out of a campaign: taken back, or live at once."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.campaigns import log
from buddies.campaigns.changes import only, without
from buddies.campaigns.edits import CampaignEdits, locked, store, view_to_edit
from buddies.campaigns.merge import STRUCTURE, Differences, merge
from buddies.campaigns.rows import Author
from buddies.campaigns.view import View
from buddies.models import Buddy, Tree
from buddies.tree import snapshot, whole_tree
from buddies.tree.lock import Stale, check, editing
from buddies.tree.snapshot import Group


def take_back(number: int, editor: str, key: Group, field: str) -> None:
    """Take one change of a campaign back; see :mod:`buddies.campaigns.changes`.

    Raises Stale if it does not exist any more, or if others are made on it.
    """

    def change(view: View) -> Differences:
        left = without(view.differences, key, field)
        if left == view.differences:
            raise Stale(_("This was taken back already."))
        new = set(merge(view.base.tree, left).conflicts).difference(view.conflicts)
        if any(conflict.kind in STRUCTURE for conflict in new):
            raise Stale(_("Other changes need this one: take those back first."))
        return left

    CampaignEdits(number).rewrite(editor, change)


def do_live(number: int, editor: str, key: Group, field: str) -> None:
    """Make one change of a campaign live now; the campaign then goes without it.

    Raises Stale if it does not exist any more, or conflicts with what is live.
    """
    with transaction.atomic():
        Tree.locked()
        campaign = locked(number)
        view = view_to_edit(campaign)
        chosen = only(view.differences, key, field)
        live = snapshot.of(Buddy.objects.all())
        merged = merge(live, chosen)
        if merged.conflicts or merged.tree == live:
            text = _("This can't go live without the rest of the campaign.")
            raise Stale(text)
        with editing(editor) as edit:
            check(whole_tree.write(edit, merged.tree))
        left = without(view.differences, key, field)
        author = Author(editor, timezone.now(), log.LIVE)
        store(campaign, view, left, merge(merged.tree, left).tree, author)
