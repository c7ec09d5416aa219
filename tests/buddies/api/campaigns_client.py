"""URLs and helpers for the tests of campaigns."""

from typing import Any

from rest_framework.test import APIClient

from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy, Campaign

EDIT = ("view_buddy", "add_buddy", "change_buddy", "delete_buddy")
CAMPAIGNS = "/api/campaigns/"


def path_of(campaign: Campaign, action: str = "") -> str:
    below = f"{action}/" if action else ""
    return f"{CAMPAIGNS}{campaign.pk}/{below}"


def make(name: str, **fields: Any) -> Campaign:
    return Campaign.objects.create(name=name, created_by="anna", **fields)


def change(campaign: Campaign, entry: Buddy, editor: str = "anna", **fields: Any):
    """Change an entry in a campaign."""
    CampaignEdits(campaign.pk).change([entry], editor, **fields)


def digest_of(api: APIClient, campaign: Campaign) -> str:
    found: str = api.get(path_of(campaign)).json()["digest"]
    return found


def post(api: APIClient, campaign: Campaign, action: str, **body: Any) -> Any:
    return api.post(path_of(campaign, action), body, format="json")
