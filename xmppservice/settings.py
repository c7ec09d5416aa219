"""All configuration. The environment is read here and nowhere else.

Each variable, its meaning and its default: docs/configuration.md.
"""

import logging
import re
import secrets
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def boolean(name: str, default: bool) -> bool:
    """Read ``true`` or ``false``; anything else stops the start."""
    word: str = env.str(name, default=str(default)).lower()
    if word not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} must be true or false, not {word!r}.")
    return word == "true"


def integer(name: str, default: int) -> int:
    """Read a whole number of zero or more."""
    word = env.str(name, default=str(default))
    if not (word.isascii() and word.isdigit()):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {word!r}.")
    return int(word)


def port(name: str, default: int) -> int:
    """Read the number of a TCP port."""
    number = integer(name, default)
    if not 0 < number < 65536:
        raise ImproperlyConfigured(f"{name} must be a port, 1 to 65535, not {number}.")
    return number


def level(name: str, default: str) -> str:
    """Read the name of a log level, in either case."""
    word: str = env.str(name, default=default).upper()
    if word not in LEVELS:
        known = ", ".join(LEVELS)
        raise ImproperlyConfigured(f"{name} must be one of {known}, not {word!r}.")
    return word


def domains(name: str, default: str) -> list[str]:
    """Read domains, separated by commas."""
    text: str = env.str(name, default=default)
    words = [word.strip() for word in text.lower().split(",")]
    return [word for word in words if word]


def url(name: str, default: str) -> str:
    """Read an address of the web, without a slash at its end."""
    text: str = env.str(name, default=default).strip()
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w.~%-]+)*", text, re.ASCII):
        known = "https://buddies.example.org, without a slash at its end"
        raise ImproperlyConfigured(f"{name} must be like {known}, not {text!r}.")
    return text


def zone(name: str, default: str) -> str:
    """Read the name of a time zone."""
    word: str = env.str(name, default=default).strip()
    if word not in available_timezones():
        known = "the tz database, for example Europe/Rome"
        raise ImproperlyConfigured(f"{name} must be a name of {known}, not {word!r}.")
    return word


def database(name: str, default: str) -> dict[str, Any]:
    """Read the address of a database."""
    parts: dict[str, Any] = env.db_url(name, default=default)
    if "ENGINE" not in parts:
        known = "sqlite:///FILE or postgres://USER:PASSWORD@HOST/NAME"
        raise ImproperlyConfigured(f"{name} must be like {known}.")
    return parts


def secret(name: str) -> str:
    """Read a secret; when none is given, make one and keep it in VAR_DIR."""
    given = env.str(name, default="").strip()
    return given or _kept_secret(VAR_DIR / name.lower().replace("_", "-"))


def _kept_secret(path: Path) -> str:
    # For nobody else: the database, with people's numbers, lies there too.
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"VAR_DIR: {path.parent}: {error.strerror}."
        raise ImproperlyConfigured(text) from None
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text().strip()


BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()

# --- XMPP ---------------------------------------------------------------------

XMPP_JID = env.str("XMPP_JID", default="xmpp_service.localhost").strip().lower()
XMPP_SECRET = secret("XMPP_SECRET")
XMPP_HOST = env.str("XMPP_HOST", default="127.0.0.1")
XMPP_COMPONENT_PORT = port("XMPP_COMPONENT_PORT", 15347)
XMPP_DOMAINS = domains("XMPP_DOMAINS", "localhost")
XMPP_STANZA_LIMIT = integer("XMPP_STANZA_LIMIT", 450_000)
XMPP_INBOX_STANZAS = integer("XMPP_INBOX_STANZAS", 20_000)
XMPP_INBOX_BYTES = integer("XMPP_INBOX_BYTES", 64 * 1024 * 1024)

# --- Rosters and discovery ----------------------------------------------------

MSISDN_JID = env.str("MSISDN_JID", default="00{number}@{domain}")
ROSTER_GROUP_OTHERS = env.str("ROSTER_GROUP_OTHERS", default="others")
ROSTER_GROUP_VERIFIED = env.str("ROSTER_GROUP_VERIFIED", default="verified")
SEARCH_LIMIT = integer("SEARCH_LIMIT", 10_000)
DISCOVERY_BURST = integer("DISCOVERY_BURST", 10_000)
DISCOVERY_PER_YEAR = integer("DISCOVERY_PER_YEAR", 50_000)
ACCOUNT_PRESENT_DAYS = integer("ACCOUNT_PRESENT_DAYS", 7)
ACCOUNT_ABSENT_SECONDS = integer("ACCOUNT_ABSENT_SECONDS", 300)
ADDRESS_BOOK_KEY = secret("ADDRESS_BOOK_KEY")
PAYLOAD_DAYS = integer("PAYLOAD_DAYS", 7)

# --- HTTP ---------------------------------------------------------------------

HTTP_HOST = env.str("HTTP_HOST", default="127.0.0.1")
HTTP_PORT = port("HTTP_PORT", 8000)
PUBLIC_URL = url("PUBLIC_URL", f"http://{HTTP_HOST}:{HTTP_PORT}")
DOCUMENT_PUBLIC = boolean("DOCUMENT_PUBLIC", False)
DEBUG = boolean("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Django -------------------------------------------------------------------

INSTALLED_APPS = [
    "xmppservice.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # its templates, for the renderer below
    "rest_framework",
    "rest_framework.authtoken",
    "tree_queries",
    "simple_history",
    "import_export",
    "csp",
    "axes",
    "channels",
    "xmppservice",
    "buddies",
    "roster",
]

MIDDLEWARE = [
    "xmppservice.health.Health",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Widgets are drawn by templates of ours where there are some.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

ROOT_URLCONF = "xmppservice.urls"
ASGI_APPLICATION = "xmppservice.asgi.application"
WSGI_APPLICATION = "xmppservice.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/admin/"
MEDIA_ROOT = VAR_DIR / "media"
MEDIA_URL = "/media/"
# A confirmation names each entry that was chosen, and a list has fields in each row.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
STATIC_URL = "static/"
# No collectstatic: servestatic serves the files from where the apps keep them.
SERVESTATIC_USE_FINDERS = True
USE_TZ = True
TIME_ZONE = zone("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("it", "Italiano")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds
# Ours, and what Django's own Italian lacks or says badly.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "stock"]
SILENCED_SYSTEM_CHECKS: list[str] = []

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        # Avatars are addresses that staff type.
        "img-src": ["'self'", "data:", "http:", "https:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# Ten wrong passwords for one name from one address, then a quarter of an hour.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

DATABASES = {"default": database("DATABASE_URL", f"sqlite:///{VAR_DIR}/db.sqlite3")}
# A thread keeps its connection: opening SQLite anew costs more than most queries.
DATABASES["default"]["CONN_MAX_AGE"] = None
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL with IMMEDIATE is the one mode in which several writers wait for each
    # other and never fail; FULL survives a power loss.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " PRAGMA secure_delete=ON;",
    }
    # A file: tests with threads need a database that threads can share.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

CHANNEL_LAYERS = {"default": {"BACKEND": "xmppservice.layers.ThreadLayer"}}

# --- Celery -------------------------------------------------------------------

CELERY_BROKER_URL = "memory://localhost//"
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.01}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONCURRENCY = 4
# Celery closes the database connection after every task unless it is told a number.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "roster.tasks.sweep", "schedule": 60.0},
    # The tick of the XMPP process sees to both every second; beat, when it is away.
    "sync-vcard": {"task": "buddies.tasks.sync_vcard", "schedule": 60.0},
    "thin-releases": {"task": "buddies.tasks.thin_releases", "schedule": 86400.0},
    "refresh-accounts": {"task": "roster.tasks.refresh_accounts", "schedule": 3600.0},
}

# --- REST framework -----------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["xmppservice.api.ModelPermissions"],
    "DEFAULT_PARSER_CLASSES": ["xmppservice.api.Parser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "xmppservice.api.Browsable",
    ],
    "DEFAULT_FILTER_BACKENDS": ["xmppservice.api.WordSearch"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 100,
}

# --- Logging ------------------------------------------------------------------


def plain_refusal(record: logging.LogRecord) -> bool:
    """A refusal is no failure of the code: one line, without where it was said."""
    if getattr(record, "status_code", None) == HTTPStatus.FORBIDDEN:
        record.exc_info = record.exc_text = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "filters": {
        "refusals": {"()": "django.utils.log.CallbackFilter", "callback": plain_refusal}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": level("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"filters": ["refusals"]},
        # slixmpp logs whole stanzas: payloads and numbers must never reach a log.
        "slixmpp": {"level": "CRITICAL"},
        # It tells of each login in four lines; a lock-out is a warning.
        "axes": {"level": "WARNING"},
        # Every scan of the internet asks for some other host.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "celery": {"level": "WARNING"},
        "celery.worker.control": {"level": "ERROR"},  # its word for a normal stop
        "uvicorn": {"level": "WARNING"},
    },
}
