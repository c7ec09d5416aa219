"""What no variable may be: read as the settings read it, in this process."""

import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured

from xmppservice import settings


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Return a function that reads all settings with these variables."""

    def settings_with(**environment: str) -> dict:
        monkeypatch.setenv("VAR_DIR", str(tmp_path))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(settings.__file__)

    return settings_with


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTRY_DSN", "x"),
        ("SENTRY_DSN", "https://sentry.example.org/hidden"),
        ("SENTRY_DSN", "https://hidden@sentry.example.org:99999/1"),
        ("EJABBERD_API_URL", "x y"),
        ("EJABBERD_API_URL", "http://127.0.0.1:x"),
        ("EJABBERD_API_URL", "http://127.0.0.1:99999/api"),
        ("PUBLIC_URL", "https://h:0"),
        ("PUBLIC_URL", "https://[::1"),
        ("WEBCHAT_URL", "wss://h:99999/x"),
        ("DOCUMENT_ORIGINS", "https://h:99999"),
        ("DOCUMENT_ORIGINS", "https://*.example.org"),
        ("CSRF_TRUSTED_ORIGINS", "buddies.example.org"),
        ("CSRF_TRUSTED_ORIGINS", "https://buddies.example.org/"),
        ("CSRF_TRUSTED_ORIGINS", "*"),
        ("ALLOWED_HOSTS", "https://buddies.example.org"),
        ("ALLOWED_HOSTS", "buddies.example.org:8000"),
        ("ALLOWED_HOSTS", "a b"),
        ("TRUSTED_PROXIES", "proxy"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),  # it would be trusted as a name
        ("METRICS_TOKEN", "b\u00e8ta-hidden"),  # no header can have it
        ("METRICS_TOKEN", "two hidden words"),
        ("SEARCH_LIMIT", "9" * 20),
        pytest.param("SEARCH_LIMIT", "9" * 5000, id="5000 digits"),
        ("PAYLOAD_DAYS", "100000"),  # before the year 1800
        ("ADDRESS_BOOK_DAYS", "9" * 9),
        ("ACCOUNT_GONE_DAYS", "9" * 30),
        ("ACCOUNT_PRESENT_DAYS", "9" * 30),
        ("DATABASE_URL", "sqlite://"),  # in memory: nothing would be kept
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite:///%00hidden"),
        ("DATABASE_URL", "postgres://u:hidden@h/%00"),
        ("CHANNEL_LAYER_URL", "redis://:hidden@h/x"),
        ("CHANNEL_LAYER_URL", "sentinel://:hidden@h,g/x"),
        ("CHANNEL_LAYER_URL", "unix:///run/redis.sock?db=hidden"),
        ("CELERY_BROKER_URL", "redis+socket:///run/redis.sock?db=-1"),
    ],
)
def test_a_value_that_would_fail_later_is_refused_at_the_start(read, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must be ") as refused:
        read(**{name: value})
    assert "hidden" not in str(refused.value)


def test_blanks_and_empty_parts_of_a_list_do_not_count(read):
    found = read(
        ALLOWED_HOSTS="buddies.example.org, .example.net,,[::1] ",
        TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8, 2001:db8::/32",
        CSRF_TRUSTED_ORIGINS=" https://buddies.example.org , https://*.example.org:8443",
    )
    assert found["ALLOWED_HOSTS"] == ["buddies.example.org", ".example.net", "[::1]"]
    assert found["TRUSTED_PROXIES"] == ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]
    assert found["CSRF_TRUSTED_ORIGINS"] == [
        "https://buddies.example.org",
        "https://*.example.org:8443",
    ]


def test_any_host_and_any_proxy_can_be_allowed(read):
    found = read(ALLOWED_HOSTS="*", TRUSTED_PROXIES="*")
    assert (found["ALLOWED_HOSTS"], found["TRUSTED_PROXIES"]) == (["*"], ["*"])


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_folder_is_the_default_not_the_current_one(
    read, monkeypatch, tmp_path, value
):
    monkeypatch.chdir(tmp_path)
    given = {"SECRET_KEY": "k", "XMPP_SECRET": "x", "ADDRESS_BOOK_KEY": "a"}
    found = read(VAR_DIR=value, **given)
    assert found["VAR_DIR"] == found["BASE_DIR"] / "var"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTRY_DSN", "https://key@sentry.example.org/1"),
        ("SENTRY_DSN", "https://key:old@sentry.example.org:9000/below/1"),
        ("EJABBERD_API_URL", "http://127.0.0.1:5280/api"),
        ("EJABBERD_API_URL", "http://[::1]:5280/api"),
        ("METRICS_TOKEN", "a-token_of.ours~+/=="),
        ("CELERY_BROKER_URL", "rediss://h/0?ssl_cert_reqs=required"),
        ("CHANNEL_LAYER_URL", "redis://:a%40b%3A%2F@[::1]:6379"),
    ],
)
def test_a_usual_value_is_taken_as_it_is(read, name, value):
    given = {"SECRET_KEY": "k", "XMPP_SECRET": "x", "ADDRESS_BOOK_KEY": "a"}
    assert read(**{name: value, **given})[name] == value
