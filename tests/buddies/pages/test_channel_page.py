"""The public page of a channel."""

import io
import logging
from html import unescape
from urllib.parse import quote

import pytest
import zxingcpp
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from PIL import Image

from buddies.models import Buddy
from buddies.pages.channel import picture_of
from buddies.publishing import http_cache, releases
from tests.buddies.conftest import channel, group
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.workspace_client import change, person

pytestmark = pytest.mark.django_db

WEBSOCKET = "wss://xmpp.example.org:5281/xmpp-websocket"


@pytest.fixture(autouse=True)
def _pages(settings) -> None:
    settings.CHANNEL_PAGES = True
    settings.XMPP_DOMAINS = ["example.org", "example.net"]


@pytest.fixture
def romeo() -> Buddy:
    made = channel("romeo", status="in love", server_address="verona")
    releases.sync()
    return made


def get(address: str, query: str = "", **headers: str):
    """Request a channel's page as a browser does that was never here."""
    path = f"/c/{quote(address, safe='')}{query}"
    return Client().get(path, headers=headers)


def html(address: str = "romeo") -> str:
    response = get(address)
    assert response.status_code == 200
    return response.content.decode()


# --- Which channels have a page -------------------------------------------------


@pytest.mark.usefixtures("romeo")
def test_without_the_setting_there_is_no_page(settings):
    settings.CHANNEL_PAGES = False
    assert get("romeo").status_code == 404
    assert get("romeo", "?qr=svg").status_code == 404


@pytest.mark.parametrize(("mobile", "web"), [(True, False), (False, True)])
def test_a_channel_that_one_platform_shows_has_a_page(mobile, web):
    flags = {"mobile_is_published": mobile, "web_is_published": web}
    channel("romeo", group("verona", **flags), **flags)
    releases.sync()

    assert get("romeo").status_code == 200


@pytest.mark.parametrize("is_group_on", ["mobile", "web"])
def test_a_channel_has_no_page_if_its_groups_hide_it_everywhere(is_group_on):
    # The group is on where the channel is off, so no platform shows it.
    above = {"mobile_is_published": False, "web_is_published": False}
    top = group("verona", **{**above, f"{is_group_on}_is_published": True})
    flags = {"mobile_is_published": is_group_on == "web"}
    flags["web_is_published"] = is_group_on == "mobile"
    channel("romeo", group("house", top), **flags)
    channel("mercutio", group("off", **above))
    # Both are in the document, because of another channel of their groups.
    channel("juliet", top, mobile_is_published=True)
    releases.sync()

    assert get("juliet").status_code == 200
    assert get("romeo").status_code == 404
    assert get("mercutio").status_code == 404


@pytest.mark.usefixtures("romeo")
def test_a_group_a_draft_and_an_unknown_address_are_the_same_404():
    channel("mercutio", group("verona"))
    channel("draft", web_is_published=False)
    releases.sync()

    answers = [get(one) for one in ("verona", "draft", "nobody", "Romeo", "romeo/")]

    assert {answer.status_code for answer in answers} == {404}
    assert all("does not exist or was removed" in a.content.decode() for a in answers)
    assert "verona" not in answers[0].content.decode().replace("/c/verona", "")


def test_a_page_shows_what_is_live_and_no_campaign(romeo):
    natale = Natale()
    natale.change("romeo", status="banished", web_is_published=False)
    natale.add("juliet")
    http_cache.cache.refresh()
    assert "banished" not in html()
    assert get("juliet").status_code == 404

    natale.publish()
    http_cache.cache.refresh()

    assert get("romeo").status_code == 404
    assert get("juliet").status_code == 200


@pytest.mark.parametrize(
    "address", ["a/b", "a/", "//", "a b", "a@b.example", "100%", "?#", "città", "😀"]
)
def test_an_address_may_have_any_characters(address):
    channel("romeo", address=address, server_address="verona")
    releases.sync()

    page = html(address)

    thread = quote(address, safe="")
    assert f'href="xmpp:verona@example.org?message;thread={thread}"' in page


def test_an_address_that_is_not_composed_is_found():
    channel("romeo", address="citt\xe0")
    releases.sync()
    assert get("citta\u0300").status_code == 200


# --- What the page shows ---------------------------------------------------------


def test_the_page_has_name_status_link_and_code(romeo):
    page = html()

    assert '<h1 id="name">romeo</h1>' in page
    assert '<p class="status">in love</p>' in page
    assert 'href="xmpp:verona@example.org?message;thread=romeo"' in page
    assert '<img src="?qr=svg"' in page
    assert "webchat" not in page  # there is none


def test_the_webchat_is_offered_for_channels_of_the_web_only(settings):
    settings.WEBCHAT_URL = WEBSOCKET
    channel("città/1")
    channel("phone", web_is_published=False, mobile_is_published=True)
    hidden = group("house", web_is_published=False, mobile_is_published=True)
    channel("below", hidden, mobile_is_published=True)
    releases.sync()

    assert 'href="/webchat/#citt%C3%A0%2F1"' in html("città/1")
    for address in ("phone", "below"):
        assert "webchat" not in html(address)


def test_a_channel_that_leads_nowhere_says_so(settings):
    settings.WEBCHAT_URL = WEBSOCKET
    channel("romeo", address="@")
    releases.sync()

    page = html("@")

    assert "receive messages" in page
    assert "xmpp:" not in page
    assert "webchat" not in page
    assert "?qr=" not in page
    assert get("@", "?qr=svg").status_code == 404


def test_a_link_that_is_too_long_has_no_code():
    address = "😀" * 250
    channel("romeo", address=address, server_address="verona")
    releases.sync()

    assert "?qr=" not in html(address)
    assert get(address, "?qr=png").status_code == 404


def test_texts_are_escaped(romeo):
    hostile = "\"><script>alert('x')</script>"
    picture = f"https://x.example/{hostile}"
    change("romeo", name=hostile, status=hostile, image_url=picture)
    releases.sync()

    page = html()

    assert "<script>alert" not in page
    assert unescape(page).count(hostile) > 3
    assert "<script>" not in get("romeo", "?qr=svg").content.decode()


@pytest.mark.parametrize(
    ("image", "thumb", "shown"),
    [
        ("https://a.example/i.png", "https://a.example/t.png", True),
        ("", "https://a.example/i.png", True),
        ("http://....", "", False),
        ("http://....", "https://a.example/i.png", True),
        ("http://[", "", False),
        ("http://a..b/x", "", False),
        ("javascript:alert(1)", "", False),
        ("data:image/png;base64,", "", False),
        ("//a.example/i.png", "", False),
        ("picture.png", "", False),
        ("", "", False),
    ],
)
def test_a_picture_that_no_browser_can_load_is_left_out(image, thumb, shown):
    expected = "https://a.example/i.png" if shown else ""
    assert picture_of({"imageUrl": image, "thumbUrl": thumb}) == expected


def test_a_picture_is_requested_without_a_referrer():
    channel("romeo", image_url="https://a.example/i.png")
    channel("mercutio")
    releases.sync()

    img = '<img src="https://a.example/i.png" alt="" referrerpolicy="no-referrer">'
    assert img in html()
    assert "referrerpolicy" not in html("mercutio")


def test_the_page_speaks_the_browsers_language(romeo):
    italian = get("romeo", accept_language="it")

    assert "Apri in un'app XMPP" in italian.content.decode()
    assert "Accept-Language" in italian.headers["Vary"]


def test_the_service_as_an_account_has_the_same_pages(settings, romeo):
    before = html()
    settings.XMPP_JID = "service@example.org"
    assert html() == before


# --- The code as a picture ---------------------------------------------------------


def test_the_png_is_the_code_of_the_link(romeo):
    answer = get("romeo", "?qr=png")

    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="romeo.png"'
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)))
    assert code.text == "xmpp:verona@example.org?message;thread=romeo"


def test_the_svg_has_the_channels_name(romeo):
    answer = get("romeo", "?qr=svg")

    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "<title>romeo</title>" in answer.content.decode()


@pytest.mark.parametrize("kind", ["", "gif", "SVG", "../x"])
def test_other_pictures_do_not_exist(romeo, kind):
    assert get("romeo", f"?qr={kind}").status_code == 404


def test_other_parameters_are_ignored(romeo):
    assert get("romeo", "?utm_source=poster").status_code == 200


# --- HTTP --------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?qr=svg", "?qr=png"])
def test_a_cache_asks_each_time_and_gets_304_until_something_changes(romeo, query):
    first = get("romeo", query)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "public, no-cache"

    again = get("romeo", query, if_none_match=etag)
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["ETag"] == etag
    assert again.headers["Cache-Control"] == "public, no-cache"

    change("romeo", name="Romeo", server_address="mantua")
    releases.sync()
    http_cache.cache.refresh()
    assert get("romeo", query, if_none_match=etag).status_code == 200


@pytest.mark.parametrize("query", ["", "?qr=svg"])
def test_head_has_the_headers_of_get(romeo, query):
    path = f"/c/romeo{query}"
    got, head = Client().get(path), Client().head(path)

    assert head.status_code == 200
    assert head.content == b""
    for name in ("ETag", "Cache-Control", "Content-Type", "Content-Length"):
        assert head.headers.get(name) == got.headers.get(name)
    etag = got.headers["ETag"]
    assert Client().head(path, headers={"If-None-Match": etag}).status_code == 304


def test_only_reading_is_allowed(romeo):
    assert Client().post("/c/romeo").status_code == 405


@pytest.mark.parametrize("query", ["", "?qr=svg", "?qr=png"])
def test_the_policy_stays_strict_and_no_cookie_is_set(romeo, query):
    answer = get("romeo", query)
    normal = Client().get("/admin/login/").headers["Content-Security-Policy"]

    assert answer.headers["Content-Security-Policy"] == normal
    assert "unsafe" not in normal
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_reads_only_the_cache(romeo):
    # Logged in, too: neither the session nor the user is read.
    client = person("nurse", "", "view_buddy")
    http_cache.cache.refresh()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        for query in ("", "?qr=svg", "?qr=png"):
            client.get(f"/c/romeo{query}")
            client.get("/c/nobody")

    assert [q["sql"] for q in queries if "buddies_release" not in q["sql"]] == []


def test_messages_to_staff_wait_for_a_page_of_the_back_office(romeo):
    client, response = Client(), HttpResponse()
    pending = CookieStorage(RequestFactory().get("/"))
    pending.add(messages.SUCCESS, "Published as version 2.")
    pending.update(response)
    client.cookies = response.cookies

    answer = client.get("/c/romeo")

    assert "Published as" not in answer.content.decode()
    assert not answer.cookies
    assert "Published as" in client.get("/admin/login/").content.decode()


def test_no_log_has_an_address(romeo, caplog):
    caplog.set_level(logging.DEBUG)
    get("secret-garden")
    Client().post("/c/secret-garden/romeo")

    assert "secret" not in caplog.text
    assert "romeo" not in caplog.text
    assert "/c/~" in caplog.text
