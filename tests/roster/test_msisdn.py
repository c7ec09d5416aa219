"""Phone numbers: any international spelling in, E.164 inside."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from roster import msisdn

MARIO = "+393471111111"
TEMPLATES = [
    "00{number}@{domain}",
    "{number}@{domain}",
    "+{number}@{domain}",
    "u{number}@{domain}",
    "{number}@phones.example.org",
]


@pytest.mark.parametrize(
    "spelling",
    [
        "00393471111111",
        "+393471111111",
        "+39 347 111 11 11",
        "0039-347-1111111",
        "(+39) 347.111/1111",
        " +39\u00a0347\u20111111111\t",
        "0 0 3 9 3471111111",
    ],
)
def test_every_spelling_of_a_number_is_parsed(spelling):
    assert msisdn.parse(spelling) == MARIO


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "00",
        "romeo",
        "3471111111",
        "393471111111",
        "0393471111111",
        "+0393471111111",
        "++393471111111",
        "+00393471111111",
        "+39",
        "+39347111111111111111",
        "+999123456789",
        "+3934711111111111",
        "+39347",
        "0039abc",
        "+39347١١١١١١١",
        "+393471111111 ext. 5",
        "00393471111111@localhost",
    ],
)
def test_text_that_is_not_an_international_number_gives_none(text):
    assert msisdn.parse(text) is None


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("+39 (347) 111-11.11", MARIO),
        ("00393471111111", MARIO),
        ("(0039) 34", "+3934"),
        ("+3", "+3"),
        ("+", None),
        ("00", None),
        ("000", None),
        ("39347", None),
        ("0039347x", None),
        ("+3934711111111111", None),
        ("00393471111111@localhost", None),
        ("+39" + " " * 62 + "3", None),
    ],
)
def test_the_beginning_of_a_number_may_be_spelled_as_a_number(text, beginning):
    assert msisdn.beginning(text) == beginning


@pytest.mark.parametrize(
    ("template", "jid"),
    [
        ("00{number}@{domain}", "00393471111111@localhost"),
        ("{number}@{domain}", "393471111111@localhost"),
        ("+{number}@{domain}", "+393471111111@localhost"),
        ("{number}@phones.example.org", "393471111111@phones.example.org"),
    ],
)
def test_the_jid_of_a_number_is_spelled_by_a_setting(settings, template, jid):
    settings.MSISDN_JID = template
    assert msisdn.jid_of(MARIO, "localhost") == jid


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_jid_of_a_number_gives_the_number_back(settings, template):
    settings.MSISDN_JID = template

    @given(st.integers(0, 9_999_999))
    @examples(max_examples=20, deadline=None, database=None)
    def there_and_back(last):
        number = f"+39347{last:07d}"
        assert msisdn.of_jid(msisdn.jid_of(number, "localhost")) == number

    there_and_back()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("local", ["+393471111111", "00393471111111"])
def test_an_international_localpart_is_a_number_under_every_setting(
    settings, template, local
):
    settings.MSISDN_JID = template
    assert msisdn.of_jid(f"{local}@localhost") == MARIO


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "jid", ["romeo@localhost", "localhost", "", "7@localhost", "u-7@localhost"]
)
def test_another_jid_has_no_number(settings, template, jid):
    settings.MSISDN_JID = template
    assert msisdn.of_jid(jid) is None


@pytest.mark.parametrize("jid", ["393471111111@localhost", "3471111111@localhost"])
def test_digits_outside_the_template_are_not_a_number(jid: str):
    assert msisdn.of_jid(jid) is None


@pytest.mark.parametrize("between", ["\x0b", "\x0c", "\x1c", "\x1f", "\n", 60 * " "])
def test_characters_not_allowed_in_names_are_not_punctuation(between: str):
    assert msisdn.parse(f"0039347{between}1111111") is None
