"""Two pairs of eyes: who approved a campaign, and whether that is enough.

An approval is of the campaign's digest, so any edit of it, any decision and any other
moment makes it void. Edits of what is live do not.
"""

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from buddies.campaigns import log, rows
from buddies.campaigns.edits import locked
from buddies.models import Approval, Campaign
from buddies.publishing.draft import ReleaseError

logger = logging.getLogger(__name__)

BREAK_GLASS = "break_glass"


def approve(number: int, editor: str, digest: str, note: str = "") -> Approval:
    """Approve a campaign as it was reviewed.

    Raises ReleaseError if it has changed since, or if the editor may not approve it.
    """
    with transaction.atomic():
        campaign = locked(number)
        if rows.digest(campaign, rows.read(campaign)) != digest:
            raise ReleaseError(changed_since())
        if reason := refusal(campaign, editor):
            raise ReleaseError(reason)
        return Approval.objects.update_or_create(
            campaign=campaign, digest=digest, by=editor, defaults={"note": note}
        )[0]


def changed_since() -> str:
    return _("Someone changed the campaign in the meantime. Review it again.")


def refusal(campaign: Campaign, editor: str) -> str:
    """Why this editor may not approve a campaign; empty if nothing speaks against."""
    if editor in log.editors(campaign):
        return _("You edited this campaign, so somebody else has to approve it.")
    if editor == campaign.planned_by:
        return _("You planned this campaign, so somebody else has to approve it.")
    return ""


def valid(campaign: Campaign, digest: str, publisher: str = "") -> QuerySet[Approval]:
    """Return the approvals that count, if this person publishes the campaign."""
    partial = {*log.editors(campaign), campaign.planned_by, publisher}
    given = campaign.approvals.filter(digest=digest).exclude(by__in=partial)
    # Not those of people who have left, or do something else now.
    may = get_user_model()._default_manager.with_perm(
        "buddies.approve_campaign", backend="django.contrib.auth.backends.ModelBackend"
    )
    return given.filter(by__in=may.values("username"))


def missing(campaign: Campaign, digest: str, publisher: str = "") -> int:
    """Return how many approvals a campaign still needs."""
    count = valid(campaign, digest, publisher).count()
    return max(0, settings.CAMPAIGN_APPROVALS - count)


def are_void(campaign: Campaign, digest: str) -> bool:
    """Whether it was approved before it changed."""
    return (
        campaign.approvals.exists()
        and not campaign.approvals.filter(digest=digest).exists()
    )


def may_break_glass(user: Any) -> bool:
    """Whether the permission was given to this user, or to a group of theirs.

    Superusers have all permissions, but not this one.
    """
    given = Q(user=user) | Q(group__user=user)
    return user.is_active and bool(
        Permission.objects.filter(
            given, content_type__app_label="buddies", codename=BREAK_GLASS
        ).exists()
    )


def log_break_glass(campaign: Campaign, editor: str) -> None:
    logger.warning(
        "campaign_break_glass: %s published campaign %d without its approvals",
        editor,
        campaign.pk,
    )
