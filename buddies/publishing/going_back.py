"""Going back to an older release: live at once, or as a campaign to go on with."""

from django.db import transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.view import View
from buddies.document import judgement, parse
from buddies.document.shape import DocumentError, Node
from buddies.models import Buddy, Campaign, Release, Tree
from buddies.publishing.applying import release_tree
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release
from buddies.tree import whole_tree
from buddies.tree.snapshot import Snapshot


def go_back(release: Release, editor: str) -> Release:
    """Make clients read an older release again: one edit of the tree, and one release.

    Entries that it does not show are hidden, not deleted. Raises ReleaseError if an
    entry of it would be refused today.
    """
    with transaction.atomic():
        Tree.locked()
        if (newest := live_release()) and newest.body == release.body:
            raise ReleaseError(_("This version is live."))
        nodes = _nodes(release)
        try:
            whole_tree.rebuild(str(release), nodes, editor)
        except DocumentError as error:
            raise ReleaseError(str(error)) from None
        note = _("version %(number)s again") % {"number": release.number}
        return release_tree(editor, note)


def _nodes(release: Release) -> list[Node]:
    """Return what a release contains; refuse a fault as staff know the entry."""
    nodes = parse.loads(release.body)
    for place, fault in judgement.faults_of_nodes(nodes):
        raise ReleaseError(fault.about(Buddy(**nodes[place].fields)))
    return nodes


def restore(release: Release, editor: str) -> Campaign:
    """Make a campaign that would bring an older release back, to go on with.

    Raises ReleaseError if an entry of it would be refused today.
    """
    nodes = _nodes(release)

    def change(view: View) -> Snapshot:
        try:
            return whole_tree.rebuilt_of(str(release), nodes, view.tree)[0]
        except DocumentError as error:
            raise ReleaseError(str(error)) from None

    with transaction.atomic():
        campaign = making.make(editor, making.free_name(capfirst(str(release))))
        CampaignEdits(campaign.pk).replace(editor, change)
    return campaign
