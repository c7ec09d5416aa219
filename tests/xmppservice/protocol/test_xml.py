"""What is escaped, and what no XML can carry."""

import pytest

from xmppservice.protocol import vcard
from xmppservice.protocol.xml import illegal_character


def test_quotes_in_text_are_not_escaped():
    assert vcard.of_document('{"a":"<&>"}') == (
        '<vCard xmlns=\'vcard-temp\'><DESC>{"a":"&lt;&amp;&gt;"}</DESC></vCard>'
    )


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_carry_is_found(bad: str):
    assert illegal_character(f"a{bad}b") == bad


@pytest.mark.parametrize("good", ["", "\t\n\r", "\x7f\x85", "\ufffd", "🎉"])
def test_what_xml_can_carry_is_not(good: str):
    assert illegal_character(good) == ""
