"""What the workspace's dialog "Link and QR code" shows about a channel."""

import io

import pytest
import zxingcpp
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from buddies.publishing import releases
from tests.buddies.conftest import channel, group, named
from tests.buddies.pages.workspace_client import CHANNELS, ask, change, key, person

pytestmark = pytest.mark.django_db

LATER = "No app shows this channel yet: this works once it is published."


@pytest.fixture(autouse=True)
def _settings(settings) -> None:
    settings.XMPP_DOMAINS = ["example.org"]
    settings.PUBLIC_URL = "https://buddies.example.org"


@pytest.fixture
def viewer() -> Client:
    return person("nurse", "", "view_buddy")


def link(client: Client, name: str = "romeo") -> dict:
    return ask(client, "link", id=key(name))


def test_a_live_channel_has_its_link_and_its_pictures(viewer):
    channel("romeo", server_address="verona")
    releases.sync()

    shown = link(viewer)

    view = f"{CHANNELS}qr/?id={key('romeo')}&as="
    assert shown == {
        "link": "xmpp:verona@example.org?message;thread=romeo",
        "page": "",
        "pictures": {"svg": f"{view}svg", "png": f"{view}png"},
        "notes": [],
    }


def test_the_page_is_shown_if_there_are_pages(viewer, settings):
    settings.CHANNEL_PAGES = True
    channel("romeo", address="romeo/1")
    channel("dots", address="..", server_address="verona")

    assert link(viewer)["page"] == "https://buddies.example.org/c/romeo%2F1"
    assert link(viewer, "dots")["page"] == ""


def test_a_channel_that_no_app_shows_has_its_link_all_the_same(viewer):
    hidden = group("house", web_is_published=False)
    channel("romeo", hidden)
    channel("draft", web_is_published=False)
    releases.sync()

    for name in ("romeo", "draft"):
        assert link(viewer, name)["link"] == f"xmpp:{name}@example.org?message"
        assert link(viewer, name)["notes"] == [LATER]


def test_an_address_that_leads_nowhere_is_said_instead(viewer, settings):
    settings.CHANNEL_PAGES = True
    channel("romeo", address="@")

    shown = link(viewer)

    assert (shown["link"], shown["page"], shown["pictures"]) == ("", "", {})
    (note,) = shown["notes"]
    assert note.startswith("Apps can't send messages to this channel's address")


def test_a_link_that_is_too_long_has_no_pictures(viewer):
    channel("romeo", address="😀" * 250, server_address="verona")

    shown = link(viewer)

    assert shown["link"]
    assert shown["pictures"] == {}
    assert shown["notes"] == [LATER, "The link is too long for a QR code."]


def test_the_link_is_that_of_the_tree_and_not_of_what_is_live(viewer):
    channel("romeo")
    releases.sync()
    change("romeo", address="montague")

    assert link(viewer)["link"] == "xmpp:montague@example.org?message"
    assert link(viewer)["notes"] == [LATER]


@pytest.mark.parametrize("key", ["", "0", "x", "99999999999999999999"])
def test_what_is_no_channel_has_no_link(viewer, key):
    answer = viewer.get(f"{CHANNELS}link/", {"id": key})

    assert answer.status_code == 409
    assert answer.json() == {"error": "Someone deleted this in the meantime."}
    assert viewer.get(f"{CHANNELS}qr/", {"id": key, "as": "svg"}).status_code == 404


def test_a_group_has_no_link(viewer):
    group("verona")
    query = {"id": named("verona").pk, "as": "svg"}
    assert viewer.get(f"{CHANNELS}link/", query).status_code == 409
    assert viewer.get(f"{CHANNELS}qr/", query).status_code == 404


def test_the_pictures_are_files_with_the_channels_name(viewer):
    channel("Città", server_address="verona")
    pictures = link(viewer, "Città")["pictures"]

    svg, png = (viewer.get(pictures[kind]) for kind in ("svg", "png"))

    assert "<title>Città</title>" in svg.content.decode()
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png.content)))
    assert code.text == link(viewer, "Città")["link"]
    assert (
        png.headers["Content-Disposition"] == "inline; filename*=utf-8''Citt%C3%A0.png"
    )
    assert viewer.get(pictures["svg"][:-3] + "gif").status_code == 404


def test_a_user_without_the_permission_sees_neither():
    channel("romeo")
    client = Client()
    client.force_login(User.objects.create_user("paris", is_staff=True))
    for view in ("link", "qr"):
        query = {"id": key("romeo"), "as": "svg"}
        assert client.get(f"{CHANNELS}{view}/", query).status_code == 403
