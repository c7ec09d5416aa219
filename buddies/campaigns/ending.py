"""What takes back what a campaign did, whole or by an undo."""

from django.db import transaction

from buddies.campaigns.merge import NONE, Differences, record
from buddies.models import Campaign
from buddies.tree import history, snapshot
from buddies.tree.undo import undo


def inverse(campaign: Campaign) -> Differences:
    """Return what takes back what a campaign did, and nothing that others did."""
    if campaign.tree_version is None:
        return NONE
    after, before = (
        snapshot.of(history.tree_at(version))
        for version in (campaign.tree_version, campaign.tree_version - 1)
    )
    return record(NONE, after, before)


def undo_live(version: int, editor: str) -> None:
    """Undo an edit of what is live; see :func:`buddies.tree.undo.undo`.

    A campaign ends when the edit that published it is undone, and is live again when
    that is undone.
    """
    published = Campaign.objects.filter(
        state=Campaign.State.PUBLISHED, tree_version=version
    )
    ended = Campaign.objects.filter(
        state=Campaign.State.ENDED, ends_at=history.made_at(version)
    )
    with transaction.atomic():
        edit = undo(version, editor)
        ended.update(
            state=Campaign.State.PUBLISHED, tree_version=edit.version, ends_at=None
        )
        published.update(state=Campaign.State.ENDED, blocked="", ends_at=edit.at)
