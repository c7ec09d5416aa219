"""Presence and the document's digest."""

from xml.etree import ElementTree as ET

from xmppservice.protocol.presence import available, digest, own


def test_presence_names_the_document():
    xml = available(sender="s", to="r'@l", digest=digest("{}"))
    presence = ET.fromstring(xml)
    assert presence.get("to") == "r'@l"
    assert presence.get("type") is None
    photo = presence.findtext("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
    assert photo == "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f"


def test_presence_without_a_document_has_no_photo():
    (_, update) = ET.fromstring(own(""))
    assert update.tag == "{vcard-temp:x:update}x"
    assert list(update) == []
