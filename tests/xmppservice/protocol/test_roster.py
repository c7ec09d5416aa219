"""Roster items and privileges, read and written."""

from xml.etree import ElementTree as ET

import pytest

from xmppservice.protocol import roster
from xmppservice.protocol.namespaces import NS_PRIVILEGE
from xmppservice.protocol.roster import RosterItem


def test_roster_items_are_read_back_as_written():
    payload = roster.set_item("liam@localhost", "L'<i>", ["a&b", "c"])
    assert roster.items_of(payload) == [
        RosterItem("liam@localhost", "L'<i>", ("a&b", "c"))
    ]
    assert roster.items_of("") == []


@pytest.mark.parametrize("namespace", NS_PRIVILEGE)
def test_privileges_in_both_namespaces(namespace: str):
    perm = "<perm access='roster' type='both'/>"
    advertised = f"<privilege xmlns='{namespace}'>{perm}</privilege>"
    message = ET.fromstring(f"<message>{advertised}</message>")
    assert roster.privileges(message) == {"roster": "both"}
    assert roster.privileges(ET.fromstring("<message><body/></message>")) is None
