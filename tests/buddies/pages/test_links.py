"""A channel's link, the path of its page, and its QR code as a reader decodes it."""

import io
import re

import pytest
import zxingcpp
from PIL import Image

from buddies.pages import links

LINK = "xmpp:desk@example.org?message;thread=atm_milano"


@pytest.mark.parametrize(
    ("address", "server_address", "expected"),
    [
        ("liam", "", "xmpp:liam@example.org?message"),
        ("Liam", "", "xmpp:liam@example.org?message"),
        ("atm_milano", "desk", LINK),
        ("atm_milano", "desk@example.org", LINK),
        ("liam@else.example", "", "xmpp:liam@else.example?message"),
        ("liam@else.example/bot", "", "xmpp:liam@else.example/bot?message"),
        (
            "liam@else.example",
            "desk",
            "xmpp:desk@example.org?message;thread=liam%40else.example",
        ),
        ("Friar Laurence", "", "xmpp:friar%5C20laurence@example.org?message"),
        (
            "città/via è; a=b&c ?#",
            "desk",
            "xmpp:desk@example.org?message;thread=citt%C3%A0%2Fvia%20%C3%A8%3B%20a%3Db"
            "%26c%20%3F%23",
        ),
        ("😀", "desk", "xmpp:desk@example.org?message;thread=%F0%9F%98%80"),
        ("@", "", ""),
        ("liam@", "", ""),
        ("atm_milano", "@nowhere", ""),
    ],
)
def test_the_link_goes_where_clients_send_messages(address, server_address, expected):
    assert links.link(address, server_address, "example.org") == expected


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("liam", "/c/liam"),
        ("a/b c@d", "/c/a%2Fb%20c%40d"),
        ("a/../b", "/c/a%2F..%2Fb"),
        ("100 %?#", "/c/100%20%25%3F%23"),
        ("città", "/c/citt%C3%A0"),
        # Browsers resolve these, however they are written.
        (".", ""),
        ("..", ""),
    ],
)
def test_the_path_of_a_page_has_the_address_as_one_segment(address, path):
    assert links.page_path(address) == path


@pytest.mark.parametrize(
    "link",
    [LINK, "xmpp:a@b?message", "x" * links.MAX_LINK_BYTES],
    ids=["usual", "short", "longest"],
)
def test_a_reader_decodes_the_png(link):
    image = Image.open(io.BytesIO(links.png(link)))

    (code,) = zxingcpp.read_barcodes(image)

    assert code.text == link
    assert code.ec_level == "M"
    assert image.width == image.height >= links.MIN_PNG_PIXELS
    assert {round(dpi) for dpi in image.info["dpi"]} == {links.PNG_DPI}


def test_the_pictures_have_a_quiet_zone_of_four_modules():
    image = Image.open(io.BytesIO(links.png(LINK))).convert("L")
    modules = int(re.search(r"M0 0h(\d+)", links.svg(LINK, "").decode())[1])

    left, top, right, bottom = image.point(lambda light: 255 - light).getbbox()

    quiet = 4 * image.width // modules
    assert (left, top) == (quiet, quiet)
    assert (right, bottom) == (image.width - quiet, image.height - quiet)


def test_the_svg_is_the_same_code_with_a_title():
    svg = links.svg(LINK, "Tickets <& more>").decode()

    assert "<title>Tickets &lt;&amp; more&gt;</title>" in svg
    assert 'width="50.0mm" height="50.0mm"' in svg
    assert 'fill="#fff"' in svg
    (code,) = zxingcpp.read_barcodes(drawn(svg))
    assert code.text == LINK


def drawn(svg: str) -> Image.Image:
    """Draw the modules of an SVG: its path has lines to the right, and moves."""
    side = int(re.search(r"M0 0h(\d+)", svg)[1])
    image = Image.new("L", (side, side), 255)
    (path,) = re.findall(r'stroke="#000" d="([^"]+)"', svg)
    x = y = 0.0
    for kind, first, second in re.findall(r"([Mmh])(-?[\d.]+) ?(-?[\d.]+)?", path):
        if kind == "h":
            width = int(float(first))
            image.paste(0, (int(x), int(y), int(x) + width, int(y) + 1))
            x += width
        else:
            is_absolute = kind == "M"
            x = float(first) + (0 if is_absolute else x)
            y = float(second) + (0 if is_absolute else y)
    return image.resize((side * 8, side * 8), Image.Resampling.NEAREST)


def test_a_code_has_room_for_so_much():
    assert links.has_qr(LINK)
    assert not links.has_qr("")
    assert not links.has_qr("x" * (links.MAX_LINK_BYTES + 1))
