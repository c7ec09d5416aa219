"""aioxmpp: XSO classes for the envelope and the announcement, and its services."""

import json
from functools import partial

import aioxmpp
import aioxmpp.vcard
from aioxmpp import mdr, xso
from report import HOST, JID, PASSWORD, PORT, SERVICE, Arrivals, converse, run, say

COMMAND = "urn:xmppservice:command:1"
DOCUMENT = "urn:xmppservice:document:1"


class Command(xso.XSO):
    """The envelope of a command and of its answer."""

    TAG = COMMAND, "x"
    type_ = xso.ChildText((COMMAND, "type"), default=None)
    action = xso.ChildText((COMMAND, "action"), default=None)
    payload = xso.ChildText((COMMAND, "payload"), default=None)


class Document(xso.XSO):
    """The announcement of a document."""

    TAG = DOCUMENT, "document"
    hash_ = xso.Attr("hash", default=None)
    version = xso.Attr("version", type_=xso.Integer(), default=None)
    url = xso.Attr("url", default=None)


aioxmpp.Message.xmppservice_command = xso.Child([Command])
aioxmpp.Message.xmppservice_no_copy = xso.ChildFlag(("urn:xmpp:hints", "no-copy"))
aioxmpp.Presence.xmppservice_document = xso.Child([Document])

service = aioxmpp.JID.fromstr(SERVICE)
arrivals = Arrivals()


def new_client() -> aioxmpp.PresenceManagedClient:
    # In the clear: for a server on this machine, and for no other.
    security = aioxmpp.make_security_layer(PASSWORD)._replace(tls_required=False)
    peer = HOST, PORT, aioxmpp.connector.STARTTLSConnector()
    jid = aioxmpp.JID.fromstr(JID)
    return aioxmpp.PresenceManagedClient(jid, security, override_peer=[peer])


def on_message(message: aioxmpp.Message) -> None:
    if message.xmppservice_command:
        payload = json.loads(message.xmppservice_command.payload)
        arrivals.put(message.id_, payload)


def on_presence(presence: aioxmpp.Presence) -> None:
    if presence.from_.bare() == service and presence.xmppservice_document:
        arrivals.put("announcement", presence.xmppservice_document.hash_)


def on_tracked(state: aioxmpp.tracking.MessageState, _: object = None) -> None:
    if state == aioxmpp.tracking.MessageState.DELIVERED_TO_RECIPIENT:
        say(receipt=True)


async def document(client: aioxmpp.Client) -> str:
    """Return the text in the service's vCard."""
    vcard = await client.summon(aioxmpp.vcard.VCardService).get_vcard(service)
    return str(vcard.elements.findtext("{vcard-temp}DESC"))


async def command(
    client: aioxmpp.Client, word: str, payload: object, id: str
) -> object:
    message = aioxmpp.Message(to=service, type_=aioxmpp.MessageType.CHAT, id_=id)
    message.body[None] = ""
    message.xmppservice_command = Command()
    message.xmppservice_command.type_ = message.xmppservice_command.action = word
    message.xmppservice_command.payload = json.dumps(payload)
    message.xmppservice_no_copy = True
    tracker = client.summon(mdr.DeliveryReceiptsService).attach_tracker(message)
    tracker.on_state_changed.connect(on_tracked)
    await client.send(message)
    return await arrivals.next(id)


async def main() -> None:
    client = new_client()
    for one in (aioxmpp.vcard.VCardService, mdr.DeliveryReceiptsService):
        client.summon(one)
    client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(
        None, service, on_message
    )
    client.summon(aioxmpp.dispatcher.SimplePresenceDispatcher).register_callback(
        None, service, on_presence
    )
    async with client.connected():
        await converse(
            partial(document, client),
            partial(command, client),
            partial(client.summon(aioxmpp.RosterClient).subscribe, service),
            arrivals,
        )


run(main())
