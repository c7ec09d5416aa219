"""What cannot be seen in a text is named."""

import pytest

from buddies.spreadsheet.unseen import reveal, reveal_both, shapes


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
    ],
)
def test_two_texts_can_be_told_apart(old, new, shown):
    assert reveal_both(old, new) == shown


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
    ],
)
def test_look_alikes_have_a_shape_in_common(one, other):
    assert shapes(one) & shapes(other)


@pytest.mark.parametrize(
    ("one", "other"), [("mail", "mali"), ("100", "1000"), ("romeo", "rome"), ("ù", "u")]
)
def test_other_addresses_have_other_shapes(one, other):
    assert not shapes(one) & shapes(other)
