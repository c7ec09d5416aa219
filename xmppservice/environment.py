"""Read and validate environment variables, with one function per type.

Each variable, its meaning and its default: docs/configuration.md.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class Environment(FileAwareMapping):
    """Read NAME from the file that NAME_FILE names, without a trailing newline."""

    def __getitem__(self, name: str) -> str:
        try:
            text: str = super().__getitem__(name)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "Not a UTF-8 text file"
            raise ImproperlyConfigured(f"{name}_FILE: {reason}.") from None
        return text.rstrip("\r\n")


env = environ.Env()
env.ENVIRON = Environment()

PLACEHOLDER = "change-me"  # in deploy/

DATABASES = ("sqlite", "postgres", "postgresql")
_EXAMPLES = {
    "sentinel": "sentinel://HOST,HOST/0?master=NAME",
    "redis+socket": "redis+socket:///FILE",
    "unix": "unix:///FILE",
}

MOST, MOST_DIGITS = 10**12, 100  # of a number
MOST_DAYS = 36_500  # a century

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def text(name: str, default: str) -> str:
    """Read a text unchanged."""
    value: str = env.str(name, default=default)
    return value


def path(name: str, default: Path) -> Path:
    """Read the path of a folder; an empty one is the default, not where we are."""
    return Path(env.str(name, default="").strip() or default).resolve()


def colour(name: str) -> str:
    """Read a colour such as #0f766e; empty without one."""
    word = text(name, "").strip().lower()
    if word and not re.fullmatch(r"#[\da-f]{6}", word):
        raise ImproperlyConfigured(f"{name} must be like #0f766e, not {word!r}.")
    return word


def picture(name: str) -> str:
    """Read the path of a picture that a browser shows; empty without one."""
    word = text(name, "").strip()
    if not word:
        return ""
    file = Path(word).resolve()
    if file.suffix.lower() not in (".svg", ".png", ".webp"):
        raise ImproperlyConfigured(f"{name} must be an SVG, PNG or WEBP file.")
    try:
        file.read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {error.strerror}.") from None
    return str(file)


def _words(name: str, default: str = "") -> list[str]:
    """Read words, separated by commas, without blanks around them."""
    words = (word.strip() for word in text(name, default).split(","))
    return [word for word in words if word]


def boolean(name: str, default: bool) -> bool:
    """Read ``true`` or ``false``; anything else stops the start."""
    word: str = env.str(name, default=str(default)).lower()
    if word not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} must be true or false, not {word!r}.")
    return word == "true"


def integer(name: str, default: int, most: int = MOST) -> int:
    """Read a whole number of zero or more."""
    word = env.str(name, default=str(default))
    if not _is_digits(word):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {word!r}.")
    if len(word) > MOST_DIGITS or int(word) > most:
        raise ImproperlyConfigured(f"{name} must be at most {most}.")
    return int(word)


def days(name: str, default: int) -> int:
    """Read a number of days that can be subtracted from any date."""
    return integer(name, default, MOST_DAYS)


def port(name: str, default: int) -> int:
    """Read the number of a TCP port."""
    number = integer(name, default)
    if not 0 < number < 65536:
        raise ImproperlyConfigured(f"{name} must be a port, 1 to 65535, not {number}.")
    return number


def host(name: str, default: str) -> str:
    """Read the name or the address of a host."""
    word: str = env.str(name, default=default).strip()
    if not _is_name(word):
        raise ImproperlyConfigured(f"{name} must be a host, not {word!r}.")
    return word


def _is_name(word: str) -> bool:
    try:
        return bool(word.encode("idna")) and not re.search(r"[\s/@]", word)
    except UnicodeError:  # such as an empty part
        return False


def hosts(name: str, default: str) -> list[str]:
    """Read hosts that requests may name; .DOMAIN is all below it, * is any."""
    words = _words(name, default)
    for word in words:
        is_address = re.fullmatch(r"\[[\da-fA-F:.]+\]", word)
        is_name = _is_name(word.removeprefix(".")) and ":" not in word
        if not (is_address or is_name):
            expected = "buddies.example.org, without a scheme or a port"
            raise ImproperlyConfigured(f"{name} must be like {expected}, not {word!r}.")
    return words


def networks(name: str, default: str) -> list[str]:
    """Read addresses and networks; * is any."""
    words = _words(name, default)
    for word in words:
        try:
            if word != "*":
                ip_network(word)
        except ValueError:
            expected = "addresses or networks such as 10.0.0.0/8, or *"
            raise ImproperlyConfigured(
                f"{name} must be {expected}, not {word!r}."
            ) from None
    return words


def level(name: str, default: str) -> str:
    """Read the name of a log level, in upper or lower case."""
    word: str = env.str(name, default=default).upper()
    if word not in LEVELS:
        expected = ", ".join(LEVELS)
        raise ImproperlyConfigured(f"{name} must be one of {expected}, not {word!r}.")
    return word


def word(name: str, default: str, *others: str) -> str:
    """Read one of several words."""
    text: str = env.str(name, default=default).strip().lower()
    if text not in (default, *others):
        expected = " or ".join((default, *others))
        raise ImproperlyConfigured(f"{name} must be {expected}, not {text!r}.")
    return text


def domains(name: str, default: str) -> list[str]:
    """Read domains, separated by commas."""
    return [word.lower() for word in _words(name, default)]


def url(name: str, default: str, example: str = "https://buddies.example.org") -> str:
    """Read an HTTP URL without a trailing slash; it may be empty if that is default."""
    text: str = env.str(name, default=default).strip()
    if text != default and not _is_url(text, "https?", "(/[\\w.~%-]+)*"):
        expected = f"{example}, without a trailing slash"
        raise ImproperlyConfigured(f"{name} must be like {expected}, not {text!r}.")
    return text


def _is_url(text: str, scheme: str, path: str = "") -> bool:
    parts = re.fullmatch(rf"{scheme}://([\w.:\[\]-]+){path}", text, re.ASCII)
    return parts is not None and _is_address(parts[1])


def origins(name: str, *, wildcard: str) -> list[str]:
    """Read origins of web pages; ``wildcard`` is how several are written."""
    words = _words(name)
    for word in words:
        # Below a domain: as in Django's CSRF_TRUSTED_ORIGINS.
        one = word.replace("://*.", "://") if "://" in wildcard else word
        if word != wildcard and not _is_url(one, "https?"):
            expected = (
                f"https://shop.example.org, without a trailing slash, or {wildcard}"
            )
            raise ImproperlyConfigured(f"{name} must be like {expected}, not {word!r}.")
    return words


def contacts(name: str) -> list[str]:
    """Read addresses of people or rooms, as URIs, separated by commas."""
    uris = _words(name)
    for uri in uris:
        if not re.fullmatch(r"(mailto:|xmpp:|https?://)[!-~]{1,1000}", uri):
            expected = (
                "mailto:help@example.org, xmpp:help@example.org or https://example.org"
            )
            raise ImproperlyConfigured(f"{name} must be like {expected}, not {uri!r}.")
    return uris


def websocket(name: str) -> str:
    """Read the URL of a WebSocket; empty when not set."""
    text: str = env.str(name, default="").strip()
    if text and not _is_url(text, "wss?", "(/[\\w.~%-]*)*"):
        expected = "wss://xmpp.example.org:5281/xmpp-websocket"
        raise ImproperlyConfigured(f"{name} must be like {expected}, not {text!r}.")
    return text


def zone(name: str, default: str) -> str:
    """Read the name of a time zone."""
    word: str = env.str(name, default=default).strip()
    if word not in available_timezones():
        expected = "Europe/Rome"
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as {expected}, not {word!r}."
        )
    return word


def is_set(name: str) -> bool:
    """Whether a variable has a value, or a file with it."""
    return bool(env.str(name, default=""))


def database(name: str, default: str) -> dict[str, Any]:
    """Read the URL of a database. Errors omit it: it may hold a password."""
    parts: dict[str, Any] = {}
    try:
        if env.str(name, default=default).partition(":")[0] in DATABASES:
            parts = env.db_url(name, default=default)
    except ValueError:  # such as that of a port that is no number
        pass
    has_name = parts.get("NAME") or "service" in parts.get("OPTIONS", {})
    if not has_name or re.search("\0|^:memory:$", parts["NAME"]):
        expected = "sqlite:///FILE or postgres://USER:PASSWORD@HOST:PORT/NAME"
        raise ImproperlyConfigured(
            f"{name} must be like {expected}, with a port of 1 to 65535."
        )
    # As libpq does: a host that is a folder is that of a socket.
    parts["HOST"] = unquote(parts.get("HOST", ""))
    return parts


def transport(name: str, default: str, *schemes: str) -> str:
    """Read the URL of a message broker. Errors omit it: it may hold a password."""
    text: str = env.str(name, default=default).strip() or default
    if text != default and not _is_transport(text, schemes):
        expected = " or ".join(_EXAMPLES.get(one, f"{one}://HOST") for one in schemes)
        raise ImproperlyConfigured(
            f"{name} must be like {expected}, with ports of 1 to 65535 and a database "
            "that is a number."
        )
    return text


def _is_transport(text: str, schemes: tuple[str, ...]) -> bool:
    scheme, _, address = text.partition("://")
    if scheme not in schemes:
        return False
    address, _, query = address.partition("?")
    if scheme in _EXAMPLES and scheme != "sentinel":
        database = dict(parse_qsl(query)).get("db", "0")
        return address.rpartition("@")[2].startswith("/") and _is_digits(database)
    path, _, database = address.partition("/")
    hosts = path.rpartition("@")[2].split(",")
    return (
        all(_is_address(host) for host in hosts)
        and (len(hosts) == 1 or scheme == "sentinel")
        and (scheme.startswith("amqp") or _is_digits(database or "0"))
    )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_address(text: str) -> bool:
    """Whether a text is a host, with or without a port."""
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def password(name: str) -> str:
    """Read a secret that another service has set; empty when not set."""
    value: str = env.str(name, default="").strip()
    if value == PLACEHOLDER:
        raise ImproperlyConfigured(_no_secret(name))
    return value


def signing_key(name: str) -> str:
    """Read a secret in the format of Standard Webhooks; empty when not set."""
    value = password(name)
    if value and not re.fullmatch("whsec_[A-Za-z0-9+/]{32,88}={0,2}", value):
        expected = "whsec_ followed by 24 to 64 random bytes in base64"
        raise ImproperlyConfigured(f"{name} must be {expected}.")
    return value


def token(name: str) -> str:
    """Read a secret that a header can have; empty when not set."""
    value = password(name)
    if not re.fullmatch("[!-~]*", value):
        expected = "ASCII characters without blanks"
        raise ImproperlyConfigured(f"{name} must be {expected}.")
    return value


def dsn(name: str) -> str:
    """Read the address of a Sentry, with its key; empty when not set."""
    value = password(name)
    address = re.sub(r"://\w+(:\w+)?@", "://", value)
    is_dsn = address != value and _is_url(address, "https?", r"(/[\w.-]+)*/\d+")
    if value and not is_dsn:
        expected = "https://KEY@HOST/NUMBER"
        raise ImproperlyConfigured(f"{name} must be like {expected}.")
    return value


def passwords(name: str) -> list[str]:
    """Read secrets, separated by commas."""
    return _words(name) if password(name) else []


def secret(name: str, folder: Path, *, is_shared: bool) -> str:
    """Read a secret; if it is not set, generate one and keep it in ``folder``.

    Several machines cannot share a generated secret: if it ``is_shared``, it must be
    set. PLACEHOLDER, the value in our examples, is always refused.
    """
    value = env.str(name, default="").strip()
    if value == PLACEHOLDER or (is_shared and not value):
        raise ImproperlyConfigured(_no_secret(name))
    return value or _generated_secret(folder / name.lower().replace("_", "-"))


def _no_secret(name: str) -> str:
    return (
        f"{name} must be set to a secret of your own, not to {PLACEHOLDER}, in the "
        f"environment or in the file that {name}_FILE names."
    )


def _generated_secret(path: Path) -> str:
    with folder(path.parent):
        try:
            with path.open("x") as file:
                path.chmod(0o600)
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return path.read_text().strip()


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Create VAR_DIR if it is missing; say in one sentence what fails in the block."""
    try:
        # For this user only: the database with phone numbers lies there, too.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield path
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR: {error.filename or path}: {error.strerror}."
        ) from None
