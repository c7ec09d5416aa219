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
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping
from kombu import Queue

from xmppservice import __version__
from xmppservice.runtime import logs


class Environment(FileAwareMapping):
    """NAME_FILE names a file with the value of NAME, whose last line may end."""

    def __getitem__(self, name: str) -> str:
        try:
            text: str = super().__getitem__(name)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is no text"
            raise ImproperlyConfigured(f"{name}_FILE: {why}.") from None
        return text.rstrip("\r\n")


env = environ.Env()
env.ENVIRON = Environment()

PLACEHOLDER = "change-me"  # in deploy/

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


def word(name: str, default: str, *others: str) -> str:
    """Read one of a few words."""
    text: str = env.str(name, default=default).strip().lower()
    if text not in (default, *others):
        known = " or ".join((default, *others))
        raise ImproperlyConfigured(f"{name} must be {known}, not {text!r}.")
    return text


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


def origins(name: str) -> list[str]:
    """Read origins of web pages, separated by commas; * is any."""
    text: str = env.str(name, default="")
    words = [word.strip() for word in text.split(",")]
    for word in filter(None, words):
        if word != "*" and not re.fullmatch(r"https?://[\w.:\[\]-]+", word, re.ASCII):
            known = "https://shop.example.org, without a slash at its end, or *"
            raise ImproperlyConfigured(f"{name} must be like {known}, not {word!r}.")
    return [word for word in words if word]


def contacts(name: str) -> list[str]:
    """Read addresses of people or rooms, as URIs, separated by commas."""
    text: str = env.str(name, default="")
    uris = [word.strip() for word in text.split(",") if word.strip()]
    for uri in uris:
        if not re.fullmatch(r"(mailto:|xmpp:|https?://)[!-~]{1,1000}", uri):
            known = "mailto:help@example.org, xmpp: or https:// likewise"
            raise ImproperlyConfigured(f"{name} must be like {known}, not {uri!r}.")
    return uris


def websocket(name: str) -> str:
    """Read the address of a WebSocket; empty when there is none."""
    text: str = env.str(name, default="").strip()
    if text and not re.fullmatch(r"wss?://[\w.:\[\]-]+(/[\w.~%-]*)*", text, re.ASCII):
        known = "wss://xmpp.example.org:5281/xmpp-websocket"
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


def transport(name: str, default: str, *schemes: str) -> str:
    """Read the address of a server that carries messages; it may hold a password."""
    text: str = env.str(name, default=default).strip() or default
    if text != default and urlsplit(text).scheme not in schemes:
        known = " or ".join(f"{scheme}://HOST" for scheme in schemes)
        raise ImproperlyConfigured(f"{name} must be like {known}.")
    return text


def password(name: str) -> str:
    """Read a secret of somebody else's; empty when there is none."""
    given: str = env.str(name, default="").strip()
    if given == PLACEHOLDER:
        raise ImproperlyConfigured(f"{name}: the word {PLACEHOLDER} is no secret.")
    return given


def signing_key(name: str) -> str:
    """Read a secret as Standard Webhooks writes it; empty when there is none."""
    given = password(name)
    if given and not re.fullmatch("whsec_[A-Za-z0-9+/]{32,88}={0,2}", given):
        known = "whsec_ and the base64 of 24 to 64 random bytes"
        raise ImproperlyConfigured(f"{name} must be {known}.")
    return given


def passwords(name: str) -> list[str]:
    """Read secrets, separated by commas."""
    return [word.strip() for word in password(name).split(",") if word.strip()]


def secret(name: str) -> str:
    """Read a secret; when none is given, make one and keep it in VAR_DIR.

    Several machines cannot share what one of them has made, so that a scaled
    deployment is refused without it, as is the word of our own examples.
    """
    given = env.str(name, default="").strip()
    if given == PLACEHOLDER or (SCALED and not given):
        text = f"{name} must be given, in the environment or as {name}_FILE"
        raise ImproperlyConfigured(f"{text}; the word {PLACEHOLDER} is no secret.")
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

# --- Deployment: one process, or several that share these servers -----------------

IN_MEMORY = "memory://localhost//"
CELERY_BROKER_URL = transport(
    "CELERY_BROKER_URL", IN_MEMORY, "redis", "rediss", "amqp", "amqps"
)
CHANNEL_LAYER_URL = transport("CHANNEL_LAYER_URL", "", "redis", "rediss")
SCALED = CELERY_BROKER_URL != IN_MEMORY or bool(CHANNEL_LAYER_URL)

# --- XMPP ---------------------------------------------------------------------

XMPP_JID = env.str("XMPP_JID", default="xmpp_service.localhost").strip().lower()
XMPP_SECRET = secret("XMPP_SECRET")
XMPP_HOST = env.str("XMPP_HOST", default="127.0.0.1")
XMPP_COMPONENT_PORT = port("XMPP_COMPONENT_PORT", 15347)
XMPP_CLIENT_PORT = port("XMPP_CLIENT_PORT", 5222)
XMPP_TLS = boolean("XMPP_TLS", True)
XMPP_DOMAINS = domains("XMPP_DOMAINS", "localhost")
# An account is a client, whose stanzas the servers hold to 256 KiB.
XMPP_STANZA_LIMIT = integer(
    "XMPP_STANZA_LIMIT", 240_000 if "@" in XMPP_JID else 450_000
)
SUPPORT_ADDRESSES = contacts("SUPPORT_ADDRESSES")
XMPP_INBOX_STANZAS = integer("XMPP_INBOX_STANZAS", 20_000)
XMPP_INBOX_BYTES = integer("XMPP_INBOX_BYTES", 64 * 1024 * 1024)

ANNOUNCEMENTS_PER_SECOND = integer("ANNOUNCEMENTS_PER_SECOND", 500)
CHANGE_MESSAGE = boolean("CHANGE_MESSAGE", False)

EJABBERD_API_URL = env.str("EJABBERD_API_URL", default="").strip()
EJABBERD_API_USER = env.str("EJABBERD_API_USER", default="").strip()
EJABBERD_API_PASSWORD = password("EJABBERD_API_PASSWORD")

# --- Rosters and discovery ----------------------------------------------------

MSISDN_JID = env.str("MSISDN_JID", default="00{number}@{domain}")
ROSTER_GROUP_OTHERS = env.str("ROSTER_GROUP_OTHERS", default="others")
ROSTER_GROUP_VERIFIED = env.str("ROSTER_GROUP_VERIFIED", default="verified")
SEARCH_LIMIT = integer("SEARCH_LIMIT", 10_000)
DISCOVERY_BURST = integer("DISCOVERY_BURST", 10_000)
DISCOVERY_PER_YEAR = integer("DISCOVERY_PER_YEAR", 50_000)
ACCOUNT_PRESENT_DAYS = integer("ACCOUNT_PRESENT_DAYS", 7)
ACCOUNT_ABSENT_SECONDS = integer("ACCOUNT_ABSENT_SECONDS", 300)
# The newest first: it makes all new digests.
ADDRESS_BOOK_KEYS = [secret("ADDRESS_BOOK_KEY"), *passwords("ADDRESS_BOOK_OLD_KEYS")]
ADDRESS_BOOK_DAYS = integer("ADDRESS_BOOK_DAYS", 400)
LATE_JOINS_PER_SECOND = integer("LATE_JOINS_PER_SECOND", 100)
ACCOUNT_WEBHOOK_SECRET = signing_key("ACCOUNT_WEBHOOK_SECRET")
PAYLOAD_DAYS = integer("PAYLOAD_DAYS", 7)

# --- HTTP ---------------------------------------------------------------------

HTTP_HOST = env.str("HTTP_HOST", default="127.0.0.1")
HTTP_PORT = port("HTTP_PORT", 8000)
PUBLIC_URL = url("PUBLIC_URL", f"http://{HTTP_HOST}:{HTTP_PORT}")
HSTS_SECONDS = integer("HSTS_SECONDS", 31_536_000)  # a year
DOCUMENT_PUBLIC = boolean("DOCUMENT_PUBLIC", False)
DOCUMENT_MAX_AGE = integer("DOCUMENT_MAX_AGE", 0)
DOCUMENT_ORIGINS = origins("DOCUMENT_ORIGINS")
API_REQUESTS_PER_MINUTE = integer("API_REQUESTS_PER_MINUTE", 600)
DEBUG = boolean("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY")
METRICS_TOKEN = password("METRICS_TOKEN")
# Whose X-Forwarded-For is believed: addresses, networks, or *.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=["127.0.0.1"])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

WEBCHAT_URL = websocket("WEBCHAT_URL")
WEBCHAT_USERS = passwords("WEBCHAT_USERS")

# Behind a proxy that ends TLS, and says so in X-Forwarded-Proto.
HTTPS = PUBLIC_URL.startswith("https:")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = HSTS_SECONDS if HTTPS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

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
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tree_queries",
    "simple_history",
    "roster",  # before import_export, which has an "export" of its own
    "import_export",
    "csp",
    "axes",
    "channels",
    "xmppservice",
    "buddies",
]

MIDDLEWARE = [
    "xmppservice.health.Health",
    "xmppservice.metrics.Metrics",
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
    "xmppservice.api.representation.Conditional",
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
# Bytes of a form without its files: the longest list of fields, and a pasted
# document. Who reads a file bounds it: avatars.MOST_MEGABYTES, resources.MOST_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # larger ones wait on the disk
DATA_UPLOAD_MAX_NUMBER_FILES = 5
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
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains, and for good in all browsers: the other hosts of the
    # domain are not ours to speak for.
    "security.W005",
    "security.W021",
]

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
# One that broke is found out before it is used.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "xmppservice.runtime.sqlite"
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
else:
    # Seconds: a machine that has vanished refuses nothing. And milliseconds: who hangs
    # in a transaction must not hold the ledger for ever.
    options = DATABASES["default"].setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    options.setdefault("options", "-c idle_in_transaction_session_timeout=30000")

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "xmppservice.runtime.channel_layer.ThreadLayer"}
}
if CHANNEL_LAYER_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # redis-py's own limit of 5 seconds is as long as the layer waits for
            # a message: without this each quiet spell ends in an error.
            "hosts": [
                {
                    "address": CHANNEL_LAYER_URL,
                    "socket_timeout": None,
                    "health_check_interval": 15,
                }
            ],
            "prefix": "xmppservice",
            "capacity": 10_000,
        },
    }

# --- Celery -------------------------------------------------------------------

if CELERY_BROKER_URL == IN_MEMORY:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"polling_interval": 0.01}
else:
    # A bell that cannot ring says so at once; the tick rings again.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for as long as it takes
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_TASK_IGNORE_RESULT = True
# A queue of their own: under a flood of commands an edit is released as fast as
# ever. A bell that nobody has heard for long says nothing.
COMMANDS = "roster.tasks.run_commands"
CELERY_TASK_QUEUES = [Queue("celery"), Queue("commands", message_ttl=30)]
CELERY_TASK_ROUTES = {COMMANDS: {"queue": "commands"}}
# In memory as many as there are: threads acknowledge when the worker looks, which is
# every 2 seconds while it may fetch no more.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1 if SCALED else 0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONCURRENCY = 4 if SCALED else 5
# Celery closes the database connection after every task unless it is told a number.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "roster.tasks.sweep", "schedule": 60.0},
    # The tick of the XMPP process sees to both every second; beat, when it is away.
    "sync-vcard": {"task": "buddies.tasks.sync_vcard", "schedule": 60.0},
    "thin-releases": {"task": "buddies.tasks.thin_releases", "schedule": 86400.0},
    "refresh-accounts": {"task": "roster.tasks.refresh_accounts", "schedule": 3600.0},
    "expire-contacts": {"task": "roster.tasks.expire_contacts", "schedule": 3600.0},
    "join-late": {"task": "roster.tasks.join_late", "schedule": 60.0},
}

# --- REST framework -----------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "xmppservice.api.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["xmppservice.api.permissions.Allowed"],
    "EXCEPTION_HANDLER": "xmppservice.api.exception_handler.answer_to",
    "DEFAULT_PARSER_CLASSES": ["xmppservice.api.representation.Parser"],
    "DEFAULT_RENDERER_CLASSES": [
        "xmppservice.api.representation.Json",
        "xmppservice.api.representation.Browsable",
    ],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "xmppservice.api.lists.WordSearch",
    ],
    "DEFAULT_PAGINATION_CLASS": "xmppservice.api.lists.Pages",
    "DEFAULT_METADATA_CLASS": None,  # the description says more
    "DEFAULT_SCHEMA_CLASS": "xmppservice.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["xmppservice.api.permissions.Throttle"],
    "DEFAULT_THROTTLE_RATES": {"api": f"{API_REQUESTS_PER_MINUTE}/min"},
}

SPECTACULAR_SETTINGS = {
    "TITLE": "XMPP Service",
    "DESCRIPTION": "The tree of groups and channels, its releases, accounts, commands.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "xmppservice.api.schema.complete",
    ],
    "SCHEMA_PATH_PREFIX": "/api/",
    "ENUM_NAME_OVERRIDES": {
        "EntryType": "buddies.models.Buddy.Type",
        "CommandState": "roster.models.Command.State",
    },
}

# --- Logging ------------------------------------------------------------------


def plain_refusal(record: logging.LogRecord) -> bool:
    """A refusal is no failure of the code: one line, without where it was said."""
    if getattr(record, "status_code", None) == HTTPStatus.FORBIDDEN:
        record.exc_info = record.exc_text = None
    return True


def plain_probe(record: logging.LogRecord) -> bool:
    """A probe that is told the truth is no failure either: it asks again and again."""
    path = getattr(getattr(record, "request", None), "path_info", "")
    told = getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
    return not (told and path in ("/readyz", "/metrics"))


SENTRY_DSN = env.str("SENTRY_DSN", default="").strip()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "xmppservice.runtime.logs.Line",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "xmppservice.runtime.logs.json_lines"},
    },
    "filters": {
        name: {"()": "django.utils.log.CallbackFilter", "callback": callback}
        for name, callback in (
            ("refusals", plain_refusal),
            ("probes", plain_probe),
            ("tasks", logs.plain_task),
        )
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": word("LOG_FORMAT", "line", "json"),
        }
    },
    "root": {"handlers": ["stderr"], "level": level("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"filters": ["refusals", "probes"]},
        # slixmpp logs whole stanzas: payloads and numbers must never reach a log.
        "slixmpp": {"level": "CRITICAL"},
        # It tells of each login in four lines; a lock-out is a warning.
        "axes": {"level": "WARNING"},
        # Every scan of the internet asks for some other host.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "celery": {"level": "WARNING"},
        "celery.worker.control": {"level": "ERROR"},  # its word for a normal stop
        "celery.app.trace": {"filters": ["tasks"]},
        "uvicorn": {"level": "WARNING"},
        # It has a handler of its own until these are configured.
        "_granian": {"level": "WARNING", "handlers": [], "propagate": True},
        "granian.access": {"level": "INFO", "handlers": [], "propagate": True},
    },
}
