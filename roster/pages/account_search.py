"""Searching accounts by number, JID or name, on every page that does."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from roster import msisdn, statistics
from roster.models import Account
from xmppservice.backoffice.lists import begins_with

MAX_NAMES = 100  # accounts found by a part of their name
MAX_COUNTED = 50_000

SEARCH_HELP = _(
    "A number in any international spelling, the beginning of a number or of a JID, or "
    "a part of a name (among the newest 100,000 accounts)"
)


def matching(term: str) -> Q:
    """Accounts that match a search: by number, else by JID and by name."""
    number = msisdn.beginning(term)
    if number and Account.objects.filter(begins_with("msisdn", number)).exists():
        return _begins_with("msisdn", number)
    newest = Account.objects.filter(statistics.newest(Account))
    named = newest.filter(name__icontains=term).order_by().values_list("pk", flat=True)
    by_jid = _begins_with("jid", term.lower())
    return by_jid | Q(pk__in=list(named[:MAX_NAMES]))


def _begins_with(field: str, word: str) -> Q:
    by_index = begins_with(field, word)
    if (
        not Account.objects.filter(by_index)
        .order_by()[MAX_COUNTED : MAX_COUNTED + 1]
        .exists()
    ):
        return by_index
    # A sequential scan is faster than so many index lookups.
    return Q(**{f"{field}__startswith": word})
