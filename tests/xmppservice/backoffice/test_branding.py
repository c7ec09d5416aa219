"""The product's name, colour and logo."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from xmppservice import environment
from xmppservice.backoffice.branding import CONTRAST, colours, contrast

LOGIN = "/admin/login/"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
def logo(tmp_path, settings) -> str:
    file = tmp_path / "Logo.SVG"
    file.write_text(SVG)
    settings.PRODUCT_LOGO = str(file)
    return str(file)


def sides(value: str) -> list[str]:
    """The colours of light-dark(), or twice the only one."""
    if not value.startswith("light-dark("):
        return [value, value]
    return value.removeprefix("light-dark(").removesuffix(")").split(", ")


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_can_be_read_in_both_themes(number):
    found = colours(f"#{number:06x}")
    for theme, surface in enumerate(("#ffffff", "#17171d")):
        of = {name: sides(value)[theme] for name, value in found.items()}
        assert contrast(of["--brand-fg"], of["--brand"]) >= CONTRAST
        assert contrast(of["--brand-text"], of["--brand-soft"]) >= CONTRAST
        assert contrast(of["--brand-text"], surface) >= CONTRAST


def test_contrast_is_that_of_the_recommendation():
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


def test_the_pages_have_the_name_the_colour_and_the_logo(db, logo, settings):
    settings.PRODUCT_NAME, settings.PRODUCT_COLOUR = "Acme <Messages>", "#0f766e"

    html = Client().get(LOGIN).content.decode()

    assert "Acme &lt;Messages&gt;</a>" in html
    assert "XMPP Service" not in html
    assert '<link rel="stylesheet" href="/product/colours.css?0f766e">' in html
    styles = Client().get("/product/colours.css")
    assert "--brand: #0f766e;" in styles.content.decode()
    shown = Client().get("/product/logo")
    assert shown.content.decode() == SVG
    assert shown.headers["Content-Type"] == "image/svg+xml"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_without_them_the_pages_are_as_they_were(db):
    html = Client().get(LOGIN).content.decode()
    assert "XMPP Service</a>" in html
    assert "/product/" not in html
    for page in ("colours.css", "logo"):
        assert Client().get(f"/product/{page}").status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PRODUCT_COLOUR", "red", "PRODUCT_COLOUR must be like #0f766e, not 'red'."),
        ("PRODUCT_COLOUR", "#fff", "PRODUCT_COLOUR must be like #0f766e, not '#fff'."),
        (
            "PRODUCT_LOGO",
            "/etc/passwd",
            "PRODUCT_LOGO must be an SVG, PNG or WEBP file.",
        ),
        ("PRODUCT_LOGO", "/no/logo.svg", "PRODUCT_LOGO: No such file or directory."),
    ],
)
def test_what_cannot_be_read_stops_the_start(monkeypatch, name, value, reason):
    monkeypatch.setenv(name, value)
    read = {"PRODUCT_COLOUR": environment.colour, "PRODUCT_LOGO": environment.picture}
    with pytest.raises(ImproperlyConfigured) as failure:
        read[name](name)
    assert str(failure.value) == reason


def test_blank_values_are_the_defaults(monkeypatch):
    for name, read in (("A", environment.colour), ("B", environment.picture)):
        monkeypatch.setenv(name, " ")
        assert read(name) == ""
    monkeypatch.setenv("A", " #0F766E ")
    assert environment.colour("A") == "#0f766e"
