"""Lists that fit in one stanza."""

from xml.etree import ElementTree as ET

from xmppservice.protocol import disco
from xmppservice.protocol.disco import Item
from xmppservice.protocol.namespaces import MAX_LIST_BYTES


def test_a_list_ends_before_a_stanza_is_too_long():
    items = [Item("à" * 500 + "@b") for _ in range(500)]
    written = disco.items("", items)
    assert len(written.encode()) > MAX_LIST_BYTES - 2000
    assert len(written.encode()) < MAX_LIST_BYTES + 200
    assert len(ET.fromstring(written)) == written.count("<item ")
