"""Searching accounts by number, JID or name, on every page that does."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from roster import msisdn, statistics
from roster.models import Account
from xmppservice.backoffice.lists import begins_with

MAX_PARTS = 100  # accounts found by a part of their name or number
MAX_COUNTED = 50_000

SEARCH_HELP = _(
    "A number in any spelling, the beginning of a number or of a JID, at least six "
    "digits of a number without its country code and leading 0, or a part of a name "
    "(the last two: among the newest 100,000 accounts)"
)


def matching(term: str) -> Q:
    """Accounts that match a search: by number, else by JID, name or a number's end."""
    number = msisdn.beginning(term)
    if number and Account.objects.filter(begins_with("msisdn", number)).exists():
        return _begins_with("msisdn", number)
    parts = Q(name__icontains=term)
    if national := msisdn.ending(term):
        parts |= Q(msisdn__endswith=national)
    newest = Account.objects.filter(statistics.newest(Account), parts)
    keys = newest.order_by().values_list("pk", flat=True)
    return _begins_with("jid", term.lower()) | Q(pk__in=list(keys[:MAX_PARTS]))


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
