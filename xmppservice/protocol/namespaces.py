"""The XML namespaces of the service's protocols, and size limits."""

NS_XML = "http://www.w3.org/XML/1998/namespace"
NS_VCARD = "vcard-temp"
NS_DOCUMENT = "urn:xmppservice:document:1"  # its JSON Schema has the same name
NS_COMMAND = "urn:xmppservice:command:1"  # of ``x``; that of the seed is NS_OOB
NS_OOB = "jabber:x:oob"
NS_UPDATE = "vcard-temp:x:update"
NS_ROSTER = "jabber:iq:roster"
NS_PING = "urn:xmpp:ping"
NS_RECEIPTS = "urn:xmpp:receipts"
NS_HINTS = "urn:xmpp:hints"
NS_NO_REPLY = "urn:xmpp:noreply:0"  # XEP-0506
NS_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_COMPONENT = "jabber:component:accept"
NS_STREAM_DEFAULT = frozenset({NS_COMPONENT, "jabber:client", ""})
NS_INFO = "http://jabber.org/protocol/disco#info"
NS_ITEMS = "http://jabber.org/protocol/disco#items"
NS_SEARCH = "jabber:iq:search"
NS_COMMANDS = "http://jabber.org/protocol/commands"
NS_FORM = "jabber:x:data"
NS_COMPANION = "urn:xmppservice:roster:1"  # of mod_xmppservice
NS_PRIVILEGE = ("urn:xmpp:privilege:2", "urn:xmpp:privilege:1")

# Characters of the longest id, thread, namespace or word that an answer repeats. Even
# escaped to six times their length they leave room for a payload in one stanza.
MAX_FIELD = 1_000

# Bytes of the longest id that an error repeats, escaped: an error has little else.
MAX_ID_BYTES = 200_000

# Bytes of a list in one stanza: within a client's limit, because an account is one.
MAX_LIST_BYTES = 200_000
