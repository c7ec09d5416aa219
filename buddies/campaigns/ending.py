"""What takes back what a campaign did."""

from buddies.campaigns.merge import NONE, Differences, record
from buddies.models import Campaign
from buddies.tree import history, snapshot


def inverse(campaign: Campaign) -> Differences:
    """Return what takes back what a campaign did, and nothing that others did."""
    if campaign.tree_version is None:
        return NONE
    after, before = (
        snapshot.of(history.tree_at(version))
        for version in (campaign.tree_version, campaign.tree_version - 1)
    )
    return record(NONE, after, before)
