"""What cannot be seen in a text is named."""

import pytest

from buddies.document.unseen import (
    is_visible,
    reveal,
    reveal_both,
    shapes,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Romeo ", "Romeo[space]"),
        ("  Romeo", "[space][space]Romeo"),
        ("Romeo  Montague", "Romeo [space]Montague"),
        ("Romeo\xa0M", "Romeo[no-break space]M"),
        ("Ro\u200bmeo", "Ro[zero-width space]meo"),
        ("a\r\nb\tc", "a[carriage return][line break]b[tab]c"),
        ("a \nb", "a[space][line break]b"),
        ("\ufeffa\u202eb\u2060", "[U+FEFF]a[U+202E]b[U+2060]"),
        ("a\u2028\u3164b", "a[U+2028][U+3164]b"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("a\u200db", "a[U+200D]b"),
        ("a\ufe0fb\u180b\U000e0100", "a[U+FE0F]b[U+180B][U+E0100]"),
        ("a\u2065\ufff0", "a[U+2065][U+FFF0]"),
        # These choose the form of a sign or a letter.
        ("\u2764\ufe0f\u200d🔥 1\ufe0f\u20e3", "\u2764\ufe0f\u200d🔥 1\ufe0f\u20e3"),
        ("葛\U000e0100城", "葛\U000e0100城"),
        ("Città – “x”", "Città – “x”"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_named(text, shown):
    assert reveal(text) == shown


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("Romeo", "Romeo ", ("Romeo", "Romeo[space]")),
        ("Roma", "R\u043ema", ("Roma", "R\u043e[U+043E]ma")),
        ("Citt\xe0", "Citta\u0300", ("Citt\xe0[U+00E0]", "Citta\u0300[U+0300]")),
        ("Città", "Romeo", ("Città", "Romeo")),
        ("città", "Città ", ("città", "Città[space]")),
        ("\u2764", "\u2764\ufe0f", ("\u2764[U+2764]", "\u2764[U+2764]\ufe0f[U+FE0F]")),
    ],
)
def test_two_texts_can_be_told_apart(old, new, shown):
    assert reveal_both(old, new) == shown


SPACES = f"… {'[space]' * 19}", f"… {'[space]' * 20}"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a" * 9, "b" * 10, ("a" * 9, "b" * 10)),
        ("a" * 99, "a" * 99 + "b", (f"…{'a' * 20}", f"…{'a' * 20}b")),
        ("a" * 99, "a" * 98 + "b", (f"…{'a' * 21}", f"…{'a' * 20}b")),
        ("b" + "a" * 99, "a" * 99, (f"b{'a' * 29}…", f"{'a' * 30}…")),
        (
            f"a{' ' * 50}",
            f"a{' ' * 51}",
            (f"… {'[space]' * 19}", f"… {'[space]' * 20}"),
        ),
    ],
)
def test_two_long_texts_are_shown_from_their_difference(old, new, shown):
    assert reveal_both(old, new, 30) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("romeo", "r\u043eme\u043e"),
        ("ROMEO", "R\u039f\u039c\u0395O"),
        ("romeo", "Romeo"),
        ("romeo", "rom eo\u200b"),
        ("romeo", "ｒｏｍｅｏ"),
        ("liam", "Iiam"),
        ("bot-10", "bot\u2010lo"),
        ("00393471111111", "393471111111"),
        ("00393471111111", "+393471111111"),
        ("caff\xe8", "caffe\u0300"),
        ("romeo", "romeo\ufe0f"),
        ("romeo", "ro\u180bmeo\U000e0100"),
        ("romeo", "romeo\u2065\ufff0"),
    ],
)
def test_look_alikes_have_a_shape_in_common(one, other):
    assert shapes(one) & shapes(other)


@pytest.mark.parametrize(
    ("one", "other"), [("mail", "mali"), ("100", "1000"), ("romeo", "rome"), ("ù", "u")]
)
def test_other_addresses_have_other_shapes(one, other):
    assert not shapes(one) & shapes(other)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\u200b", "\ufeff\u2060", "\u3164", "\u2800 \u00ad", "\ufe0f"),
        # Not assigned, and never to be drawn
        *("\u2065", "\ufff0", "\U000e0fff"),
    ],
)
def test_a_text_without_anything_to_see_is_not_visible(text):
    assert not is_visible(text)


@pytest.mark.parametrize(
    "text", ["a", ".", "0", "😀", "\ue000", "\U0010fffd", "\u0301"]
)
def test_every_other_text_is_visible(text):
    assert is_visible(text)
