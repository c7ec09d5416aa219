"""The product's name, colour and logo, which the settings choose.

One colour is enough: what has to be read on it, or in it, is made light or dark enough
for that.

Source: WCAG 2.2, 1.4.3 (contrast of 4.5) and "relative luminance".
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

CONTRAST = 4.5
STEP = 0.02  # of a way to black or white
# The surfaces of site.css, light and dark.
LIGHT, DARK = "#ffffff", "#17171d"
TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
DAY_SECONDS = 86_400

Colour = tuple[float, float, float]  # red, green and blue, 0 to 1


class Product(NamedTuple):
    """What a page needs: its name, and the addresses of its styles and its logo.

    Without a colour or a logo of its own, the address is empty.
    """

    name: str
    styles: str
    logo: str


def urls() -> list[URLPattern]:
    return [
        path("colours.css", styles, name="product_styles"),
        path("logo", logo, name="product_logo"),
    ]


def product() -> Product:
    """Return what the settings choose."""
    styles_address, logo_address = "", ""
    if settings.PRODUCT_COLOUR:
        tag = settings.PRODUCT_COLOUR.removeprefix("#")
        styles_address = f"{reverse('product_styles')}?{tag}"
    if settings.PRODUCT_LOGO:
        logo_address = f"{reverse('product_logo')}?{_logo(settings.PRODUCT_LOGO)[0]}"
    return Product(settings.PRODUCT_NAME, styles_address, logo_address)


@require_safe
def styles(request: HttpRequest) -> HttpResponse:
    """The colours as a style sheet, for everybody: the login has them, too."""
    if not settings.PRODUCT_COLOUR:
        raise Http404
    lines = colours(settings.PRODUCT_COLOUR).items()
    text = "".join(f"  {name}: {value};\n" for name, value in lines)
    return _cached(f"html:root {{\n{text}}}\n".encode(), "text/css; charset=utf-8")


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """The logo, for everybody."""
    if not settings.PRODUCT_LOGO:
        raise Http404
    _tag, content = _logo(settings.PRODUCT_LOGO)
    return _cached(content, TYPES[Path(settings.PRODUCT_LOGO).suffix.lower()])


def _cached(content: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    return response


@lru_cache
def _logo(file: str) -> tuple[str, bytes]:
    content = Path(file).read_bytes()
    return hashlib.sha256(content).hexdigest()[:8], content


# --- Colours --------------------------------------------------------------------------


def colours(brand: str) -> dict[str, str]:
    """Return the variables of site.css that depend on the product's colour."""
    soft_light, soft_dark = _mix(brand, LIGHT, 0.9), _mix(brand, DARK, 0.75)
    text_light = _readable(brand, (soft_light, LIGHT), _darker)
    text_dark = _readable(brand, (soft_dark, DARK), _lighter)
    is_dark = contrast(brand, LIGHT) >= contrast(brand, "#000000")
    written = LIGHT if is_dark else "#000000"
    # What is written on it can be read in both themes.
    brand = _readable(brand, (written,), _darker if is_dark else _lighter)
    hover = _darker(brand, 0.15) if is_dark else _lighter(brand, 0.15)
    return {
        "--brand": brand,
        "--brand-hover": hover,
        "--brand-fg": written,
        "--brand-text": f"light-dark({text_light}, {text_dark})",
        "--brand-soft": f"light-dark({soft_light}, {soft_dark})",
        "--link-hover-color": (
            f"light-dark({_darker(text_light, 0.25)}, {_lighter(text_dark, 0.25)})"
        ),
    }


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours: 1 to 21."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _readable(
    colour: str, on: Sequence[str], towards: Callable[[str, float], str]
) -> str:
    """Return the colour, so far towards black or white that it can be read on these."""
    share, result = 0.0, colour
    while min(contrast(result, one) for one in on) < CONTRAST and share < 1:
        share += STEP
        result = towards(colour, share)
    return result


def _darker(colour: str, share: float) -> str:
    return _mix(colour, "#000000", share)


def _lighter(colour: str, share: float) -> str:
    return _mix(colour, "#ffffff", share)


def _mix(one: str, other: str, share: float) -> str:
    """Return a colour between two, so far towards the other one."""
    share = min(1.0, share)
    pairs = zip(_parts(one), _parts(other), strict=True)
    mixed = (round(255 * (a + (b - a) * share)) for a, b in pairs)
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(colour: str) -> Colour:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
