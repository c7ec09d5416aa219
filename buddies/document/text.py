"""What every door makes of a text before it is judged and stored.

Forms, the API, imports and the command line all call :func:`normal`, so that one text
is stored alike whichever way it comes. Applied twice, it changes nothing.

Source: decision 0041.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import normalize

from buddies.document.shape import relative

MAX_NORMALIZED = 2_000  # characters
_LINE_END = re.compile(r"\r\n?")
_BREAKS = re.compile("[\t\n\r\x85\u2028\u2029]+")
# Python's strip() would also drop control characters, which are refused.
_BLANKS = (
    "\t\n\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)


def _verbatim(text: str) -> str:
    """Text in which clients see spaces and line breaks: only line ends are unified."""
    return _LINE_END.sub("\n", text)


def _line(text: str) -> str:
    """One line: each run of line breaks and tabs is one blank; no blank outside."""
    return _BREAKS.sub(" ", text).strip(_BLANKS)


def _address(text: str) -> str:
    """One line, in the form in which equal addresses are equal (RFC 7622, 3.3.1)."""
    # A composed letter may be a blank (U+2000), but never the other way round.
    # What is far too long is refused; normalising it could take hours.
    return _line(normalize("NFC", text) if len(text) <= MAX_NORMALIZED else text)


def _picture(text: str) -> str:
    """One line; a picture of our own is stored without PUBLIC_URL."""
    return relative(_line(text))


NORMAL: Mapping[str, Callable[[str], str]] = {
    "address": _address,
    "server_address": _address,
    "name": _line,
    "status": _verbatim,
    "image_url": _picture,
    "thumb_url": _picture,
    "default_message": _verbatim,
}


def normal(field: str, value: Any) -> Any:
    """Return a model field's value as it is stored; what is no text, as it is."""
    convert = NORMAL.get(field)
    return convert(value) if convert and isinstance(value, str) else value
