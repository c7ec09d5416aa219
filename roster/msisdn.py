"""Phone numbers: any international spelling in, E.164 inside.

A contact has a key: its :class:`Number`, or else its bare JID.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

import phonenumbers
from django.conf import settings

from xmppservice.protocol.jids import bare_jid, domain_of, local_of

MAX_LENGTH = 64  # characters of a spelling
MAX_REMEMBERED = 50_000  # spellings: clients repeat theirs
MAX_OWNERS = 1_024  # remembered: some batches', whose JIDs may be long
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{4,17}")
_BEGINNING = re.compile(r"\+[1-9][0-9]{0,14}")
_ENDING = re.compile(r"[0-9]{6,14}")
_PREFIX = re.compile(r"(?:tel:)?(?:\+|00)(?=[1-9])", re.IGNORECASE)
_NUMBER = re.compile("(?:tel:)?[+0-9]", re.IGNORECASE)
# A spelling is echoed to the client and may become a name on a roster. The allowed
# characters are listed, so that control characters do not pass.
_DROPPED = frozenset("().-/\t\n\r\x85\u2212\uff08\uff09\uff0e\uff0f")
# Blanks, dashes, and what is invisible: format characters, variation selectors.
_DROPPED_CATEGORIES = frozenset(("Zs", "Zl", "Zp", "Pd", "Cf"))
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_FULL_WIDTH_PLUS = "\uff0b"
# Around a typed JID: blanks, and the marks of direction that phones add when copying.
_MARKS = r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"
_OUTER = re.compile(f"^{_MARKS}|{_MARKS}$")


class Number(str):
    """A phone number in E.164: ``+``, country code, number."""

    __slots__ = ()


class Contact(NamedTuple):
    """What a typed address stands for.

    ``key`` is a :class:`Number` or the JID. ``former_key`` is the key that it had
    before numbers were formatted as E.164 (decision 0043): the digits as typed.
    """

    key: str
    jid: str
    former_key: str


def parse(text: str) -> Number | None:
    """The number that an international spelling (``00…`` or ``+…``) stands for.

    Blanks, punctuation, invisible characters, ``tel:``, digits of any script and a
    trunk prefix, as in ``+49 (0)170 …``, are tolerated. None for anything else, also
    for a number without a country code: there is no default region. Two valid numbers
    of one line, such as Argentina's with and without a 9, are two numbers.

    Source: ITU-T E.164, as libphonenumber implements it.
    """
    return _parse(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _parse(text: str) -> Number | None:
    digits = _digits(text)
    if not _INTERNATIONAL.fullmatch(digits):
        return None
    number = _e164(digits)
    # What is left after a trunk prefix must be a number by itself.
    is_stable = number == digits or (number and _e164(number) == number)
    return Number(number) if number and is_stable else None


def _e164(digits: str) -> str | None:
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def beginning(text: str) -> str | None:
    """The beginning of a number in E.164, from any international spelling, or None."""
    if number := parse(text):
        return number
    digits = _digits(text) if len(text) <= MAX_LENGTH else ""
    return digits if _BEGINNING.fullmatch(digits) else None


def ending(text: str) -> str | None:
    """The digits of a number as it is written in its own country, without a leading 0.

    None for fewer than six digits, and for anything but a number.
    """
    plain = "".join(map(_plain, text)) if len(text) <= MAX_LENGTH else ""
    digits = plain.lower().removeprefix("tel:").lstrip("0")
    return digits if _ENDING.fullmatch(digits) else None


def _digits(text: str) -> str:
    """``+`` and the digits as typed; empty for anything but a number."""
    plain = "".join(map(_plain, text))
    prefix = _PREFIX.match(plain)
    return f"+{plain[prefix.end() :]}" if prefix else ""


def split(line: str) -> tuple[str, str]:
    """The number at the beginning of a line, and what follows it, such as a name.

    A number is as many words as consist of its digits, or of what :func:`parse` drops.
    Without one, the first text is empty.
    """
    words = re.finditer(r"\S+", line)
    end = max((word.end() for word in takewhile(_is_part, words)), default=0)
    begins = _NUMBER.match("".join(map(_plain, line[:end])))
    return (line[:end], line[end:].lstrip()) if begins else ("", line)


def _is_part(word: re.Match[str]) -> bool:
    text = word[0].lower().removeprefix("tel:") if not word.start() else word[0]
    return all(char in "+0123456789" for char in map(_plain, text))


@lru_cache(maxsize=4_096)
def _plain(char: str) -> str:
    """A character of a spelling, as ASCII; empty if it is no part of the number."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    is_dropped = char in _DROPPED or unicodedata.category(char) in _DROPPED_CATEGORIES
    if is_dropped or ord(char) in _VARIATION_SELECTORS:
        return ""
    return "+" if char == _FULL_WIDTH_PLUS else char


# --- Addresses ------------------------------------------------------------------------


def read(address: str, domain: str) -> Contact | None:
    """What a typed number, localpart of ``domain`` or JID stands for, or None."""
    if contact := read_number(address, domain):
        return contact
    jid = _typed_jid(address, domain)
    if jid is None:
        return None
    key = contact_key(jid, domain)
    if not isinstance(key, Number):
        return Contact(jid, jid, jid)
    return read_number(local_of(jid), domain) or Contact(key, jid_of(key, domain), key)


def read_number(text: str, domain: str) -> Contact | None:
    """What a typed number stands for, or None."""
    if len(text) > MAX_LENGTH:
        return None
    return _read_number(text, domain, settings.MSISDN_JID)


@lru_cache(maxsize=MAX_REMEMBERED)
def _read_number(text: str, domain: str, spelling: str) -> Contact | None:
    number = _parse(text)
    if number is None:
        return None
    jid = _spelled(number, domain, spelling)
    return Contact(number, jid, former_key=_digits(text))


def _typed_jid(address: str, domain: str) -> str | None:
    text = _OUTER.sub("", address)
    jid = bare_jid(text if "@" in text else f"{text}@{domain}")
    return jid if jid and local_of(jid) else None


def jid_of(number: str, domain: str) -> str:
    """The JID of an E.164 number, as the setting MSISDN_JID spells it."""
    return _spelled(number, domain, settings.MSISDN_JID)


def _spelled(number: str, domain: str, spelling: str) -> str:
    return spelling.format(number=number.removeprefix("+"), domain=domain)


def jid_of_key(key: str, domain: str) -> str:
    """The JID of a contact key of an owner in ``domain``."""
    return jid_of(key, domain) if isinstance(key, Number) else key


def of_account(jid: str) -> Number | None:
    """The number that an account stands for: only jid_of() of a number does."""
    return _of_account(jid, settings.MSISDN_JID)


@lru_cache(maxsize=MAX_OWNERS)
def _of_account(jid: str, spelling: str) -> Number | None:
    domain = domain_of(jid)
    number = _of_template(jid, domain, spelling)
    return number if number and _spelled(number, domain, spelling) == jid else None


def account_key(jid: str) -> str:
    """The contact key of an account."""
    return of_account(jid) or jid


def contact_key(jid: str, domain: str) -> str:
    """The contact key of an item on a roster, or of a typed JID.

    On the owner's own ``domain``, a localpart that is a number in any spelling counts
    as that number.
    """
    if domain_of(jid) != domain:
        return jid
    number = parse(local_of(jid)) or _of_template(jid, domain, settings.MSISDN_JID)
    return number or jid


def _of_template(jid: str, domain: str, spelling: str) -> Number | None:
    match = _template(spelling, domain).fullmatch(jid)
    return parse(f"+{match[1]}") if match else None


@lru_cache
def _template(spelling: str, domain: str) -> re.Pattern[str]:
    before, _, after = spelling.partition("{number}")
    return re.compile(
        f"{re.escape(before)}([0-9]+){re.escape(after.format(domain=domain))}"
    )
