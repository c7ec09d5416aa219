"""Presence, and what it says of the document."""

import json
from xml.etree import ElementTree as ET

import pytest

from xmppservice.protocol.live_document import LiveDocument, digest, photo
from xmppservice.protocol.presence import available, own

NAME = "{urn:xmppservice:document:1}document"
HASH = "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f"


def test_presence_names_the_document():
    live = LiveDocument(digest("{}"), 12, "https://b.example/?a'&b")
    presence = ET.fromstring(available(sender="s", to="r'@l", more=live.element()))
    assert presence.get("to") == "r'@l"
    assert presence.get("type") is None
    (document,) = presence
    assert document.tag == NAME
    assert document.attrib == {"hash": HASH, "version": "12", "url": live.url}


def test_a_document_that_is_not_public_has_no_url():
    live = LiveDocument(HASH, 12)
    assert ET.fromstring(live.element()).attrib == {"hash": HASH, "version": "12"}
    assert [field.var for field in live.fields()] == ["hash", "version"]


def test_the_older_form_says_whether_the_hash_is_known():
    """Source: XEP-0153, "User Publishes Avatar"."""
    update = ET.fromstring(photo(HASH))
    assert update.tag == "{vcard-temp:x:update}x"
    assert update.findtext("{vcard-temp:x:update}photo") == HASH
    assert len(ET.fromstring(photo(""))) == 0


@pytest.mark.parametrize("namespace", ["jabber:x:oob", "urn:xmppservice:command:1"])
def test_the_message_has_the_form_of_an_answer(namespace: str):
    xml = LiveDocument(HASH, 12).message("s", "r@l", namespace)
    x = ET.fromstring(xml).find(f"{{{namespace}}}x")
    parts = [(part.tag.partition("}")[2], part.text) for part in x]
    payload = json.dumps({"version": 12, "hash": HASH}, separators=(",", ":"))
    word = "vcard_updated"
    assert parts == [("type", word), ("action", word), ("payload", payload)]


def test_an_account_has_the_highest_priority():
    presence = ET.fromstring(own(LiveDocument(HASH, 12).element()))
    assert [(one.tag, one.text) for one in presence] == [
        ("priority", "127"),
        (NAME, None),
    ]
