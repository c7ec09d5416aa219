"""Where an editor works: what is live, or a campaign. Both take the same edits."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol

from django.utils.translation import gettext as _

from buddies.campaigns import log
from buddies.campaigns.edits import CampaignEdits, can_undo
from buddies.campaigns.ending import undo_live
from buddies.campaigns.rows import ENTRY
from buddies.campaigns.view import View, earlier, view_of
from buddies.models import Buddy, Campaign, HistoricalBuddy, Tree
from buddies.tree import edits as live_edits
from buddies.tree import history
from buddies.tree.lock import TreeError
from buddies.tree.positions import Where
from buddies.tree.snapshot import Key
from buddies.tree.undo import can_undo as can_undo_live


class Edits(Protocol):
    """The edits of :mod:`buddies.tree.edits`, live or in a campaign."""

    def add(self, buddy: Buddy, editor: str) -> Buddy: ...

    def change(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        seen: int | None = None,
        **fields: Any,
    ) -> list[Buddy]: ...

    def move(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        target: Buddy | None,
        where: Where,
        seen: int | None = None,
    ) -> list[Buddy]: ...

    def shift(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        seen: int | None = None,
        *,
        down: bool,
    ) -> None: ...

    def duplicate(self, buddies: Iterable[Buddy], editor: str) -> list[Buddy]: ...

    def remove(
        self, buddies: Iterable[Buddy], editor: str, seen: int | None = None
    ) -> int: ...


class Desk(Protocol):
    """What the pages and the API need of a place to edit.

    ``version`` is what edits are made on; ``stamp`` differs as soon as the tree does.
    """

    @property
    def campaign(self) -> Campaign | None: ...

    @property
    def permission(self) -> str: ...

    @property
    def edits(self) -> Edits: ...

    @property
    def version(self) -> int: ...

    @property
    def stamp(self) -> str: ...

    def buddies(self) -> list[Buddy]: ...

    def edited(self, version: int) -> list[Buddy]: ...

    def edited_keys(self, version: int) -> set[Key]: ...

    def newest(self, editor: str) -> history.LastEdit | None: ...

    def undo(self, version: int, editor: str) -> None: ...

    def can_undo(self, version: int, editor: str) -> bool: ...


class LiveDesk:
    """The tree that clients read."""

    campaign = None
    permission = "edit_live"
    edits: Edits = live_edits

    @property
    def version(self) -> int:
        return (Tree.objects.first() or Tree()).version

    @property
    def stamp(self) -> str:
        return str(self.version)

    def buddies(self) -> list[Buddy]:
        return list(Buddy.objects.all())

    def edited(self, version: int) -> list[Buddy]:
        """Return the entries that the edit of a version changed, if it was the last."""
        return list(Buddy.objects.filter(version=version))

    def edited_keys(self, version: int) -> set[Key]:
        """Return the keys of the entries that it changed, also of deleted ones."""
        records = HistoricalBuddy.objects.filter(version=version).order_by()
        return set(map(str, records.values_list("key", flat=True)))

    def newest(self, editor: str) -> history.LastEdit | None:
        return history.newest(editor)

    def undo(self, version: int, editor: str) -> None:
        undo_live(version, editor)

    def can_undo(self, version: int, editor: str) -> bool:
        return can_undo_live(version, editor)


class CampaignDesk:
    """A campaign that is prepared."""

    permission = "edit_campaign"

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.edits: Edits = CampaignEdits(campaign.pk)

    @property
    def version(self) -> int:
        return self.campaign.version

    @property
    def stamp(self) -> str:
        # Of the same row as the view: what is newer has another stamp.
        campaign = self.campaign
        own = f"{campaign.pk}:{campaign.version}"
        drawn = (layer.state for layer in earlier(campaign))
        return " ".join((LiveDesk().stamp, own, *drawn))

    @cached_property
    def view(self) -> View:
        """The campaign's tree, of the version that the desk has, or newer."""
        return view_of(self.campaign)

    def refresh(self) -> None:
        """Look at the campaign as it is now; as it was last if it is gone."""
        found = Campaign.objects.filter(pk=self.campaign.pk)
        self.campaign = found.first() or self.campaign
        self.__dict__.pop("view", None)

    def buddies(self) -> list[Buddy]:
        return self.view.buddies

    def edited(self, version: int) -> list[Buddy]:
        """Return the entries that the edit of a version changed."""
        keys = self.edited_keys(version)
        return [buddy for buddy in self.view.buddies if str(buddy.key) in keys]

    def edited_keys(self, version: int) -> set[Key]:
        rows = self.campaign.log.filter(version=version, about=ENTRY)
        return set(rows.values_list("key", flat=True))

    def newest(self, editor: str) -> history.LastEdit | None:
        return log.newest(self.campaign, editor)

    def undo(self, version: int, editor: str) -> None:
        CampaignEdits(self.campaign.pk).undo(version, editor)

    def can_undo(self, version: int, editor: str) -> bool:
        return can_undo(self.view, version, editor)


LIVE = LiveDesk()


def desk_of(number: int | None) -> LiveDesk | CampaignDesk:
    """Return the desk of a campaign, or of what is live; raises TreeError."""
    if number is None:
        return LIVE
    campaign = Campaign.editable().filter(pk=number).first()
    if campaign is None:
        raise TreeError(_("This campaign can't be edited: it is over, or gone."))
    return CampaignDesk(campaign)
