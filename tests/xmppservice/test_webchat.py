"""The webchat's page: where it is, and what it may connect to."""

import pytest

pytestmark = pytest.mark.usefixtures("db")

PAGE = "/webchat/"
URL = "wss://xmpp.example.org:5281/xmpp-websocket"
CSP = "Content-Security-Policy"


def connects(answer) -> list[str]:
    """Return what the page may connect to."""
    parts = [part.split() for part in answer.headers[CSP].split(";")]
    return next(words for name, *words in parts if name == "connect-src")


def test_without_an_address_there_is_no_webchat(client):
    assert client.get(PAGE).status_code == 404


def test_only_the_webchat_may_connect_to_the_xmpp_server(client, settings):
    settings.WEBCHAT_URL = URL

    answer = client.get(PAGE)

    assert answer.status_code == 200
    assert connects(answer) == ["'self'", URL]
    assert "unsafe" not in answer.headers[CSP]
    assert connects(client.get("/admin/login/")) == ["'self'"]


def test_pages_have_a_strict_content_security_policy(client):
    header = client.get("/admin/login/").headers[CSP]
    said = dict(part.strip().partition(" ")[::2] for part in header.split(";"))

    assert said == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' data: http: https:",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_it_offers_only_the_configured_users(client, settings):
    settings.WEBCHAT_URL = URL
    nobody = client.get(PAGE).content.decode()
    settings.WEBCHAT_USERS = ["romeo@localhost:a:b", "juliet@localhost:c"]
    both = client.get(PAGE).content.decode()

    assert "data-password" not in nobody
    assert 'data-jid="romeo@localhost" data-password="a:b"' in both
    assert 'data-jid="juliet@localhost" data-password="c"' in both
    assert "no-store" in client.get(PAGE).headers["Cache-Control"]


def test_only_get_is_allowed(client, settings):
    settings.WEBCHAT_URL = URL
    assert client.post(PAGE).status_code == 405
