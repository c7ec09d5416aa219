"""Normalising, splitting and escaping JIDs."""

import pytest

from xmppservice.protocol import jids
from xmppservice.protocol.jids import (
    bare_jid,
    domain_of,
    escape_localpart,
    local_of,
    parse_jid,
)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Romeo@LOCALHOST/Balcony", "romeo@localhost"),
        ("localhost", "localhost"),
        ("", None),
        ("@localhost", None),
        ("two words@localhost", None),
        ("a@b@c", None),
        ("\ud800@localhost", None),
    ],
)
def test_bare_jid(text: str, bare: str | None):
    assert bare_jid(text) == bare


def test_parts_of_a_jid():
    assert local_of("romeo@localhost") == "romeo"
    assert domain_of("romeo@localhost") == "localhost"
    assert domain_of("romeo@localhost/a phone @ home/2") == "localhost"
    assert (local_of("localhost"), domain_of("localhost")) == (
        "",
        "localhost",
    )


@pytest.mark.parametrize("text", ["u\u1d2cx@localhost", "\u1d2c@localhost"])
def test_a_jid_that_changes_when_normalised_again_is_invalid(text: str):
    assert parse_jid(text) is None


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("Liam", "liam"),
        ("d'artagnan", r"d\27artagnan"),
        ('a b"c&d/e:f<g>h@i', r"a\20b\22c\26d\2fe\3af\3cg\3eh\40i"),
        (r"c\user", r"c\user"),
        (r"c\20", r"c\5c20"),
        (" a", ""),
        ("a ", ""),
        ("", ""),
        ("a\nb", ""),
        ("x" * 1024, ""),
    ],
)
def test_an_address_as_a_localpart(text, local):
    assert escape_localpart(text) == local


@pytest.mark.parametrize(
    ("jid", "thread", "expected"),
    [
        ("liam@localhost", "", "xmpp:liam@localhost?message"),
        ("my@localhost", "atm_1", "xmpp:my@localhost?message;thread=atm_1"),
        ("a@b", "x y;z=&?", "xmpp:a@b?message;thread=x%20y%3Bz%3D%26%3F"),
        ("a\\20b@localhost", "", "xmpp:a%5C20b@localhost?message"),
        ("bot@other.example/a/b@c", "", "xmpp:bot@other.example/a%2Fb%40c?message"),
        ("caffè@città.example", "", "xmpp:caff%C3%A8@citt%C3%A0.example?message"),
        ("service.example", "", "xmpp:service.example?message"),
        ("a#b%c@[::1]", "", "xmpp:a%23b%25c@[::1]?message"),
    ],
)
def test_the_uri_of_a_jid(jid: str, thread: str, expected: str):
    assert jids.uri(jid, thread) == expected
