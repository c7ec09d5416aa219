"""Going back to an older release: live at once, or as a campaign to go on with."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.view import View
from buddies.document import parse
from buddies.document.shape import DocumentError
from buddies.models import Campaign, Release, Tree
from buddies.publishing.applying import release_tree
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release
from buddies.tree import whole_tree
from buddies.tree.rebuilding import rebuilt
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
        try:
            whole_tree.rebuild(str(release), parse.loads(release.body), editor)
        except DocumentError as error:
            raise ReleaseError(str(error)) from None
        note = _("version %(number)s again") % {"number": release.number}
        return release_tree(editor, note)


def restore(release: Release, editor: str) -> Campaign:
    """Make a campaign that would bring an older release back, to go on with.

    Raises ReleaseError if an entry of it would be refused today.
    """
    try:
        document = whole_tree.document_of(str(release), parse.loads(release.body))
    except DocumentError as error:
        raise ReleaseError(str(error)) from None

    def change(view: View) -> Snapshot:
        return rebuilt(view.tree, document, timezone.now())

    with transaction.atomic():
        campaign = making.make(editor, making.free_name(str(release).capitalize()))
        CampaignEdits(campaign.pk).replace(editor, change)
    return campaign
