"""What takes back what a campaign did, whole or by an undo."""

from django.db import transaction

from buddies.campaigns.merge import NONE, Differences, record
from buddies.models import Campaign, Tree
from buddies.tree import history, snapshot
from buddies.tree.undo import undo

PUBLISHED, ENDED = Campaign.State.PUBLISHED, Campaign.State.ENDED


def inverse(campaign: Campaign) -> Differences:
    """Return what takes back what a campaign did, and nothing that others did."""
    if campaign.tree_version is None:
        return NONE
    after, before = (
        snapshot.of(history.tree_at(version))
        for version in (campaign.tree_version, campaign.tree_version - 1)
    )
    return record(NONE, after, before)


def undo_live(version: int, editor: str, *, of_anybody: bool = False) -> None:
    """Undo an edit of what is live; see :func:`buddies.tree.undo.undo`.

    A campaign ends when the edit that published it is undone, and is live again when
    the one that ended it is.
    """
    campaigns = Campaign.objects.select_for_update()
    with transaction.atomic():
        Tree.locked()
        published = list(campaigns.filter(state=PUBLISHED, tree_version=version))
        ended = list(campaigns.filter(state=ENDED, ended_version=version))
        edit = undo(version, editor, of_anybody=of_anybody)
        for campaign in published:
            campaign.state, campaign.blocked = ENDED, ""
            campaign.ended_version = edit.version
            campaign.kept_end, campaign.ends_at = campaign.ends_at, edit.at
        for campaign in ended:
            campaign.state, campaign.tree_version = PUBLISHED, edit.version
            campaign.ended_version = None
            # If it was to end meanwhile, a person has to say when.
            end, campaign.kept_end = campaign.kept_end, None
            campaign.ends_at = end if end and end > edit.at else None
        for campaign in [*published, *ended]:
            campaign.save()
