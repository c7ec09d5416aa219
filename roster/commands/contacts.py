"""The contacts of a roster: which item stands for which contact."""

from collections.abc import Collection, Iterable
from functools import lru_cache

from django.conf import settings

from roster import msisdn
from roster.msisdn import Number
from xmppservice.protocol.roster import RosterItem

MAX_JIDS = 4_096  # remembered: each is identified twice, and may be long


def other_spellings(items: Iterable[RosterItem], domain: str) -> dict[str, Number]:
    """JIDs of items that are a number in another spelling than its own JID."""
    found, spelling = {}, settings.MSISDN_JID
    for item in items:
        key, is_other = _identify(item.jid, domain, spelling)
        if is_other and isinstance(key, Number):
            found[item.jid] = key
    return found


@lru_cache(maxsize=MAX_JIDS)
def _identify(jid: str, domain: str, spelling: str) -> tuple[str, bool]:
    """The key of an item, and whether its JID is another spelling of a number.

    ``spelling`` is the setting, which both depend on.
    """
    key = msisdn.contact_key(jid, domain)
    return key, isinstance(key, Number) and jid != msisdn.jid_of(key, domain)


def by_contact(
    items: Iterable[RosterItem], domain: str, accounts: Collection[str]
) -> dict[str, RosterItem]:
    """The items of a roster by the key of their contact.

    ``accounts``: those of :func:`other_spellings` that are known accounts.

    An item under another spelling of a number is that contact (contract, 3), but only
    if the roster does not have the number's own JID, and if no account has that
    spelling: what is written about a number never reaches another account's item.
    """
    contacts: dict[str, RosterItem] = {}
    others: dict[str, tuple[str, RosterItem]] = {}
    spelling = settings.MSISDN_JID
    for item in items:
        key, is_other = _identify(item.jid, domain, spelling)
        if is_other:
            # The key of another account is its JID.
            others[item.jid] = (item.jid if item.jid in accounts else key, item)
        else:
            contacts[key] = item
    for key, item in others.values():
        contacts.setdefault(key, item)
    return contacts
