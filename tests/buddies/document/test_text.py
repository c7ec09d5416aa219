"""What every door makes of a text."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddies.document.text import NORMAL, normal

VERBATIM = ("status", "default_message")
LINES = ("name", "image_url", "thumb_url")
ADDRESSES = ("address", "server_address")


def each(*fields: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("field", fields)


@each(*VERBATIM)
@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("\r\r\n\n", "\n\n\n"),
        (" a \t", " a \t"),
        (r"\n beside" + "\n", r"\n beside" + "\n"),
        ("a\u2028b\x85", "a\u2028b\x85"),
        ("e\u0301 \ufa19", "e\u0301 \ufa19"),
    ],
)
def test_a_text_of_many_lines_changes_its_line_ends_only(field, text, stored):
    assert normal(field, text) == stored


@each(*LINES, *ADDRESSES)
@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("\u00a0 Romeo \u3000\r\n", "Romeo"),
        ("Romeo\r\n\tMontague", "Romeo Montague"),
        ("Romeo\u2028Montague\x85", "Romeo Montague"),
        ("Romeo  Montague", "Romeo  Montague"),
        (" \t\n ", ""),
        # Refused by the judgement, and so not to be dropped before it.
        ("\x0bRomeo\x1f", "\x0bRomeo\x1f"),
        # Persian and families need these inside a word.
        (
            "\u200fمی\u200cخواهم 👨\u200d👩\u200d👧",
            "\u200fمی\u200cخواهم 👨\u200d👩\u200d👧",
        ),
    ],
)
def test_a_text_of_one_line_has_no_line_break_and_no_blank_outside(field, text, stored):
    assert normal(field, text) == stored


def test_only_addresses_are_composed():
    assert normal("address", " cafe\u0301") == "café"
    assert normal("name", "cafe\u0301") == "cafe\u0301"
    # Composing would change a letter of somebody's name.
    assert normal("name", "\ufa19") == "\ufa19" != normalize("NFC", "\ufa19")


def test_an_own_picture_is_stored_without_the_public_address(settings):
    settings.PUBLIC_URL = "https://chat.example"
    assert normal("image_url", " https://chat.example/media/a.webp") == "/media/a.webp"
    assert normal("thumb_url", "https://chat.example/a") == "https://chat.example/a"
    assert normal("status", "https://chat.example/media/a").startswith("https")


@pytest.mark.parametrize("value", [None, 7, True, ["\r"]])
def test_other_values_and_fields_are_left_alone(value):
    assert normal("name", value) == value
    assert normal("type", " group\r") == " group\r"


@each(*NORMAL)
@given(text=st.text(st.characters() | st.sampled_from(" \r\n\t\u0301\u2000\x85")))
def test_a_second_pass_changes_nothing(field, text):
    once = normal(field, text)
    assert normal(field, once) == once
