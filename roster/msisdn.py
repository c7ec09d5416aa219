"""Phone numbers: any international spelling in, E.164 inside."""

import re
from functools import lru_cache

import phonenumbers
from django.conf import settings

from xmppservice import stanzas

_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]+")
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]{4,16})")


@lru_cache(maxsize=100_000)
def parse(text: str) -> str | None:
    """E.164 of an international number (``00…`` or ``+…``), or None.

    Spaces and punctuation are tolerated. A number without its country is None:
    there is no default region to guess it from.
    """
    found = _INTERNATIONAL.fullmatch(_PUNCTUATION.sub("", text))
    if found is None:
        return None
    # phonenumbers knows no 00: it is a prefix that only some countries dial.
    e164 = f"+{found[1]}"
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    return e164 if phonenumbers.is_possible_number(number) else None


def jid_of(number: str, domain: str) -> str:
    """The JID of an E.164 number, as the setting MSISDN_JID spells it."""
    spelling: str = settings.MSISDN_JID
    return spelling.format(number=number.removeprefix("+"), domain=domain)


def of_jid(jid: str) -> str | None:
    """E.164 of a bare JID whose localpart is a number in any spelling, or None."""
    return parse(stanzas.local(jid)) or _of_template(jid, stanzas.domain(jid))


def _of_template(jid: str, domain: str) -> str | None:
    before, _, after = settings.MSISDN_JID.partition("{number}")
    digits = jid.removeprefix(before).removesuffix(after.format(domain=domain))
    return parse(f"+{digits}") if digits.isdigit() else None


def contact_key(jid: str, domain: str) -> str:
    """What makes two roster items the same contact: the number, or the JID.

    Numbers are numbers only on the owner's own domain.
    """
    if stanzas.domain(jid) == domain:
        return of_jid(jid) or jid
    return jid
