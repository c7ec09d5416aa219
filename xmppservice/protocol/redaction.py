"""Replacements for JIDs, for clients' own text and for requests' paths in logs."""

import logging
import re

from django.utils.crypto import salted_hmac

from xmppservice.protocol.jids import domain_of


def alias(jid: str) -> str:
    """Return a JID's alias for logs: always the same, but without a phone number.

    Keyed with SECRET_KEY, because all phone numbers could be tried out.
    """
    name = salted_hmac("xmppservice.log", jid.partition("/")[0]).hexdigest()[:12]
    return f"{name}@{domain_of(jid.partition('/')[0])}"


_HARMLESS = re.compile(r"(?!.*\d{6})[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.I)


def shown(text: str) -> str:
    """Return a client's id or command word for logs: unchanged if harmless.

    Other text becomes an alias: it may be a phone number or a forged line of the log.
    """
    if not text or _HARMLESS.match(text) or _UUID.match(text):
        return text
    return _short_alias(text)


def _short_alias(text: str) -> str:
    return "~" + salted_hmac("xmppservice.log", text).hexdigest()[:12]


# --- Requests ---------------------------------------------------------------------

# Django, and the web servers: their lines name a request's path, or quote the request.
_REQUEST_LOGGERS = (
    "django.request",
    "django.security",
    "django.server",
    "granian.access",
    "uvicorn",
)
# Neither "+" nor "@", and nothing encoded: "%" and Django's own "\\u" are refused, too.
_PLAIN = re.compile(r"[A-Za-z0-9 _.,:;'\"()-]*\Z", re.ASCII)
_ALIAS = re.compile(r"~[0-9a-f]{12}\Z", re.ASCII)
_KEY = re.compile(r"[1-9]\d{0,7}\Z", re.ASCII)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(
    rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?::\d+)?(?![\d.])", re.ASCII
)
MAX_DIGITS = 6  # in one part of a path, unless it is a row's key
# What follows is a channel's address, to the end of the path: it may have slashes.
CHANNEL_PAGES = "/c/"
_CHANNEL_PAGE = re.compile(
    rf"((?:\A|\s)/*{CHANNEL_PAGES})(.+?)((?:\s+HTTP/[\d.]+)?\Z)", re.DOTALL
)


def masked(text: str) -> str:
    """Return a path, or a sentence that quotes a request, without numbers and JIDs.

    Whatever may be one becomes an alias, up to the next slash, and so does the address
    of a channel; a query is left out.
    """
    path, question_mark, _ = text.partition("?")
    parts = "/".join(map(_masked_part, path.split("/")))
    parts = _CHANNEL_PAGE.sub(_masked_page, parts)
    return f"{parts}?…" if question_mark else parts


def _masked_page(page: re.Match[str]) -> str:
    before, address, after = page.groups()
    is_masked = _ALIAS.match(address)
    return before + (address if is_masked else _short_alias(address)) + after


def _masked_part(part: str) -> str:
    if _ALIAS.match(part) or _KEY.match(part):
        return part
    digits = sum(map(str.isdigit, _IPV4.sub("", part)))
    is_harmless = _PLAIN.match(part) and digits <= MAX_DIGITS
    return part if is_harmless else _short_alias(part)


class RequestFilter(logging.Filter):
    """Mask what lines of Django and of the web servers quote from a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_REQUEST_LOGGERS):
            return True
        args = record.args
        if isinstance(args, tuple):
            record.args = tuple(map(_masked_arg, args))
        elif args:
            record.args = {
                name: value if name in ("time", "addr") else _masked_arg(value)
                for name, value in args.items()
            }
        if record.name.startswith("django.security") and not record.args:
            record.msg = masked(str(record.msg))  # the text of an exception
        return True


def _masked_arg(arg: object) -> object:
    return masked(arg) if isinstance(arg, str) else arg
