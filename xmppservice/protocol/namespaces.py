"""The namespaces of the protocols that the service speaks, and their limits."""

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

# Longest id, thread, namespace and word that an answer repeats. Even escaped to
# six times their length they leave room for an answer's payload in one stanza.
MAX_FIELD = 1_000

# Bytes of a list in one stanza: what a client may send, and an account is one.
MAX_LIST_BYTES = 200_000
