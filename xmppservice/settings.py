"""All settings, read from the environment by :mod:`xmppservice.environment`.

Each variable, its meaning and its default: docs/configuration.md.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from kombu import Queue

from xmppservice import __version__
from xmppservice import environment as env
from xmppservice.protocol.namespaces import NS_COMMAND, NS_OOB
from xmppservice.runtime import logs, transports

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")

# --- Deployment: one process, or several that share these servers -----------------

IN_MEMORY = "memory://localhost//"
REDIS = ("redis", "rediss", "sentinel", *transports.SOCKETS)
CELERY_BROKER_URL = env.transport(
    "CELERY_BROKER_URL", IN_MEMORY, *REDIS, "amqp", "amqps"
)
CHANNEL_LAYER_URL = env.transport("CHANNEL_LAYER_URL", "", *REDIS)
SCALED = CELERY_BROKER_URL != IN_MEMORY or bool(CHANNEL_LAYER_URL)
secret = partial(env.secret, folder=VAR_DIR, is_shared=SCALED)

# --- XMPP ---------------------------------------------------------------------

XMPP_JID = env.text("XMPP_JID", "xmpp-service.localhost").strip().lower()
XMPP_SECRET = secret("XMPP_SECRET")
XMPP_HOST = env.host("XMPP_HOST", "127.0.0.1")
XMPP_COMPONENT_PORT = env.port("XMPP_COMPONENT_PORT", 15347)
XMPP_CLIENT_PORT = env.port("XMPP_CLIENT_PORT", 5222)
XMPP_TLS = env.boolean("XMPP_TLS", True)
XMPP_DOMAINS = env.domains("XMPP_DOMAINS", "localhost")
# An account is a client, whose stanzas XMPP servers limit to 256 KiB.
XMPP_STANZA_LIMIT = env.integer(
    "XMPP_STANZA_LIMIT", 240_000 if "@" in XMPP_JID else 450_000
)
SUPPORT_ADDRESSES = env.contacts("SUPPORT_ADDRESSES")
XMPP_INBOX_STANZAS = env.integer("XMPP_INBOX_STANZAS", 20_000)
XMPP_INBOX_BYTES = env.integer("XMPP_INBOX_BYTES", 64 * 1024 * 1024)

ANNOUNCEMENTS_PER_SECOND = env.integer("ANNOUNCEMENTS_PER_SECOND", 500)
CHANGE_MESSAGE = env.boolean("CHANGE_MESSAGE", False)
CHANGE_MESSAGE_NAMESPACE = env.word("CHANGE_MESSAGE_NAMESPACE", NS_OOB, NS_COMMAND)
CHANGE_PHOTO = env.boolean("CHANGE_PHOTO", False)

EJABBERD_API_URL = env.url("EJABBERD_API_URL", "", "http://127.0.0.1:5280/api")
EJABBERD_API_USER = env.text("EJABBERD_API_USER", "").strip()
EJABBERD_API_PASSWORD = env.password("EJABBERD_API_PASSWORD")

# --- Rosters and discovery ----------------------------------------------------

MSISDN_JID = env.text("MSISDN_JID", "00{number}@{domain}")
ROSTER_GROUP_OTHERS = env.text("ROSTER_GROUP_OTHERS", "others")
ROSTER_GROUP_VERIFIED = env.text("ROSTER_GROUP_VERIFIED", "verified")

SEARCH_LIMIT = env.integer("SEARCH_LIMIT", 10_000)
ADD_TO_ROSTER_LIMIT = env.integer("ADD_TO_ROSTER_LIMIT", 10_000)
FOREIGN_CONTACTS_PER_DAY = env.integer("FOREIGN_CONTACTS_PER_DAY", 2_000)
COMMAND_MAX_WAIT_SECONDS = env.integer("COMMAND_MAX_WAIT_SECONDS", 30)
OWNER_STORAGE_BYTES = env.integer("OWNER_STORAGE_BYTES", 8 * 1024 * 1024)
DISCOVERY_BURST = env.integer("DISCOVERY_BURST", 10_000)
DISCOVERY_PER_YEAR = env.integer("DISCOVERY_PER_YEAR", 50_000)
ACCOUNT_PRESENT_DAYS = env.days("ACCOUNT_PRESENT_DAYS", 7)
ACCOUNT_ABSENT_SECONDS = env.integer("ACCOUNT_ABSENT_SECONDS", 300)
ACCOUNT_GONE_DAYS = env.days("ACCOUNT_GONE_DAYS", 7)
# The newest key first: all new digests are made with it.
ADDRESS_BOOK_KEYS = [
    secret("ADDRESS_BOOK_KEY"),
    *env.passwords("ADDRESS_BOOK_OLD_KEYS"),
]
ADDRESS_BOOK_DAYS = env.days("ADDRESS_BOOK_DAYS", 400)
LATE_JOINS_PER_SECOND = env.integer("LATE_JOINS_PER_SECOND", 100)
ACCOUNT_WEBHOOK_SECRET = env.signing_key("ACCOUNT_WEBHOOK_SECRET")
PAYLOAD_DAYS = env.days("PAYLOAD_DAYS", 7)

# --- Campaigns ----------------------------------------------------------------

# How many people have to approve a campaign before it goes live.
CAMPAIGN_APPROVALS = env.integer("CAMPAIGN_APPROVALS", 0)

# --- HTTP ---------------------------------------------------------------------

HTTP_HOST = env.host("HTTP_HOST", "127.0.0.1")
HTTP_PORT = env.port("HTTP_PORT", 8000)
PUBLIC_URL = env.url("PUBLIC_URL", f"http://{HTTP_HOST}:{HTTP_PORT}")
HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000)  # a year
DOCUMENT_PUBLIC = env.boolean("DOCUMENT_PUBLIC", False)
DOCUMENT_MAX_AGE = env.integer("DOCUMENT_MAX_AGE", 0)
DOCUMENT_ORIGINS = env.origins("DOCUMENT_ORIGINS", wildcard="*")
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600)
DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY")
METRICS_TOKEN = env.token("METRICS_TOKEN")
# Proxies whose X-Forwarded-For is trusted: addresses, networks, or *.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "127.0.0.1")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1")
CSRF_TRUSTED_ORIGINS = env.origins(
    "CSRF_TRUSTED_ORIGINS", wildcard="https://*.example.org"
)

PRODUCT_NAME = env.text("PRODUCT_NAME", "XMPP Service").strip() or "XMPP Service"
PRODUCT_COLOUR = env.colour("PRODUCT_COLOUR")
PRODUCT_LOGO = env.picture("PRODUCT_LOGO")
WEBCHAT_URL = env.websocket("WEBCHAT_URL")
WEBCHAT_USERS = env.passwords("WEBCHAT_USERS")
CHANNEL_PAGES = env.boolean("CHANNEL_PAGES", False)
CHANNEL_ACCOUNT_CHECK_SECONDS = env.integer("CHANNEL_ACCOUNT_CHECK_SECONDS", 600)

# Behind a proxy that terminates TLS and sets X-Forwarded-Proto.
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
    "csp",
    "axes",
    "channels",
    "xmppservice",
    "buddies",
    "roster",
]

MIDDLEWARE = [
    "xmppservice.monitoring.health.Health",
    "xmppservice.monitoring.metrics.Metrics",
    "xmppservice.api.representation.NotStored",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "xmppservice.api.representation.Slashes",
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

# Our own templates override those of Django's widgets.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

ROOT_URLCONF = "xmppservice.urls"
ASGI_APPLICATION = "xmppservice.asgi.application"
WSGI_APPLICATION = "xmppservice.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/admin/"
MEDIA_ROOT = VAR_DIR / "media"
MEDIA_URL = "/media/"
# A confirmation has a field for each selected entry, a list for each of its rows.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
# Bytes of a form without its files: enough for the longest list of fields, and for a
# pasted document. Files have their own limits: avatars.MAX_MEGABYTES, xlsx.MAX_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # larger files go to disk
DATA_UPLOAD_MAX_NUMBER_FILES = 5
STATIC_URL = "static/"
# No collectstatic: servestatic serves the files from the apps' folders.
SERVESTATIC_USE_FINDERS = True
# The webchat is a client, on the package that other clients use.
STATICFILES_DIRS = [("client", BASE_DIR / "clients" / "javascript" / "src")]
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("it", "Italiano")]
FORMAT_MODULE_PATH = "xmppservice.backoffice.formats"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds
# Our texts, and corrections of Django's Italian translation.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "stock"]
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains, and preloading: these are decisions for the whole domain.
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
        # Staff may enter any URL as an avatar.
        "img-src": ["'self'", "data:", "http:", "https:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# Ten wrong passwords for one name from one address: a lock-out of 15 minutes. What one
# name suffers from many addresses: xmppservice.backoffice.login.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HANDLER = "xmppservice.backoffice.login.LoginHandler"
AXES_CLIENT_IP_CALLABLE = "xmppservice.backoffice.login.client_network"
AXES_LOCKOUT_CALLABLE = "xmppservice.backoffice.login.locked_out"
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

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR}/db.sqlite3")}
# A thread keeps its connection: reopening SQLite costs more than most queries.
DATABASES["default"]["CONN_MAX_AGE"] = None
# Detect broken connections before reuse.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "xmppservice.runtime.sqlite"
    # Only with WAL and IMMEDIATE do several writers wait for each other and never
    # fail; FULL survives a power loss.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " PRAGMA secure_delete=ON;",
    }
    # A file, so that threads in tests can share the database.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    # Seconds, because a vanished machine refuses no connection.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)

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
            # redis-py's default timeout of 5 seconds equals the layer's wait for a
            # message: without this, 5 seconds without messages end in an error.
            "hosts": [
                {
                    **transports.channel_host(CHANNEL_LAYER_URL),
                    "socket_timeout": None,
                    "health_check_interval": 15,
                }
            ],
            "prefix": "xmppservice",
            "capacity": 10_000,
        },
    }

# --- Celery -------------------------------------------------------------------

# Celery prefers the variable CELERY_BROKER_URL to the setting, but not to these two.
CELERY_BROKER_WRITE_URL, BROKER_OPTIONS = transports.broker(CELERY_BROKER_URL)
CELERY_BROKER_READ_URL = CELERY_BROKER_WRITE_URL
if CELERY_BROKER_URL == IN_MEMORY:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"polling_interval": 0.01}
else:
    # A wake-up that cannot be sent fails at once; the poll sends it again.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "max_retries": 1,
        "interval_start": 0,
        **BROKER_OPTIONS,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for as long as it takes
CELERY_BEAT_SCHEDULER = "xmppservice.management.beat:BeatScheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_TASK_IGNORE_RESULT = True
# Commands have their own queue, so that a flood of them does not delay releases. Old
# wake-ups are useless: they expire after 30 seconds.
COMMANDS = "roster.tasks.run_commands"
CELERY_TASK_QUEUES = [Queue("celery"), Queue("commands", message_ttl=30)]
CELERY_TASK_ROUTES = {COMMANDS: {"queue": "commands"}}
# In memory without limit (0): a worker at its limit processes acknowledgements only
# every 2 seconds.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1 if SCALED else 0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONCURRENCY = 4 if SCALED else 5
# Without this number Celery closes the database connection after every task.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_BEAT_SCHEDULE = {
    "clean-up": {"task": "roster.tasks.clean_up", "schedule": 60.0},
    # The XMPP process polls for this and join-late every second; beat is the backup.
    "sync-vcard": {"task": "buddies.tasks.sync_vcard", "schedule": 60.0},
    "thin-releases": {"task": "buddies.tasks.thin_releases", "schedule": 86400.0},
    "refresh-accounts": {"task": "roster.tasks.refresh_accounts", "schedule": 3600.0},
    "expire-contacts": {"task": "roster.tasks.expire_contacts", "schedule": 3600.0},
    "join-late": {"task": "roster.tasks.join_late", "schedule": 60.0},
}
if CHANNEL_ACCOUNT_CHECK_SECONDS:
    # Ten times as often: addresses that are new, or without an account, cannot wait.
    CELERY_BEAT_SCHEDULE["check-answerers"] = {
        "task": "buddies.tasks.check_answerers",
        "schedule": max(1.0, CHANNEL_ACCOUNT_CHECK_SECONDS / 10),
    }

# --- REST framework -----------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "xmppservice.api.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["xmppservice.api.permissions.Allowed"],
    "EXCEPTION_HANDLER": "xmppservice.api.exception_handler.handle_exception",
    "DEFAULT_PARSER_CLASSES": ["xmppservice.api.representation.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "xmppservice.api.representation.Json",
        "xmppservice.api.representation.Browsable",
    ],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "xmppservice.api.lists.WordSearch",
    ],
    "DEFAULT_PAGINATION_CLASS": "xmppservice.api.lists.Pages",
    "DEFAULT_METADATA_CLASS": None,  # the OpenAPI description says more
    "DEFAULT_SCHEMA_CLASS": "xmppservice.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["xmppservice.api.permissions.Throttle"],
    "DEFAULT_THROTTLE_RATES": {"api": f"{API_REQUESTS_PER_MINUTE}/min"},
}

SPECTACULAR_SETTINGS = {
    "TITLE": "XMPP Service",
    "DESCRIPTION": "Manage groups and channels, their releases, accounts and commands.",
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
        "CampaignState": "buddies.models.Campaign.State",
        "ChangeKind": "buddies.api.serializers.CHANGE_KINDS",
        "CommandState": "roster.models.Command.State",
        "ConflictKind": "buddies.api.campaign_serializers.CONFLICT_KINDS",
    },
}

# --- Logging ------------------------------------------------------------------

SENTRY_DSN = env.dsn("SENTRY_DSN")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "xmppservice.runtime.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "xmppservice.runtime.logs.json_lines"},
    },
    "filters": {
        "requests": {"()": "xmppservice.protocol.redaction.RequestFilter"},
        **{
            name: {"()": "django.utils.log.CallbackFilter", "callback": callback}
            for name, callback in (
                ("refusals", logs.plain_refusal),
                ("probes", logs.plain_probe),
                ("tasks", logs.plain_task),
                ("broker", logs.plain_broker),
                ("loops", logs.plain_loop),
            )
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env.word("LOG_FORMAT", "line", "json"),
            "filters": ["requests"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.level("LOG_LEVEL", "INFO")},
    "loggers": {
        # Without Django's own handlers, which would log texts, paths and queries.
        "django": {"level": "INFO", "handlers": []},
        "django.server": {"level": "INFO", "handlers": [], "propagate": True},
        "django.request": {"filters": ["refusals", "probes"]},
        "asyncio": {"filters": ["loops"]},
        # slixmpp logs whole stanzas: payloads and numbers must never reach a log.
        "slixmpp": {"level": "CRITICAL"},
        # axes logs four lines for each login; a lock-out is a warning.
        "axes": {"level": "WARNING"},
        # Internet scanners request arbitrary hosts.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "celery": {"level": "WARNING"},
        "celery.worker.control": {"level": "ERROR"},  # it warns of a normal stop
        "celery.app.trace": {"filters": ["tasks"]},
        "celery.worker": {"filters": ["broker"]},
        "uvicorn": {"level": "WARNING"},
        # Both add their own handlers unless these are configured. uvicorn's access log
        # stays off, however it is started: each line would delay the stream's loop.
        "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
        "_granian": {"level": "WARNING", "handlers": [], "propagate": True},
        "granian.access": {"level": "INFO", "handlers": [], "propagate": True},
    },
}
