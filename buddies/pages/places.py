"""Where an entry is seen after an edit: on phones, on the web, in a campaign, nowhere.

An edit of what is live reaches apps a moment later. So a place has two sentences: what
is true until then, and what is true from then on.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from buddies.models import MAX_LEVELS, Buddy, HistoricalBuddy
from buddies.pages.desks import Desk
from buddies.tree import history
from xmppservice.backoffice.words import moment

Apps = frozenset[str]

PHONES, WEB = "phones", "web"
NOWHERE: Apps = frozenset()


class Place(NamedTuple):
    """Where an entry is seen.

    ``tone`` is live, gone, hidden, draft or campaign. ``words`` hold once apps have the
    edit, and ``until`` before; the two are alike where apps have nothing to learn.
    """

    tone: str
    words: str
    until: str


def _settled(tone: str, words: str) -> Place:
    return Place(tone, words, words)


def place_of(desk: Desk, buddy: Buddy) -> Place:
    """Return where an entry is seen, or why it is not."""
    if desk.campaign:
        text = _("In campaign “%(name)s”: not live")
        return _settled("campaign", text % {"name": desk.campaign.name})
    if not buddy.is_published:
        return _settled("draft", _("Draft: not shown anywhere"))
    groups = Groups().around(buddy)
    now = timezone.now()
    apps = shown_on(buddy, groups, now)
    if apps:
        return _live(apps)
    return _settled("hidden", _why_hidden(buddy, groups, now))


class Groups:
    """The groups around entries: as they are now or, if deleted, as they were."""

    def __init__(self, deleted: Mapping[int, Buddy] = MappingProxyType({})) -> None:
        self._deleted = deleted
        self._known: dict[int, Buddy | None] = {}

    def around(self, buddy: Buddy) -> list[Buddy]:
        """Return the groups around an entry, the nearest first."""
        groups: list[Buddy] = []
        group = self._group(buddy.parent_id)
        while group is not None and len(groups) < MAX_LEVELS:
            groups.append(group)
            group = self._group(group.parent_id)
        return groups

    def _group(self, number: int | None) -> Buddy | None:
        if number is None:
            return None
        if number not in self._known:
            stored = Buddy.objects.filter(pk=number).first()
            self._known[number] = stored or self._deleted.get(number)
        return self._known[number]


def shown_on(buddy: Buddy, groups: Iterable[Buddy], at: datetime) -> Apps:
    """Return the apps that show an entry in these groups."""
    around = (buddy, *groups)
    if not all(one.is_due(at) for one in around):
        return NOWHERE
    flags = {
        PHONES: all(one.mobile_is_published for one in around),
        WEB: all(one.web_is_published for one in around),
    }
    return frozenset(app for app, is_on in flags.items() if is_on)


def _why_hidden(buddy: Buddy, groups: list[Buddy], now: datetime) -> str:
    if buddy.visible_from and now < buddy.visible_from:
        text = _("Scheduled: apps will show it from %(at)s")
        return text % {"at": moment(buddy.visible_from)}
    if not buddy.is_due(now):
        return _("Not shown any more: its schedule is over")
    for group in groups:
        if not (group.is_published and group.is_due(now)):
            return _("Not shown: its group “%(name)s” is hidden") % {"name": group.name}
    return _("Not shown: its groups are hidden on the same apps")


def _in_words(apps: Apps) -> str:
    words = {PHONES: _("phones"), WEB: _("the web")}
    return get_text_list([words[app] for app in (PHONES, WEB) if app in apps], _("and"))


def _live(apps: Apps) -> Place:
    params = {"apps": _in_words(apps)}
    words, until = _("Live on %(apps)s"), _("On its way to %(apps)s …")
    return Place("live", words % params, until % params)


def _gone(apps: Apps) -> Place:
    params = {"apps": _in_words(apps)}
    words, until = _("No longer on %(apps)s"), _("Being removed from %(apps)s …")
    return Place("gone", words % params, until % params)


# --- After an edit --------------------------------------------------------------------


def place_after(desk: Desk, version: int, edited: list[Buddy]) -> Place:
    """Return where an edit went, which made a version and left these entries."""
    if desk.campaign:
        return _settled("campaign", "")  # what was done says so
    records = list(HistoricalBuddy.objects.filter(version=version))
    before = history.before(records) if records else {}
    entries_before = {number: record.buddy for number, record in before.items()}
    groups, at = Groups(entries_before), timezone.now()
    then, now = (
        NOWHERE.union(*(shown_on(one, groups.around(one), at) for one in entries))
        for entries in (entries_before.values(), edited)
    )
    if gone := then - now:
        return _gone(gone)
    if len(edited) == 1:
        return place_of(desk, edited[0])
    if now or not edited:
        return _live(now) if now else _settled("gone", "")
    return _settled("draft", _("Not shown anywhere"))
