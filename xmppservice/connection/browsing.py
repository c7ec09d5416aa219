"""What ordinary clients can browse: the published tree, vCards of channels, search.

All answers come from memory, which is rebuilt for each published document; the
database is never asked.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings

from xmppservice.connection.events import CatalogueEntry
from xmppservice.protocol import data_forms, disco, search, vcard
from xmppservice.protocol.data_forms import Field
from xmppservice.protocol.disco import Item
from xmppservice.protocol.iq import Request, StanzaError
from xmppservice.protocol.jids import domain_of, uri
from xmppservice.protocol.live_document import SCHEMA_PATH, LiveDocument
from xmppservice.protocol.namespaces import (
    MAX_FIELD,
    NS_COMMAND,
    NS_COMMANDS,
    NS_DOCUMENT,
    NS_INFO,
    NS_ITEMS,
    NS_NO_REPLY,
    NS_PING,
    NS_RECEIPTS,
    NS_SEARCH,
    NS_VCARD,
)

NAME = "XMPP Service"
MAX_RESULTS = 50

INFO = f"{{{NS_INFO}}}query"
ITEMS = f"{{{NS_ITEMS}}}query"
SEARCH = f"{{{NS_SEARCH}}}query"

BROWSING_FEATURES = (NS_INFO, NS_ITEMS)
FEATURES = (
    *BROWSING_FEATURES,
    NS_SEARCH,
    NS_COMMANDS,
    NS_VCARD,
    NS_DOCUMENT,
    NS_COMMAND,
    NS_NO_REPLY,
    NS_PING,
    NS_RECEIPTS,
    "jabber:iq:last",
    "jabber:iq:version",
)

INSTRUCTIONS = "Channels whose name or status has this text."
QUERY = Field("nick", "text-single", "Name or status")
COLUMNS = (
    Field("jid", "jid-single", "Address"),
    Field("nick", "text-single", "Name"),
    Field("status", "text-single", "Status"),
)


class Catalogue:
    """Present ``entries`` to clients that browse the service ``jid``.

    A channel has a JID of its own below a component: the first one with that localpart.
    Other channels are where clients write to them: at the client's own domain if it is
    one of ``domains``, else at the first of them. ``about`` is the result of
    :func:`about`.
    """

    def __init__(
        self,
        jid: str,
        domains: Sequence[str],
        about: str = "",
        entries: Iterable[CatalogueEntry] = (),
    ) -> None:
        self._jid, self._domains, self._about = jid, domains, about
        self._groups: dict[str, CatalogueEntry] = {}
        # Each with the text that a search looks at.
        self._channels: list[tuple[str, CatalogueEntry]] = []
        self._cards: dict[str, CatalogueEntry] = {}  # channels by their own JID
        # By the address of a group.
        self._children: dict[str, list[CatalogueEntry]] = {}
        self._item_lists: dict[tuple[str, str, str], str] = {}  # see _items
        for entry in entries:
            self._add(entry)

    def _add(self, entry: CatalogueEntry) -> None:
        self._children.setdefault(entry.parent, []).append(entry)
        if entry.is_group:
            self._groups[entry.address] = entry
        else:
            self._channels.append((_folded(f"{entry.name}\n{entry.status}"), entry))
            is_component = "@" not in self._jid
            if entry.local and is_component:
                self._cards.setdefault(f"{entry.local}@{self._jid}", entry)

    def answer(self, request: Request) -> str:
        """Return the payload of the result; raises StanzaError."""
        match request.type, request.tag:
            case "get", str(tag) if tag == INFO:
                return self._info(request)
            case "get", str(tag) if tag == ITEMS:
                return self._items(request)
            case _, str(tag) if tag == SEARCH and request.to == self._jid:
                return self._search(request)
            case _:
                raise StanzaError("service-unavailable")

    def card(self, jid: str) -> str:
        """Return the vCard of the channel whose JID is ``jid``; raises StanzaError."""
        entry = self._card(jid)
        photo = vcard.photo(entry.image, entry.thumb)
        return vcard.of_channel(entry.name, entry.status, photo)

    def route(self, jid: str, sender: str) -> str:
        """Return the URI to write to the channel whose JID is ``jid``.

        Raises StanzaError.
        """
        entry = self._card(jid)
        if not entry.to:
            raise StanzaError("item-not-found")
        return uri(_full_address(entry.to, self._domain(sender)), entry.thread)

    def _card(self, jid: str) -> CatalogueEntry:
        if jid not in self._cards:
            raise StanzaError("item-not-found")
        return self._cards[jid]

    # --- Service discovery ----------------------------------------------------

    def _info(self, request: Request) -> str:
        if request.to == self._jid:
            return (
                self._info_of_group(request.node) if request.node else self._own_info()
            )
        entry = self._card("" if request.node else request.to)
        # Without NS_ITEMS: Gajim would offer to browse it, and find nothing.
        features = (NS_INFO, NS_VCARD)
        return disco.info("", "hierarchy", "leaf", entry.name, features, "")

    def _own_info(self) -> str:
        about = self._about
        return disco.info("", "component", "generic", NAME, FEATURES, about)

    def _info_of_group(self, node: str) -> str:
        if node not in self._groups:
            raise StanzaError("item-not-found")
        name = self._groups[node].name
        return disco.info(node, "hierarchy", "branch", name, BROWSING_FEATURES, "")

    def _items(self, request: Request) -> str:
        if request.to != self._jid:
            self._card("" if request.node else request.to)
            return disco.items("", ())
        if request.node and request.node not in self._groups:
            raise StanzaError("item-not-found")
        # Only an account can be asked at a full JID; there are few of these.
        at = request.at if "@" in self._jid else self._jid
        key = request.node, at, self._domain(request.sender)
        if key not in self._item_lists:
            self._item_lists[key] = disco.items(request.node, self._disco_items(*key))
        return self._item_lists[key]

    def _disco_items(self, node: str, at: str, domain: str) -> Iterator[Item]:
        for entry in self._children.get(node, ()):
            if entry.is_group:
                yield Item(at, entry.name, entry.address)
            elif entry.to:
                own = self._own_jid(entry)
                # Several may be written to at one JID: their threads distinguish them.
                thread = "" if own else entry.thread
                yield Item(own or _full_address(entry.to, domain), entry.name, thread)

    def _own_jid(self, entry: CatalogueEntry) -> str:
        """The JID of the channel itself; empty where it has none.

        A client that opens it finds the channel's name and picture, and a text to it is
        answered with the address to write to.
        """
        jid = f"{entry.local}@{self._jid}"
        return jid if self._cards.get(jid) is entry else ""

    def _jid_of(self, entry: CatalogueEntry, domain: str) -> str:
        return self._own_jid(entry) or _full_address(entry.to, domain)

    def _domain(self, sender: str) -> str:
        domain = domain_of(sender)
        return domain if domain in self._domains else self._domains[0]

    # --- Search (XEP-0055) ----------------------------------------------------

    def _search(self, request: Request) -> str:
        if request.type == "get":
            return search.search_fields(INSTRUCTIONS, QUERY)
        form = data_forms.submitted(request.child)
        domain = self._domain(request.sender)
        if form is None:
            result = self._search_results(_search_text(request))
            items = (Item(self._jid_of(entry, domain), entry.name) for entry in result)
            return search.search_items(items)
        result = self._search_results(" ".join(form.get(QUERY.var, ())))
        rows = (
            (self._jid_of(entry, domain), entry.name, entry.status) for entry in result
        )
        return search.search_table(COLUMNS, rows)

    def _search_results(self, text: str) -> list[CatalogueEntry]:
        if len(text) > MAX_FIELD:
            raise StanzaError("not-acceptable", "modify")
        query = _folded(text.strip())
        results = (
            entry for folded, entry in self._channels if query in folded and entry.to
        )
        return [entry for entry, _ in zip(results, range(MAX_RESULTS), strict=False)]


def _search_text(request: Request) -> str:
    named = (data_forms.field_of(request.child, name) for name in ("nick", "first"))
    return next(filter(None, named), "")


def _folded(text: str) -> str:
    composed = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", composed)


def _full_address(to: str, domain: str) -> str:
    return to if "@" in to else f"{to}@{domain}"


def about(live: LiveDocument) -> str:
    """Describe the service: the live document and its schema, the support addresses.

    Source: XEP-0157, "Recommended Use"; XEP-0128, "Implementation".
    """
    schema = Field("schema", "text-single", values=(settings.PUBLIC_URL + SCHEMA_PATH,))
    document = (data_forms.form_type(NS_DOCUMENT), schema, *live.fields())
    forms = data_forms.form("result", *document)
    if settings.SUPPORT_ADDRESSES:
        namespace = data_forms.form_type("http://jabber.org/network/serverinfo")
        contacts = tuple(settings.SUPPORT_ADDRESSES)
        support = Field("support-addresses", "list-multi", values=contacts)
        forms += data_forms.form("result", namespace, support)
    return forms
