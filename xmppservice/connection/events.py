"""The events between the XMPP server and its ASGI application.

==================  =====================  ==========================================
event               from → to              carries
==================  =====================  ==========================================
xmpp.connected      server → application   which :class:`Rights` we have
xmpp.privileges     server → application   the same, when it has changed
xmpp.disconnected   server → application   why: all unconfirmed stanzas are lost
xmpp.message        server → application   one command, as :class:`Message`
xmpp.publish        application → server   the newest document, as :class:`Publish`
xmpp.published      server → application   its number: clients read it from now on
xmpp.send           application → server   answers, as :class:`Send`
xmpp.subscription   server → application   a subscriber, as :class:`Subscription`
xmpp.announce       application → server   the recipients, as :class:`Announce`
xmpp.account        server → application   registered or deleted, as :class:`Account`
==================  =====================  ==========================================

``xmpp.send`` and ``xmpp.announce`` return when the XMPP server has confirmed that it
took all their stanzas; they raise ``OSError`` when the stream is down or breaks.
The stream opens after the first ``xmpp.publish``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, NotRequired, TypedDict

# Marks ad-hoc commands, in place of a message's type.
ADHOC = "adhoc"
# Why a command is not taken, for its client.
OVERLOADED = "The service has too much to do now: repeat in a minute."


class Rights(TypedDict):
    """How rosters can be managed: by stanzas (XEP-0356), by our module for Prosody."""

    privileged: bool
    companions: list[str]  # the domains with the module


class Connected(Rights):
    """The stream is ready for stanzas."""

    type: Literal["xmpp.connected"]


class Privileges(Rights):
    """The XMPP server lets us do other things than before, during a session."""

    type: Literal["xmpp.privileges"]


class Disconnected(TypedDict):
    type: Literal["xmpp.disconnected"]
    reason: str


class Message(TypedDict):
    """A command as received: its sender, how to address the answer, its content."""

    type: Literal["xmpp.message"]
    sender: str  # full JID, as stamped by the server
    owner: str  # its bare JID
    id: str  # may be empty: then every command is new
    thread: str
    message_type: str
    namespace: str  # of ``x``; the answer uses the same
    envelope_type: str
    envelope_action: str
    command: str  # the ``cmd_*`` word; empty when the message names several
    payload: str
    receipt: NotRequired[str]  # its id, if the sender asks for a receipt
    arrived: NotRequired[float]  # when, as of time.monotonic()


class Answer(TypedDict):
    """An answer to one command, addressed to its sender."""

    to: str
    id: str
    thread: str
    message_type: str
    namespace: str
    envelope_type: str
    envelope_action: str
    payload: str
    key: NotRequired[int]  # row in the command queue
    received_at: NotRequired[datetime]  # when that command arrived
    refusal: NotRequired[str]  # why it was not taken: the text of a stanza error
    receipt: NotRequired[str]  # the id of a command that is now stored


class CatalogueEntry(NamedTuple):
    """A published group or channel, as clients without support for documents see it.

    ``parent`` is the address of its group, empty at the top level. ``to`` is the
    address to write to: a JID, or a localpart at the user's own domain; ``thread``
    is the thread to use. ``local`` is the localpart of a channel's own JID at the
    component. Fields without a value are empty, as all three are for a group.
    """

    address: str
    parent: str
    is_group: bool
    local: str
    to: str
    thread: str
    name: str
    status: str
    image: str  # a URL, as staff entered it
    thumb: bytes  # an uploaded picture as a small WEBP; empty without one


class Publish(TypedDict):
    type: Literal["xmpp.publish"]
    number: int
    document: str
    entries: Sequence[CatalogueEntry]  # of the document, in its order


class Published(TypedDict):
    type: Literal["xmpp.published"]
    number: int


class Send(TypedDict):
    type: Literal["xmpp.send"]
    answers: list[Answer]


class Subscription(TypedDict):
    """A user subscribes, comes online or unsubscribes."""

    type: Literal["xmpp.subscription"]
    jid: str  # bare
    announced: int | None  # the release announced; 0: none yet; None: unsubscribed


class Account(TypedDict):
    """The XMPP server has registered or deleted an account just now."""

    type: Literal["xmpp.account"]
    jid: str  # bare
    registered: bool


class Announce(TypedDict):
    """Tell bare JIDs which document clients read now."""

    type: Literal["xmpp.announce"]
    to: list[str]
    message: bool  # whether to send a message with the presence


def connected(*, privileged: bool, companions: Iterable[str] = ()) -> Connected:
    return {
        "type": "xmpp.connected",
        "privileged": privileged,
        "companions": sorted(companions),
    }


def privileges(*, privileged: bool, companions: Iterable[str] = ()) -> Privileges:
    return {
        "type": "xmpp.privileges",
        "privileged": privileged,
        "companions": sorted(companions),
    }


def disconnected(reason: str = "") -> Disconnected:
    return {"type": "xmpp.disconnected", "reason": reason}


def message(fields: Mapping[str, str]) -> Message:
    """Return the event of a command; ``fields`` has every key of :class:`Message`."""
    return {"type": "xmpp.message", **fields}  # type: ignore[typeddict-item]  # PEP 692 has no way to spread a mapping


def answer(request: Message, payload: str) -> Answer:
    """Build an answer and its address from the request: the only place that does."""
    return {
        "to": request["sender"],
        "id": request["id"],
        "thread": request["thread"],
        "message_type": request["message_type"],
        "namespace": request["namespace"],
        "envelope_type": request["envelope_type"],
        "envelope_action": request["envelope_action"],
        "payload": payload,
    }


def refusal(request: Message, text: str) -> Answer:
    """Say that a command was not taken, for now."""
    return {**answer(request, ""), "refusal": text}


def receipt(request: Message) -> Answer:
    """Say that a command is stored, if its sender asks for that."""
    return {**answer(request, ""), "receipt": request["receipt"]}


def send(answers: Iterable[Answer]) -> Send:
    return {"type": "xmpp.send", "answers": list(answers)}


def publish(number: int, document: str, entries: Sequence[CatalogueEntry]) -> Publish:
    return {
        "type": "xmpp.publish",
        "number": number,
        "document": document,
        "entries": entries,
    }


def published(number: int) -> Published:
    return {"type": "xmpp.published", "number": number}


def subscription(jid: str, number: int | None) -> Subscription:
    return {"type": "xmpp.subscription", "jid": jid, "announced": number}


def announce(to: Iterable[str], message: bool) -> Announce:
    return {"type": "xmpp.announce", "to": list(to), "message": message}


def account(jid: str, *, registered: bool) -> Account:
    return {"type": "xmpp.account", "jid": jid, "registered": registered}
