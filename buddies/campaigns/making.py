"""Making campaigns, and putting them away."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from buddies.campaigns import rows
from buddies.campaigns.edits import locked, store
from buddies.campaigns.merge import Differences
from buddies.campaigns.rows import Author
from buddies.campaigns.view import view_of
from buddies.models import Campaign
from buddies.models.campaigns import COLOURS, NAME_IS_TAKEN

MAX_NAME = 80
# What staff do not write themselves.
OTHERS = (
    *("release", "tree_version", "ended_version", "takes_back"),
    *("due_at", "ends_at", "kept_end"),
)


def make(editor: str, name: str, note: str = "", colour: int | None = None) -> Campaign:
    """Make a campaign; raises ValidationError if its name is blank, or taken."""
    campaign = Campaign(
        name=name, note=note, colour=colour or free_colour(), created_by=editor
    )
    _save(campaign)
    return campaign


def _save(campaign: Campaign) -> None:
    """Judge and store what staff write; raises ValidationError."""
    campaign.full_clean(exclude=OTHERS)
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError:
        # Somebody took it since.
        raise ValidationError(NAME_IS_TAKEN) from None


def free_colour() -> int:
    """Return the colour that the fewest campaigns in preparation have."""
    used = list(Campaign.editable().values_list("colour", flat=True))
    return min(range(1, COLOURS + 1), key=used.count)


def free_name(wanted: str) -> str:
    """Return the name, or another one if a campaign in preparation has it."""
    used = {
        name.casefold() for name in Campaign.editable().values_list("name", flat=True)
    }
    number, name = 1, wanted[:MAX_NAME]
    while name.casefold() in used:
        number += 1
        ending = f" ({number})"
        name = wanted[: MAX_NAME - len(ending)] + ending
    return name


def make_with(
    editor: str,
    name: str,
    differences: Differences,
    takes_back: Campaign | None = None,
) -> Campaign:
    """Make a campaign that has these differences."""
    with transaction.atomic():
        campaign = make(editor, free_name(name))
        campaign.takes_back = takes_back
        campaign.save(update_fields=["takes_back"])
        view = view_of(campaign)
        author = Author(editor, timezone.now())
        store(campaign, view, differences, view.tree, author)
    return campaign


def again(number: int, editor: str) -> Campaign:
    """Make a new campaign that does what another one does."""
    old = Campaign.objects.get(pk=number)
    return make_with(editor, old.name, rows.read(old).differences)


def discard(number: int) -> None:
    """Put a campaign away; nothing of it is lost."""
    with transaction.atomic():
        campaign = locked(number)
        campaign.state, campaign.due_at = Campaign.State.DISCARDED, None
        campaign.blocked = ""
        campaign.save()


def describe(number: int, **fields: str | int) -> Campaign:
    """Change a campaign's name, note or colour; raises ValidationError."""
    with transaction.atomic():
        campaign = locked(number)
        for name, value in fields.items():
            setattr(campaign, name, value)
        _save(campaign)
    return campaign
