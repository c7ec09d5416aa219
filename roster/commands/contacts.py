"""The contacts of a roster: which item stands for which contact."""

from collections.abc import Collection, Iterable

from roster import msisdn
from roster.msisdn import Number
from xmppservice.protocol.roster import RosterItem


def other_spellings(items: Iterable[RosterItem], domain: str) -> dict[str, Number]:
    """JIDs of items that are a number in another spelling than its own JID."""
    keys = {item.jid: msisdn.contact_key(item.jid, domain) for item in items}
    return {
        jid: key
        for jid, key in keys.items()
        if isinstance(key, Number) and jid != msisdn.jid_of(key, domain)
    }


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
    for item in items:
        key = msisdn.contact_key(item.jid, domain)
        if isinstance(key, Number) and item.jid != msisdn.jid_of(key, domain):
            # The key of another account is its JID.
            others[item.jid] = (item.jid if item.jid in accounts else key, item)
        else:
            contacts[key] = item
    for key, item in others.values():
        contacts.setdefault(key, item)
    return contacts
