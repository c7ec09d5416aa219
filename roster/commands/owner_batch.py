"""One owner's claimed commands on their way through a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from roster import msisdn
from roster.commands import rules
from roster.commands.claims import ClaimedWork
from roster.commands.payloads import NO_USER_FOUND, ParsedCommand, Reply
from roster.commands.rules import Contact, Groups
from roster.discovery.address_book import AddressBook
from roster.models import Account
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import RosterItem

NOT_A_USER = Reply(NO_USER_FOUND, ("You are not a user of this service.",))


@dataclass(slots=True)
class OwnerBatch:
    """What one owner asks for, and what comes of it.

    ``wants``: contact key → what the commands want on the roster, in their order.
    ``before`` and ``after``: the contacts on the roster by their keys; ``version``: of
    the roster before, if a write can name it. ``failure``: why the commands cannot be
    finished now, without any number or payload.
    """

    work: ClaimedWork
    account: Account | None
    requests: list[ParsedCommand]
    book: AddressBook | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    wants: list[tuple[str, Contact]] = field(default_factory=list)
    version: str = ""
    before: dict[str, RosterItem] = field(default_factory=dict)
    after: dict[str, RosterItem] = field(default_factory=dict)
    is_missing: bool = False
    is_unfinished: bool = False
    failure: str = ""
    # Read once, because every entry needs them.
    own_key: str = field(init=False)
    groups: Groups = field(init=False)

    def __post_init__(self) -> None:
        self.own_key = msisdn.account_key(self.work.owner)
        self.groups = Groups(
            settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED
        )

    @property
    def domain(self) -> str:
        return domain_of(self.work.owner)

    @property
    def is_served(self) -> bool:
        return self.account is not None and self.account.enabled

    @property
    def open_requests(self) -> list[ParsedCommand]:
        """Requests without a reply yet."""
        return [request for request in self.requests if request.reply is None]

    @property
    def contacts(self) -> dict[str, str]:
        """All contacts of the commands for the address book: key → former key."""
        former: dict[str, str] = {}
        for request in self.requests:
            for entry in request.entries:
                key, old = entry.key, entry.contact.former_key
                former[key] = former.get(key, key) if old == key else old
        return former

    @property
    def lookups(self) -> dict[str, str]:
        """Contacts that the budget covers: key → JID."""
        return {
            entry.key: entry.jid
            for request in self.open_requests
            for entry in request.entries
            if entry.key in request.lookups
        }

    @property
    def changes(self) -> list[str]:
        """The keys of contacts whose item is to be written."""
        return [key for key, item in self.after.items() if self.before.get(key) != item]

    def load(self, contacts: dict[str, RosterItem], version: str) -> None:
        """Take the roster as it is now, and decide again what to write to it."""
        self.before, self.after, self.version = contacts, dict(contacts), version
        for key, contact in self.wants:
            self._decide(key, contact)

    def want(self, key: str, contact: Contact) -> None:
        """Decide what a contact changes on the roster."""
        self.wants.append((key, contact))
        self._decide(key, contact)

    def _decide(self, key: str, contact: Contact) -> None:
        item = rules.decide(self.after.get(key), contact, self.groups)
        if item is not None:
            self.after[key] = item

    def reply_to_all(self, reply: Reply) -> None:
        for request in self.requests:
            request.reply = reply
            request.problems = []

    def mark_missing(self) -> None:
        """Note that the XMPP server has no such owner."""
        self.is_missing = True
        self.reply_to_all(NOT_A_USER)
