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
        "\u202a+39 347 111 1111\u202c",
        "+39\u00ad347\u20091111111",
        "\u200e+39\u2066347\u20691111111\ufeff",
        "+39\ufe0f 347 1111111",
        "+39\u3000347\u2003\u205f1111111",
        "+39 347\r\n1111111",
        "tel:+39-347-1111111",
        "TEL: 0039 347 1111111",
        "+39\u2212347\u22121111111",
        "＋３９（３４７）１１１−１１１１",
        "+٣٩ ٣٤٧ ١١١ ١١١١",
        "۰۰۳۹۳۴۷۱۱۱۱۱۱۱",
        "+३९३४७१११११११",
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
        "+39347ⅷ1111111",
        "+39347²1111111",
        "+39347①1111111",
        "+39-347-FLOWERS",
        "tel:3471111111",
        "tel:tel:+393471111111",
        "tel:+393471111111;ext=5",
        "tel:3471111111;phone-context=+39",
        "+39347\u0000111111",
        "+39347\ud8001111111",
        "+393471111111 ext. 5",
        "+5215541637145",
        "+39112",
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
    @examples(max_examples=20)
    def there_and_back(last):
        number = f"+39347{last:07d}"
        assert msisdn.of_account(msisdn.jid_of(number, "localhost")) == number

    there_and_back()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("local", ["+393471111111", "00393471111111"])
def test_an_international_localpart_is_a_number_under_every_setting(
    settings, template, local
):
    settings.MSISDN_JID = template
    assert msisdn.contact_key(f"{local}@localhost", "localhost") == MARIO


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+49 (0)170 1234567", "+491701234567"),
        ("0049 0170 1234567", "+491701234567"),
        ("+44 (0)7911 123456", "+447911123456"),
        ("+36 06 30 123 4567", "+36301234567"),
        ("+54 11 15 2345 6789", "+5491123456789"),
        ("+7 8 912 345 67 89", "+79123456789"),
        ("+39 06 6982 1234", "+390669821234"),
        ("+39 (0)6 6982 1234", "+390669821234"),
        ("+1 (415) 555-2671", "+14155552671"),
        # Both forms of one line are numbers, and stay two.
        ("+5491123456789", "+5491123456789"),
        ("+541123456789", "+541123456789"),
        ("+5511999991234", "+5511999991234"),
        ("+551199991234", "+551199991234"),
    ],
)
def test_a_number_is_its_e164_form_without_the_trunk_prefix(typed, number):
    assert msisdn.parse(typed) == number
    assert msisdn.beginning(typed) == number


@given(st.from_regex(r"\+[1-9][0-9]{4,15}", fullmatch=True))
@examples(max_examples=200)
def test_the_form_of_a_number_is_its_own_form(text):
    number = msisdn.parse(text)
    assert number is None or msisdn.parse(number) == number


def test_a_number_and_no_other_key_is_a_number_by_its_type():
    assert isinstance(msisdn.read("+393471111111", "localhost").key, msisdn.Number)
    for odd in ("+5215541637145", "+39112", "+romeo"):
        contact = msisdn.read(odd, "localhost")
        assert contact == (f"{odd}@localhost",) * 3
        assert not isinstance(contact.key, msisdn.Number)


@pytest.mark.parametrize(
    ("typed", "jid"),
    [
        ("romeo", "romeo@localhost"),
        ("\u202aRomeo@LOCALHOST\u202c", "romeo@localhost"),
        ("\u200eromeo\u200f ", "romeo@localhost"),
        ("romeo@localhost.", "romeo@localhost"),
        ("romeo@elsewhere.example.", "romeo@elsewhere.example"),
        ("+393471111111@localhost", "00393471111111@localhost"),
        ("00-39-3471111111@localhost.", "00393471111111@localhost"),
        ("0039347‐1111111", "00393471111111@localhost"),
        ("+49 (0)170 1234567", "00491701234567@localhost"),
        ("004901701234567@localhost", "00491701234567@localhost"),
        ("+393471111111@elsewhere.example", "+393471111111@elsewhere.example"),
        ("localhost.", "localhost.@localhost"),
        ("@localhost", None),
        ("a b", None),
    ],
)
def test_every_typed_address_is_read_by_one_function(typed, jid):
    contact = msisdn.read(typed, "localhost")
    assert (contact.jid if contact else None) == jid


def test_the_former_key_of_a_number_has_the_digits_as_typed():
    assert msisdn.read("+49 (0)170 1234567", "localhost").former_key == "+4901701234567"
    assert msisdn.read("+491701234567", "localhost").former_key == "+491701234567"


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "jid", ["romeo@localhost", "localhost", "", "7@localhost", "u-7@localhost"]
)
def test_another_account_has_no_number(settings, template, jid):
    settings.MSISDN_JID = template
    assert msisdn.of_account(jid) is None
    assert msisdn.account_key(jid) == jid


@pytest.mark.parametrize(
    "local",
    [
        "393471111111",
        "3471111111",
        "+393471111111",
        "00-393471111111",
        "0039348‐5862473",
        "00 393471111111",
        "003934711111110000",
        "004901701234567",
        "00٣٩٣٤٧١١١١١١١",
    ],
)
def test_only_the_jid_made_of_a_number_stands_for_it(local: str):
    assert msisdn.of_account(f"{local}@localhost") is None


@pytest.mark.parametrize("between", ["\x0b", "\x0c", "\x1c", "\x1f", 60 * " "])
def test_characters_not_allowed_in_names_are_not_punctuation(between: str):
    assert msisdn.parse(f"0039347{between}1111111") is None
