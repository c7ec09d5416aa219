"""Phone numbers: any international spelling in, E.164 inside."""

import re
from functools import lru_cache

import phonenumbers
from django.conf import settings

from xmppservice.protocol.jids import domain_of, local_of

# A spelling is echoed to the client and may become a name on a roster. The allowed
# punctuation is listed, so that control characters do not pass.
_PUNCTUATION = re.compile("[ \t().\\-/\u00a0\u2010-\u2015\u202f]+")
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]{4,16})")
_BEGINNING = re.compile(r"(?:\+|00)([1-9][0-9]{0,14})")


MAX_LENGTH = 64  # characters of a spelling


def parse(text: str) -> str | None:
    """E.164 of an international number (``00…`` or ``+…``), or None.

    Spaces and punctuation are tolerated. A number without a country code gives
    None: there is no default region.
    """
    return _parse(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=100_000)
def _parse(text: str) -> str | None:
    match = _INTERNATIONAL.fullmatch(_PUNCTUATION.sub("", text))
    if match is None:
        return None
    # phonenumbers does not accept 00, which only some countries dial.
    e164 = f"+{match[1]}"
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    return e164 if phonenumbers.is_possible_number(number) else None


def beginning(text: str) -> str | None:
    """The beginning of a number in E.164, from any international spelling, or None."""
    if len(text) > MAX_LENGTH:
        return None
    match = _BEGINNING.fullmatch(_PUNCTUATION.sub("", text))
    return f"+{match[1]}" if match else None


def jid_of(number: str, domain: str) -> str:
    """The JID of an E.164 number, as the setting MSISDN_JID spells it."""
    spelling: str = settings.MSISDN_JID
    return spelling.format(number=number.removeprefix("+"), domain=domain)


def of_jid(jid: str) -> str | None:
    """E.164 of a bare JID whose localpart is a number in any spelling, or None."""
    return parse(local_of(jid)) or _of_template(jid, domain_of(jid))


def _of_template(jid: str, domain: str) -> str | None:
    match = _template(settings.MSISDN_JID, domain).fullmatch(jid)
    return parse(f"+{match[1]}") if match else None


@lru_cache
def _template(spelling: str, domain: str) -> re.Pattern[str]:
    before, _, after = spelling.partition("{number}")
    return re.compile(
        f"{re.escape(before)}([0-9]+){re.escape(after.format(domain=domain))}"
    )


def contact_key(jid: str, domain: str) -> str:
    """The key that identifies a contact on a roster: the number, or the JID.

    A localpart is read as a number only on the owner's own domain.
    """
    if domain_of(jid) == domain:
        return of_jid(jid) or jid
    return jid
