"""Avatars: an uploaded picture becomes two square ones, named by a content hash.

The upload itself is discarded, with its metadata, which may say where it was taken,
and with anything that a browser could mistake for something else. Stored pictures are
never deleted: releases refer to them, and any release may be published again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_MEGABYTES = 5
MAX_MEGAPIXELS = 25
# Side lengths in pixels.
IMAGE, THUMB = 512, 96
NAME = r"[0-9a-f]{32}-(?:512|96)\.webp"

_FOLDER = "avatars"
_QUALITY = 85
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Avatar(NamedTuple):
    """Addresses of a picture and of its thumbnail, from this service's root."""

    image: str
    thumb: str


def read(name: str) -> bytes | None:
    """Return the file of a name that matches ``NAME``; None if there is none."""
    try:
        with default_storage.open(f"{_FOLDER}/{name}") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def store(file: Any) -> Avatar:
    """Store an uploaded picture; return its addresses, which depend on its content.

    Raises ValidationError, with a message for the user.
    """
    picture = _square(_decode(file))
    image, thumb = _webp(picture, IMAGE), _webp(picture, THUMB)
    digest = hashlib.sha256(image).hexdigest()[:32]
    return Avatar(
        _store_file(f"{_FOLDER}/{digest}-{IMAGE}.webp", image),
        _store_file(f"{_FOLDER}/{digest}-{THUMB}.webp", thumb),
    )


# --- In -----------------------------------------------------------------------


def _decode(file: Any) -> Image.Image:
    _refuse_bytes(file.size)
    with _plain_errors(), Image.open(file, formats=FORMATS) as image:
        # Up to here only the header was read.
        _refuse_pixels(image.width * image.height)
        image.load()
        return _upright(image)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except ValidationError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        text = _("The picture has more than %(most)s megapixels. Make it smaller.")
        raise ValidationError(text % {"most": MAX_MEGAPIXELS}) from None
    except Exception:
        # Pillow raises a dozen undocumented types for broken files.
        text = _("This is not a picture we can read: use JPEG, PNG, WEBP or GIF.")
        raise ValidationError(text) from None


def _refuse_bytes(size: int) -> None:
    if size > MAX_MEGABYTES * 1024 * 1024:
        text = _(
            "The picture is %(size).1f MB; the limit is %(most)s MB. Make it smaller."
        )
        params = {"size": size / 1024 / 1024, "most": MAX_MEGABYTES}
        raise ValidationError(text, params=params)


def _refuse_pixels(pixels: int) -> None:
    if pixels > MAX_MEGAPIXELS * 1_000_000:
        text = _(
            "The picture has %(count)s megapixels; the limit is %(most)s. "
            "Make it smaller."
        )
        # Rounded up: 25.1 is more than 25.
        params = {"count": -(-pixels // 1_000_000), "most": MAX_MEGAPIXELS}
        raise ValidationError(text, params=params)


def _upright(image: Image.Image) -> Image.Image:
    # Not ImageOps.exif_transpose: it rewrites the other tags, and fails on bad ones.
    transposition = _TRANSPOSITIONS.get(
        image.getexif().get(ExifTags.Base.Orientation, 1)
    )
    return image.copy() if transposition is None else image.transpose(transposition)


# --- The square ---------------------------------------------------------------


def _square(image: Image.Image) -> Image.Image:
    """Return the centre square of a picture in sRGB, at most 512 pixels wide."""
    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode in _SIXTEEN_BITS:
        image = image.point(lambda level: level * (1 / 256)).convert("L")
    if image.mode != "CMYK":
        image = image.convert(mode)
    side = min(IMAGE, *image.size)
    small = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
    square = _in_srgb(small, profile, mode).convert(mode)
    # Pillow would write these into the file: profile, comments, camera.
    square.info.clear()
    return square


def _in_srgb(image: Image.Image, profile: bytes | None, mode: str) -> Image.Image:
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        # The profile is for other pixel formats: the colours are slightly off.
        return image
    return converted or image


# --- Out ----------------------------------------------------------------------


def _webp(picture: Image.Image, side: int) -> bytes:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "WEBP", quality=_QUALITY, method=6)
    return file.getvalue()


def _store_file(name: str, data: bytes) -> str:
    if not _is_whole(name, data):
        stored_name = default_storage.save(name, ContentFile(data))
        if stored_name != name:
            # Another request stored the same picture at the same time.
            default_storage.delete(stored_name)
    return str(default_storage.url(name))


def _is_whole(name: str, data: bytes) -> bool:
    if not default_storage.exists(name):
        return False
    if default_storage.size(name) == len(data):
        return True
    # An incomplete file, from when the machine stopped.
    default_storage.delete(name)
    return False
