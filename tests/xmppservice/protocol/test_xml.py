"""Escaping, and characters that XML forbids."""

import pytest

from xmppservice.protocol import vcard
from xmppservice.protocol.xml import illegal_character


def test_quotes_in_text_are_not_escaped():
    assert vcard.of_document('{"a":"<&>"}') == (
        '<vCard xmlns=\'vcard-temp\'><DESC>{"a":"&lt;&amp;&gt;"}</DESC></vCard>'
    )


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_forbidden_characters_are_found(bad: str):
    assert illegal_character(f"a{bad}b") == bad


@pytest.mark.parametrize("good", ["", "\t\n\r", "\x7f\x85", "\ufffd", "🎉"])
def test_allowed_characters_are_not_found(good: str):
    assert illegal_character(good) == ""
