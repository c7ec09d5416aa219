"""All XML: namespaces, the command envelope, JIDs, and what we write on a stream.

Stanzas are written as text, escaping only what XML needs: each entity costs the
XMPP server a parser event, and a JSON text is full of quotes.
"""

import base64
import hashlib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

from django.utils.crypto import salted_hmac
from slixmpp import JID, InvalidJID

NS_VCARD = "vcard-temp"
NS_DOCUMENT = "urn:xmppservice:document:1"  # its JSON Schema has the same name
NS_UPDATE = "vcard-temp:x:update"
NS_ROSTER = "jabber:iq:roster"
NS_PING = "urn:xmpp:ping"
NS_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_COMPONENT = "jabber:component:accept"
NS_STREAM_DEFAULT = frozenset({NS_COMPONENT, "jabber:client", ""})
NS_INFO = "http://jabber.org/protocol/disco#info"
NS_ITEMS = "http://jabber.org/protocol/disco#items"
NS_SEARCH = "jabber:iq:search"
NS_COMMANDS = "http://jabber.org/protocol/commands"
NS_FORM = "jabber:x:data"
NS_PRIVILEGE = ("urn:xmpp:privilege:2", "urn:xmpp:privilege:1")

# An ``x`` in one of these belongs to another protocol, whatever it contains.
NS_FOREIGN = frozenset(
    {
        "jabber:x:data",
        "jabber:x:conference",
        "jabber:x:delay",
        "jabber:x:encrypted",
        "jabber:x:event",
        "jabber:x:expire",
        "jabber:x:roster",
        "jabber:x:signed",
        "http://jabber.org/protocol/muc",
        "http://jabber.org/protocol/muc#user",
        "http://jabber.org/protocol/rosterx",
        NS_UPDATE,
    }
)
COPIES = frozenset(
    {
        "{urn:xmpp:carbons:2}received",
        "{urn:xmpp:carbons:2}sent",
        "{urn:xmpp:mam:2}result",
        "{urn:xmpp:mam:1}result",
        "{urn:xmpp:forward:0}forwarded",
    }
)

# Longest id, thread, namespace and word that an answer repeats. Even escaped to
# six times their length they leave room for an answer's payload in one stanza.
LONGEST_FIELD = 1_000

# The one step of an ad-hoc command is its last.
COMPLETE = "<actions execute='complete'><complete/></actions>"

# Bytes of a list in one stanza: what a client may send, and an account is one.
LONGEST_LIST = 200_000

_SEPARATOR = "\1"
_START_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
# Beyond so many, or after a read of so many bytes, names are forgotten.
_NAMES, _LONG = 1_000, 10_000
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


Element = ET.Element


class RosterEntry(NamedTuple):
    """An ``item`` of a roster (RFC 6121, 2.1.2)."""

    jid: str
    name: str
    subscription: str
    groups: tuple[str, ...]


class Oversized(ValueError):
    """A field of the envelope is too long to be repeated in an answer."""


class Refused(Exception):
    """Why a request is not answered: a defined condition and its type.

    ``more`` is a condition of the protocol that was spoken, as XML.
    """

    def __init__(self, condition: str, type: str = "cancel", more: str = "") -> None:
        super().__init__(condition)
        self.condition, self.type, self.more = condition, type, more


class Request(NamedTuple):
    """An IQ get or set as it came; ``child`` is for functions of this module."""

    type: str
    tag: str
    at: str  # the JID that was asked
    to: str  # the same, bare and normalised
    sender: str  # full JID
    id: str
    node: str
    child: ET.Element


class Item(NamedTuple):
    """An ``item`` of disco#items; without a name it has none."""

    jid: str
    name: str = ""
    node: str = ""


class Field(NamedTuple):
    """A field of a data form (XEP-0004, "The Field Element")."""

    var: str
    type: str
    label: str = ""
    values: tuple[str, ...] = ()
    required: bool = False


class CommandRequest(NamedTuple):
    """A step of an ad-hoc command (XEP-0050); ``fields`` when a form was filled in."""

    action: str
    session: str
    fields: dict[str, list[str]] | None


# --- Text ---------------------------------------------------------------------


def escape(text: str) -> str:
    """Text for element content: ``& < >`` only; quotes stay (see above)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attribute(text: str) -> str:
    """Text for an attribute value in single quotes."""
    escaped = escape(text).replace("'", "&apos;")
    return escaped.replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")


def illegal(text: str) -> str:
    """The first character that XML 1.0 cannot carry, or an empty string."""
    found = _ILLEGAL.search(text)
    return found.group() if found else ""


class Parser:
    """An XML pull parser that no namespace can stop.

    Python's own ends the stream at a ``}`` in a namespace, because expat is
    told to separate namespace and name with it; U+0001 is no XML character.

    Expat gets nothing past the last ``>``: after a read that ends inside a tag
    it would put off parsing until much more has come (reparse deferral,
    CVE-2023-52425), and sit on whole stanzas until then.

    It tells of the stream and of whole stanzas, not of what is in them: a reader
    of events would only count those.

    Names are for clients to choose, and expat keeps each one as long as it lives:
    now and then another one goes on, between two stanzas.
    """

    def __init__(self) -> None:
        self._tree = ET.TreeBuilder()
        self._begin(b"")
        self._beginning = b""  # all until the stream's start tag
        self._start_tag = b""
        self._events: deque[tuple[str, ET.Element] | ET.ParseError] = deque()
        self._held: list[bytes] = []
        self._depth = 0

    def _begin(self, start_tag: bytes) -> None:
        self._expat = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._expat.buffer_text = True
        self._expat.Parse(start_tag, False)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._tree.data

    def feed(self, data: bytes) -> None:
        end = data.rfind(b">") + 1
        if end:
            self._parse(b"".join((*self._held, data[:end])))
            self._held.clear()
        self._held.append(data[end:])

    def _parse(self, data: bytes) -> None:
        if not self._start_tag:
            self._beginning += data
        try:
            self._expat.Parse(data, False)
        except expat.ExpatError as error:
            self._events.append(ET.ParseError(str(error)))
            return
        if len(data) > _LONG or len(self._expat.intern) > _NAMES:
            self._forget_names()

    def _forget_names(self) -> None:
        _tag.cache_clear()
        self._expat.intern.clear()
        if self._depth == 1 and self._start_tag:
            self._begin(self._start_tag)

    def read_events(self) -> Iterator[tuple[str, ET.Element]]:
        """Yield ``start`` and ``end`` of the stream and of each stanza.

        Raises ParseError.
        """
        while self._events:
            event = self._events.popleft()
            if isinstance(event, ET.ParseError):
                raise event
            yield event

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        named = {_tag(key): value for key, value in attributes.items()}
        element = self._tree.start(_tag(name), named)
        if not self._depth:
            at = self._expat.CurrentByteIndex
            found = _START_TAG.match(self._beginning, at)
            self._start_tag = found.group() if found else b""
            self._events.append(("start", element))
        self._depth += 1

    def _end(self, name: str) -> None:
        element = self._tree.end(_tag(name))
        self._depth -= 1
        if self._depth == 1:
            self._events += ("start", element), ("end", element)
        elif not self._depth:
            self._events.append(("end", element))


@lru_cache(256)
def _tag(name: str) -> str:
    namespace, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{namespace}}}{local}" if separator else name


# --- JIDs ---------------------------------------------------------------------


def jid(text: str) -> str | None:
    """Normalised JID (RFC 7622), or None when ``text`` is none.

    A text that is another JID when it is normalised again is none: servers
    would not agree on who is meant.
    """
    try:
        normal = str(JID(text))
        return normal if normal and str(JID(normal)) == normal else None
    except (InvalidJID, UnicodeEncodeError):
        return None


def bare_jid(text: str) -> str | None:
    """Normalised bare JID of ``text``, or None when ``text`` is no JID."""
    whole = jid(text)
    return whole.partition("/")[0] if whole else None


def local(bare: str) -> str:
    """Localpart of a bare JID; empty for a domain."""
    return bare.rpartition("@")[0]


def domain(jid: str) -> str:
    """Domainpart of a JID (RFC 7622, 3.2); a resource may hold any ``@``."""
    return jid.partition("/")[0].rpartition("@")[2]


_UNALLOWED = str.maketrans({one: f"\\{ord(one):02x}" for one in " \"&'/:<>@"})
_ESCAPE = re.compile(r"\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)")


def localpart(text: str) -> str:
    """Normalised localpart that stands for ``text``; empty when none can.

    Source: XEP-0106, "Escaping Transformations": a space at either end is none.
    """
    escaped = _ESCAPE.sub(r"\\5c", text).translate(_UNALLOWED)
    whole = jid(f"{escaped}@localhost") if text.strip(" ") == text else None
    return local(whole) if whole else ""


def alias(jid: str) -> str:
    """A JID as it may stand in a log: the same one each time, but no number.

    Keyed with SECRET_KEY, because there are few enough numbers to try them all.
    """
    name = salted_hmac("xmppservice.log", jid.partition("/")[0]).hexdigest()[:12]
    return f"{name}@{domain(jid.partition('/')[0])}"


_HARMLESS = re.compile(r"(?!.*\d{6})[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.I)


def shown(text: str) -> str:
    """What a client chose, as it may stand in a log: an id, the word of a command.

    It may be a number, or a line of its own: only what is harmless stays as it is.
    """
    if not text or _HARMLESS.match(text) or _UUID.match(text):
        return text
    return "~" + salted_hmac("xmppservice.log", text).hexdigest()[:12]


# --- The command envelope (contract, section 2) -------------------------------


def command(message: ET.Element) -> dict[str, str] | None:
    """Fields of the command in a message stanza, or None when it carries none.

    The keys are those of ``events.Message`` except ``sender`` and ``owner``.
    ``command`` is empty when the envelope names two different commands.

    Raises Oversized.
    """
    if message.get("type", "normal") not in ("chat", "normal", "headline"):
        return None
    if any(child.tag in COPIES for child in message):
        return None
    for child in message:
        if fields := _envelope(child):
            return _bounded({**_addressing(message), **fields})
    return None


def _addressing(message: ET.Element) -> dict[str, str]:
    return {
        "id": message.get("id", ""),
        "thread": message.findtext(_sibling(message, "thread"), default=""),
        "message_type": message.get("type", "normal"),
    }


def _envelope(x: ET.Element) -> dict[str, str] | None:
    namespace, name = _split(x.tag)
    if name != "x" or namespace in NS_FOREIGN:
        return None
    parts = {
        part: (_child_text(x, namespace, part))
        for part in ("type", "action", "payload")
    }
    words = {
        word
        for word in (parts["type"].strip(), parts["action"].strip())
        if word.startswith("cmd_")
    }
    if not words:
        return None
    command = words.pop() if len(words) == 1 else ""
    return {
        "namespace": "" if namespace in NS_STREAM_DEFAULT else namespace,
        "envelope_type": parts["type"] or command,
        "envelope_action": parts["action"] or command,
        "command": command,
        "payload": parts["payload"],
    }


def _child_text(x: ET.Element, namespace: str, part: str) -> str:
    for wanted in (namespace, "", *NS_STREAM_DEFAULT):
        child = x.find(f"{{{wanted}}}{part}" if wanted else part)
        if child is not None:
            return "".join(child.itertext())
    return ""


def _bounded(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        if name != "payload" and len(value) > LONGEST_FIELD:
            raise Oversized(f"{name}: {len(value)} characters, {LONGEST_FIELD} allowed")
    return fields


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def _sibling(element: ET.Element, name: str) -> str:
    namespace, _ = _split(element.tag)
    return f"{{{namespace}}}{name}" if namespace else name


def answer(
    *,
    sender: str,
    to: str,
    id: str,
    thread: str,
    message_type: str,
    namespace: str,
    envelope_type: str,
    envelope_action: str,
    payload: str,
) -> str:
    """The one form of what the service sends (contract, section 2)."""
    xmlns = f" xmlns='{attribute(namespace)}'" if namespace else ""
    stanza_id = f" id='{attribute(id)}'" if id else ""
    in_thread = f"<thread>{escape(thread)}</thread>" if thread else ""
    return (
        f"<message from='{attribute(sender)}' to='{attribute(to)}'{stanza_id}"
        f" type='{attribute(message_type)}'><body/>{in_thread}"
        f"<x{xmlns}><type>{escape(envelope_type)}</type>"
        f"<action>{escape(envelope_action)}</action>"
        f"<payload>{escape(payload)}</payload></x></message>"
    )


# --- IQs ----------------------------------------------------------------------


def is_iq(xml: ET.Element) -> bool:
    namespace, name = _split(xml.tag)
    return name == "iq" and namespace in NS_STREAM_DEFAULT


def iq(type: str, *, sender: str, to: str, id: str, payload: str) -> str:
    """An IQ; an empty ``to`` is the account of the stream (RFC 6120, 8.1.1.1)."""
    address = f" to='{attribute(to)}'" if to else ""
    return (
        f"<iq type='{type}' from='{attribute(sender)}'{address}"
        f" id='{attribute(id)}'>{payload}</iq>"
    )


def request(iq: ET.Element, service: str) -> Request:
    """What an IQ get or set asks; ``service`` is asked when it has no address.

    Raises Refused.
    """
    tag = payload_tag(iq)
    if tag is None:
        raise Refused("bad-request", "modify")
    return Request(
        type=iq.get("type", ""),
        tag=tag,
        at=iq.get("to", service),
        to=bare_jid(iq.get("to", service)) or "",
        sender=iq.get("from", ""),
        id=iq.get("id", ""),
        node=iq[0].get("node", ""),
        child=iq[0],
    )


def error(condition: str, error_type: str = "cancel", more: str = "") -> str:
    """A stanza error (RFC 6120, 8.3)."""
    defined = f"<{condition} xmlns='{NS_ERRORS}'/>"
    return f"<error type='{error_type}'>{defined}{more}</error>"


def message_error(
    *, sender: str, to: str, id: str, condition: str, error_type: str
) -> str:
    return (
        f"<message type='error' from='{attribute(sender)}' to='{attribute(to)}'"
        f" id='{attribute(id)}'>{error(condition, error_type)}</message>"
    )


def presence(type: str, *, sender: str, to: str) -> str:
    """Presence of ``type``, such as ``subscribed``."""
    return f"<presence from='{attribute(sender)}' to='{attribute(to)}' type='{type}'/>"


def available(*, sender: str, to: str, digest: str) -> str:
    """Presence that says which document is read now."""
    addresses = f"from='{attribute(sender)}' to='{attribute(to)}'"
    return f"<presence {addresses}>{_update(digest)}</presence>"


def own_presence(digest: str) -> str:
    """What makes a client available, before all others of its account.

    Without a digest it says that it cannot tell yet which document is read.
    """
    return f"<presence><priority>127</priority>{_update(digest)}</presence>"


def _update(digest: str) -> str:
    # XEP-0153, "User Publishes Avatar": not ready to tell is an x without a photo.
    photo = f"<photo>{digest}</photo>" if digest else ""
    return f"<x xmlns='{NS_UPDATE}'>{photo}</x>"


def digest(document: str) -> str:
    """SHA-1 of a document as 40 hex digits, as XEP-0153 has it of a picture."""
    return hashlib.sha1(document.encode(), usedforsecurity=False).hexdigest()


def vcard(document: str) -> str:
    """Payload of a vCard result: the document in DESC, and no other field."""
    return f"<vCard xmlns='{NS_VCARD}'><DESC>{escape(document)}</DESC></vCard>"


def channel_vcard(name: str, status: str, photo: str) -> str:
    """Payload of a vCard result for a channel of our own (XEP-0054)."""
    described = f"<DESC>{escape(status)}</DESC>" if status else ""
    return (
        f"<vCard xmlns='{NS_VCARD}'><FN>{escape(name)}</FN>"
        f"<NICKNAME>{escape(name)}</NICKNAME>{photo}{described}</vCard>"
    )


def photo(address: str, webp: bytes) -> str:
    """Picture of a vCard: itself, or else its address; empty without either."""
    if webp:
        encoded = base64.b64encode(webp).decode()
        return f"<PHOTO><TYPE>image/webp</TYPE><BINVAL>{encoded}</BINVAL></PHOTO>"
    return f"<PHOTO><EXTVAL>{escape(address)}</EXTVAL></PHOTO>" if address else ""


def vcard_get() -> str:
    return f"<vCard xmlns='{NS_VCARD}'/>"


def description(payload: str) -> str | None:
    """Text of DESC in a vCard; None when there is none."""
    return _vcard_text(payload, "DESC")


def description_is_note(payload: str) -> bool:
    """Whether a server has made NOTE of DESC, as Prosody's vcard_legacy does."""
    return description(payload) is None and _vcard_text(payload, "NOTE") is not None


def _vcard_text(payload: str, field: str) -> str | None:
    if not payload:
        return None
    found = ET.fromstring(payload).find(f"{{{NS_VCARD}}}{field}")  # noqa: S314  (from our own XMPP server)
    return None if found is None else found.text or ""


def ping() -> str:
    return f"<ping xmlns='{NS_PING}'/>"


def roster_get() -> str:
    return f"<query xmlns='{NS_ROSTER}'/>"


def roster_set(jid: str, name: str = "", groups: Iterable[str] = ()) -> str:
    """One roster item. ``subscription`` is left out: the server keeps it."""
    named = f" name='{attribute(name)}'" if name else ""
    inside = "".join(f"<group>{escape(group)}</group>" for group in groups)
    item = f"<item jid='{attribute(jid)}'{named}>{inside}</item>"
    return f"<query xmlns='{NS_ROSTER}'>{item}</query>"


def roster_entries(payload: str) -> list[RosterEntry]:
    """Items of a roster result's payload; none for an empty payload."""
    if not payload:
        return []
    query = ET.fromstring(payload)  # noqa: S314  (from our own XMPP server)
    return [
        RosterEntry(
            jid=item.get("jid", ""),
            name=item.get("name", ""),
            subscription=item.get("subscription", "none"),
            groups=tuple(
                group.text
                for group in item.iterfind(f"{{{NS_ROSTER}}}group")
                if group.text
            ),
        )
        for item in query.iterfind(f"{{{NS_ROSTER}}}item")
    ]


def payload(iq: ET.Element) -> str:
    """The first child of an IQ as text; empty when it has none."""
    return ET.tostring(iq[0], encoding="unicode") if len(iq) else ""


def payload_tag(iq: ET.Element) -> str | None:
    """Tag of an IQ request's only child, or None when it is malformed.

    Source: RFC 6120, 8.2.3: a request has exactly one child element.
    """
    return iq[0].tag if len(iq) == 1 else None


def condition(stanza: ET.Element) -> str:
    """The defined condition of a stanza error; empty when there is none."""
    for child in stanza.iter():
        namespace, name = _split(child.tag)
        if namespace == NS_ERRORS and name != "text":
            return name
    return ""


def privileges(message: ET.Element) -> dict[str, str] | None:
    """What the server lets us do (XEP-0356, "Server Advertises Entity...").

    ``access`` → ``type``, for example ``{"roster": "both"}``; None when the
    message is no advertisement. Both namespaces: Prosody and ejabberd differ.
    """
    for namespace in NS_PRIVILEGE:
        found = message.find(f"{{{namespace}}}privilege")
        if found is not None:
            return {
                perm.get("access", ""): perm.get("type", "")
                for perm in found.iter(f"{{{namespace}}}perm")
            }
    return None


# --- Service discovery, forms and searches (XEP-0030, XEP-0004, XEP-0055) --------


def disco_info(
    node: str, category: str, type: str, name: str, features: Iterable[str], more: str
) -> str:
    """What an entity is and does; ``more`` is a data form, or empty."""
    named = f" name='{attribute(name)}'" if name else ""
    identity = f"<identity category='{category}' type='{type}'{named}/>"
    can = "".join(f"<feature var='{feature}'/>" for feature in features)
    return f"<query xmlns='{NS_INFO}'{_node(node)}>{identity}{can}{more}</query>"


def disco_items(node: str, items: Iterable[Item]) -> str:
    """A list of entities, in their order; its end is missing when it is too long."""
    written = "".join(_up_to(LONGEST_LIST, map(_item, items)))
    return f"<query xmlns='{NS_ITEMS}'{_node(node)}>{written}</query>"


def _item(item: Item) -> str:
    named = f" name='{attribute(item.name)}'" if item.name else ""
    return f"<item jid='{attribute(item.jid)}'{_node(item.node)}{named}/>"


def _node(node: str) -> str:
    return f" node='{attribute(node)}'" if node else ""


def _up_to(most: int, parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        most -= len(part.encode())
        if most < 0:
            return
        yield part


def form(type: str, *fields: Field, title: str = "", instructions: str = "") -> str:
    """A data form of ``type`` ``form`` or ``result``."""
    heading = f"<title>{escape(title)}</title>" if title else ""
    told = f"<instructions>{escape(instructions)}</instructions>"
    return (
        f"<x xmlns='{NS_FORM}' type='{type}'>{heading}{told if instructions else ''}"
        f"{''.join(map(_field, fields))}</x>"
    )


def _field(field: Field) -> str:
    labelled = f" label='{attribute(field.label)}'" if field.label else ""
    lines = (f"<value>{escape(value)}</value>" for value in field.values)
    values = "".join(_up_to(LONGEST_LIST, lines))
    required = "<required/>" if field.required else ""
    return (
        f"<field var='{attribute(field.var)}' type='{field.type}'{labelled}>"
        f"{required}{values}</field>"
    )


def form_type(namespace: str) -> Field:
    """What a form is for (XEP-0068, "The FORM_TYPE Field")."""
    return Field("FORM_TYPE", "hidden", values=(namespace,))


def submitted(child: ET.Element) -> dict[str, list[str]] | None:
    """Values by field of the form in ``child``; None when no form was filled in."""
    found = child.find(f"{{{NS_FORM}}}x")
    if found is None or found.get("type") != "submit":
        return None
    return {
        field.get("var", ""): [
            value.text or "" for value in field.iterfind(f"{{{NS_FORM}}}value")
        ]
        for field in found.iterfind(f"{{{NS_FORM}}}field")
    }


def field_of(child: ET.Element, name: str) -> str | None:
    """Text of a field that stands in ``child`` without a form; None when not there."""
    return child.findtext(f"{{{_split(child.tag)[0]}}}{name}")


def search_fields(instructions: str, field: Field) -> str:
    """What can be searched by, as a form and as the field that older clients know."""
    fields = form_type(NS_SEARCH), field
    return (
        f"<query xmlns='{NS_SEARCH}'><instructions>{escape(instructions)}"
        f"</instructions><{field.var}/>"
        f"{form('form', *fields, instructions=instructions)}</query>"
    )


def search_table(columns: Sequence[Field], rows: Iterable[Sequence[str]]) -> str:
    """What a search has found, for a client that sent a form."""
    heading = "".join(map(_field, columns))
    items = "".join(_up_to(LONGEST_LIST, (_row(columns, row) for row in rows)))
    told = _field(form_type(NS_SEARCH))
    return (
        f"<query xmlns='{NS_SEARCH}'><x xmlns='{NS_FORM}' type='result'>{told}"
        f"<reported>{heading}</reported>{items}</x></query>"
    )


def _row(columns: Sequence[Field], row: Sequence[str]) -> str:
    cells = "".join(
        f"<field var='{column.var}'><value>{escape(value)}</value></field>"
        for column, value in zip(columns, row, strict=True)
    )
    return f"<item>{cells}</item>"


def search_items(found: Iterable[Item]) -> str:
    """What a search has found, for a client that sent none (XEP-0055, 2.1)."""
    items = "".join(_up_to(LONGEST_LIST, map(_found, found)))
    return f"<query xmlns='{NS_SEARCH}'>{items}</query>"


def _found(item: Item) -> str:
    name = escape(item.name)
    return (
        f"<item jid='{attribute(item.jid)}'><first>{name}</first><last/>"
        f"<nick>{name}</nick><email/></item>"
    )


# --- Ad-hoc commands (XEP-0050) -------------------------------------------------


def command_request(child: ET.Element) -> CommandRequest:
    """What is wanted of a command; a form that is cancelled cancels it."""
    form = child.find(f"{{{NS_FORM}}}x")
    cancelled = form is not None and form.get("type") == "cancel"
    return CommandRequest(
        action="cancel" if cancelled else child.get("action", ""),
        session=child.get("sessionid", ""),
        fields=submitted(child),
    )


def command_step(node: str, session: str, status: str, inside: str = "") -> str:
    """Where a command stands: ``executing``, ``completed`` or ``canceled``."""
    named = f" sessionid='{attribute(session)}'" if session else ""
    return (
        f"<command xmlns='{NS_COMMANDS}' node='{attribute(node)}'{named}"
        f" status='{status}'>{inside}</command>"
    )


def note(type: str, text: str) -> str:
    """A sentence for the person: ``info``, ``warn`` or ``error``."""
    return f"<note type='{type}'>{escape(text)}</note>"
