"""The contacts of a roster: which item stands for which contact."""

from collections.abc import Iterable

from roster import msisdn
from roster.accounts import directory
from roster.msisdn import Number
from xmppservice.protocol.roster import RosterItem


def by_contact(items: Iterable[RosterItem], domain: str) -> dict[str, RosterItem]:
    """The items of a roster by the key of their contact.

    An item under another spelling of a number is that contact (contract, 3), but only
    if the roster does not have the number's own JID, and if no account has that
    spelling: what is written about a number never reaches another account's item.
    """
    contacts: dict[str, RosterItem] = {}
    others: dict[str, tuple[str, RosterItem]] = {}
    for item in items:
        key = msisdn.contact_key(item.jid, domain)
        if isinstance(key, Number) and item.jid != msisdn.jid_of(key, domain):
            others[item.jid] = (key, item)
        else:
            contacts[key] = item
    accounts = directory.registered(others)
    for jid, (key, item) in others.items():
        # The key of another account is its JID.
        contacts.setdefault(jid if jid in accounts else key, item)
    return contacts
