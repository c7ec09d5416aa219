"""Hostile stanzas, as a client that is logged in can send them."""

from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from tests.service import SERVICE

__all__ = [
    "TEXT",
    "TOKEN",
    "WORD",
    "Case",
    "broken",
    "commands",
    "envelopes",
    "requests",
    "texts",
    "wild",
]

# Replaced by another text each time that a case is sent; its answer repeats it.
TOKEN = "TOKEN"
# No line of a log may contain it, nor a phone number.
WORD = "zanzibar"

ADD, SEARCH = "cmd_add_to_roster", "cmd_search_users"
NOBODY = '{"userList":["00393490777001"]}'

# Characters of a field that an answer repeats (contract, section 2).
MAX_FIELD_LENGTH = 1_000

# All that XML 1.0 can carry.
TEXT = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs"),
        include_characters="\t\n\r",
        exclude_characters="\ufffe\uffff",
    ),
    max_size=30,
)
LONG = st.builds(
    lambda text, times: text * times,
    st.sampled_from(["&", "'", "a", " ", "\U0001f600"]),
    st.sampled_from([990, 1_001, 30_000]),
)
ENTITIES = st.sampled_from(["&amp;", "&lt;x/&gt;", "]]>", "<![CDATA[", "&#0;", "%s{0}"])
WORDS = st.one_of(TEXT, ENTITIES, st.just(WORD), TEXT.map(lambda text: WORD + text))

NAMES = ["x", "type", "action", "payload", "body", "thread", "error", "query", "vCard"]
NAMES += ["ping", "privilege", "perm", "forwarded", "received", "sent", "result", "a"]
NAMES += ["item", "message", "iq", "presence", "delay", "ü", "x.y-z", "_"]
NAMESPACES = ["jabber:x:oob", "jabber:client", "jabber:component:accept", ""]
NAMESPACES += ["jabber:x:data", "jabber:iq:roster", "vcard-temp", "urn:xmpp:ping"]
NAMESPACES += ["urn:xmpp:privilege:1", "urn:xmpp:privilege:2", "urn:xmpp:forward:0"]
NAMESPACES += [
    "urn:xmpp:carbons:2",
    "urn:xmpp:mam:2",
    "http://etherx.jabber.org/streams",
]
NAMESPACES += ["http://jabber.org/protocol/disco#info", "jabber:iq:version", "urn:a b"]
NAMESPACES += [
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "a}b",
    "{a",
    "}",
    "&amp;",
    "'\"<>",
]
JIDS = [SERVICE, f"{SERVICE}/resource", f"somebody@{SERVICE}", f"a@b@{SERVICE}"]
JIDS += ["", "@", "/", "a@", "@localhost", "localhost", "ᴬ@localhost", "ſ@localhost/ſ"]
JIDS += ["xn--a@localhost", f"{'a' * 1_024}@localhost", "a b@localhost", "&@localhost"]
TYPES = ["chat", "normal", "headline", "groupchat", "error", "get", "set", "result"]
TYPES += ["subscribe", "subscribed", "unsubscribe", "probe", "unavailable", "CHAT", ""]
ATTRIBUTES = ["id", "type", "to", "jid", "node", "xml:lang", "a:b", "name", "ü"]


class Case(NamedTuple):
    """``xml`` to send; whether it must be answered, and whether it is malformed."""

    xml: str
    needs_answer: bool = False
    broken: bool = False


WAYS = st.sampled_from(["escaped", "cdata", "references"])


def _text(text: str, way: str) -> str:
    """``text`` in one of the ways to write it in XML."""
    match way:
        case "cdata":
            return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
        case "references" if len(text) < 1_000:
            return "".join(f"&#{ord(character)};" for character in text)
    return escape(text)


@st.composite
def _element(draw: st.DrawFn, names: list[str], depth: int = 2) -> str:
    name, namespace = draw(st.sampled_from(names)), draw(st.sampled_from(NAMESPACES))
    attributes = draw(
        st.dictionaries(st.sampled_from(ATTRIBUTES), _value(), max_size=2)
    )
    inside = st.one_of(st.builds(_text, WORDS, WAYS), st.just(""))
    if depth:
        inside = st.one_of(inside, _element(NAMES, depth - 1))
    children = draw(st.lists(inside, max_size=3))
    return _written(name, {"xmlns": namespace, **attributes}, "".join(children))


def _value() -> st.SearchStrategy[str]:
    return st.one_of(WORDS, st.sampled_from(JIDS), st.sampled_from(TYPES))


def _written(name: str, attributes: dict[str, str], inside: str) -> str:
    if "a:b" in attributes:
        attributes = {**attributes, "xmlns:a": "urn:a"}
    words = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{words}>{inside}</{name}>"


@st.composite
def wild(draw: st.DrawFn) -> Case:
    """Any stanza, to the service more often than not."""
    name = draw(st.sampled_from(["message", "iq", "presence"]))
    to = draw(st.one_of(st.just(SERVICE), st.just(SERVICE), st.sampled_from(JIDS)))
    type = draw(st.one_of(st.sampled_from(TYPES), TEXT))
    # A forged sender ends the stream, so it is rare.
    keys = st.sampled_from([*ATTRIBUTES, draw(st.sampled_from([*ATTRIBUTES, "from"]))])
    attributes = draw(st.dictionaries(keys, _value(), max_size=2))
    attributes |= {"to": to, "type": type, "id": TOKEN}
    children = draw(st.lists(_element(NAMES), max_size=3))
    inside = "".join(children) + draw(st.sampled_from(["", "", "", _deep(500)]))
    # For an account the server answers instead of the service.
    needs_answer = name == "iq" and type in ("get", "set") and to == SERVICE
    needs_answer = needs_answer and "from" not in attributes
    return Case(_written(name, attributes, inside), needs_answer)


DISCO = "http://jabber.org/protocol/disco"
COMMANDS = "http://jabber.org/protocol/commands"
QUERIES = [("query", f"{DISCO}#info"), ("query", f"{DISCO}#items")]
QUERIES += [
    ("query", "jabber:iq:search"),
    ("command", COMMANDS),
    ("vCard", "vcard-temp"),
]
FIELDS = ["numbers", "contacts", "nick", "first", "FORM_TYPE", ""]


@st.composite
def requests(draw: st.DrawFn) -> Case:
    """Requests of ordinary clients, with values that none of them would send."""
    name, namespace = draw(st.sampled_from(QUERIES))
    nodes = st.one_of(st.sampled_from([ADD, SEARCH, COMMANDS, ""]), WORDS, LONG)
    steps = st.sampled_from(["execute", "cancel", "prev", "next", "complete"])
    known = {"node": nodes, "sessionid": st.one_of(WORDS, LONG), "action": steps}
    attributes = draw(st.fixed_dictionaries({}, optional=known))
    inside = draw(st.one_of(_form(), _element([*FIELDS[:4], "x"], 1), st.just("")))
    asked = _written(name, {"xmlns": namespace, **attributes}, inside)
    type = draw(st.sampled_from(["get", "set", "set"]))
    to = draw(st.sampled_from([SERVICE, SERVICE, f"capulet@{SERVICE}"]))
    id = TOKEN + draw(st.one_of(st.just(""), st.just(""), TEXT, LONG))
    return Case(
        _written("iq", {"to": to, "type": type, "id": id}, asked), needs_answer=True
    )


@st.composite
def texts(draw: st.DrawFn) -> Case:
    """Messages of people, to the service or to a JID below it."""
    to = draw(st.sampled_from([SERVICE, f"liam@{SERVICE}", f"nobody@{SERVICE}/a"]))
    id = TOKEN + draw(st.one_of(st.just(""), TEXT, LONG))
    body = f"<body>{draw(st.builds(_text, WORDS, WAYS))}a</body>"
    inside = draw(_harmless()) + body + draw(_harmless())
    attributes = {"to": to, "id": id, **draw(_kind())}
    is_text = attributes.get("type") != "headline"
    return Case(_written("message", attributes, inside), needs_answer=is_text)


@st.composite
def _form(draw: st.DrawFn) -> str:
    """Source: XEP-0004."""
    lines = st.one_of(WORDS, LONG, st.just("00393490777001 \t(a"))
    fields = st.dictionaries(st.sampled_from(FIELDS), st.lists(lines, max_size=4))
    inside = "".join(
        _written(
            "field", {"var": var}, "".join(f"<value>{escape(v)}</value>" for v in vs)
        )
        for var, vs in draw(fields).items()
    )
    type = draw(st.sampled_from(["submit", "submit", "submit", "cancel", "form", ""]))
    return _written("x", {"xmlns": "jabber:x:data", "type": type}, inside)


def _deep(levels: int) -> str:
    return "<a>" * levels + "</a>" * levels


def envelopes() -> st.SearchStrategy[Case]:
    """Commands, known or not, in envelopes as strange as the contract allows."""
    known = st.sampled_from([ADD, SEARCH, "cmd_", "cmd_dance"])
    words = st.one_of(known, TEXT.map(lambda text: f"cmd_{text}"))
    return _enveloped(words, st.one_of(st.just(NOBODY), WORDS, LONG))


def commands(payloads: st.SearchStrategy[str]) -> st.SearchStrategy[Case]:
    """The two commands with ``payloads``."""
    return _enveloped(st.sampled_from([ADD, SEARCH]), payloads)


@st.composite
def _enveloped(
    draw: st.DrawFn, words: st.SearchStrategy[str], payloads: st.SearchStrategy[str]
) -> Case:
    """Source: contract, section 2."""
    word, payload = draw(words), draw(payloads)
    other = draw(st.sampled_from([word, "", "chat_text", f"\n {word}\t", ADD]))
    parts = [("type", word), ("action", other), ("payload", payload)]
    if draw(st.booleans()):
        parts = [("action", word), ("type", other), ("payload", payload)]
    inside = "".join(
        f"<{name}>{_text(text, draw(WAYS))}</{name}>" for name, text in parts
    )
    namespace = draw(_namespace())
    x = _written("x", namespace, inside + draw(_harmless()))
    attributes = {"to": SERVICE, **draw(_kind()), **draw(_id())}
    around = draw(_harmless()) + x + draw(st.one_of(_harmless(), _element(["x"])))
    thread = f"<thread>{TOKEN}</thread>"
    # Without an id, an error stanza could not be matched to its request.
    needs_answer = (
        "id" in attributes or len(namespace.get("xmlns", "")) <= MAX_FIELD_LENGTH
    )
    return Case(_written("message", attributes, around + thread), needs_answer)


def _namespace() -> st.SearchStrategy[dict[str, str]]:
    named = st.sampled_from(["jabber:x:oob", "urn:our:own", "'\"<>&", "jabber:client"])
    # Python's own parser, which our client uses, fails at a brace.
    other = TEXT.map(lambda text: "urn:" + text.translate({123: None, 125: None}))
    long = st.sampled_from(["u" * MAX_FIELD_LENGTH, "u" * (MAX_FIELD_LENGTH + 1)])
    given = st.one_of(named, named, other, long).map(lambda text: {"xmlns": text})
    return st.one_of(st.just({}), given)


def _kind() -> st.SearchStrategy[dict[str, str]]:
    types = st.sampled_from(["chat", "normal", "headline"])
    return st.one_of(st.just({}), types.map(lambda text: {"type": text}))


def _id() -> st.SearchStrategy[dict[str, str]]:
    ids = st.one_of(st.just(""), TEXT, ENTITIES, LONG)
    return st.one_of(st.just({}), ids.map(lambda text: {"id": TOKEN + text}))


def _harmless() -> st.SearchStrategy[str]:
    """An element that neither makes a message a command nor prevents it."""
    return st.one_of(st.just(""), _element(["a", "body", "query", "ü"], 1))


# Input that ends the stream of its client.
BROKEN = ["<message", "<message>", "</message>", "</stream:stream>", "<!-- c -->", "\0"]
BROKEN += [
    "<?pi ?>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><message>&b;</message>",
    "&nobody;",
]
BROKEN += [f"<message to='{SERVICE}' to='a'/>", "<a:message/>", "<x xmlns='urn:x'/>"]
BROKEN += [f"<message to='{SERVICE}'><body>\x0b</body></message>", "<message id='<'/>"]
BROKEN += [
    f"<message to='{SERVICE}'>{_deep(60_000)}</message>",
    "]]>",
    "\ufffe",
    "text",
]
BROKEN += [f"<message to='{SERVICE}' id='{'i' * 300_000}'/>", "<iq type='get'"]


def broken() -> st.SearchStrategy[Case]:
    return st.sampled_from(BROKEN).map(lambda xml: Case(xml, broken=True))
