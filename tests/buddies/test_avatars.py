"""Uploaded pictures: how they are stored, refused and served."""

import io
import struct
import urllib.request
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import ExifTags, Image, ImageCms

from buddies import avatars
from tests.service import Service

UNREADABLE = "This is not a picture we can read: use JPEG, PNG, WEBP or GIF."
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def keep(data: bytes, name: str = "picture.png") -> avatars.Avatar:
    return avatars.store(SimpleUploadedFile(name, data))


def stored(address: str) -> Image.Image:
    data = avatars.read(address.rpartition("/")[2])
    assert data is not None
    return Image.open(io.BytesIO(data))


def kept(data: bytes) -> Image.Image:
    return stored(keep(data).image)


def refusal(data: bytes, name: str = "picture.png") -> str:
    with pytest.raises(ValidationError) as caught:
        keep(data, name)
    (reason,) = caught.value.messages
    return reason


def is_near(colour: tuple, wanted: tuple) -> bool:
    return all(abs(one - two) < 40 for one, two in zip(colour, wanted, strict=True))


def halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def claiming(width: int, height: int) -> bytes:
    """Return a nearly empty PNG whose header claims the size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + crc(kind + data)

    def crc(data: bytes) -> bytes:
        return struct.pack(">I", zlib.crc32(data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


# --- Conversion ---------------------------------------------------------------


def test_a_picture_becomes_two_squares():
    kept = keep(encoded(Image.new("RGB", (1200, 800), RED), "JPEG"))

    image, thumb = stored(kept.image), stored(kept.thumb)

    assert (image.format, image.size) == ("WEBP", (512, 512))
    assert (thumb.format, thumb.size) == ("WEBP", (96, 96))
    assert kept.image.startswith("/media/avatars/")
    assert kept.image.removesuffix("-512.webp") == kept.thumb.removesuffix("-96.webp")


def test_a_picture_is_cropped_to_its_middle():
    picture = Image.new("RGB", (900, 300), RED)
    picture.paste(GREEN, (300, 0, 600, 300))

    square = kept(encoded(picture))

    assert all(is_near(square.getpixel((x, 150)), GREEN) for x in (4, 150, 295))


@pytest.mark.parametrize(
    ("size", "image", "thumb"),
    [((300, 200), 200, 96), ((50, 50), 50, 50), ((1, 1), 1, 1), ((1, 3000), 1, 1)],
)
def test_a_small_picture_is_not_made_larger(size, image, thumb):
    kept = keep(encoded(Image.new("RGB", size, RED)))
    assert stored(kept.image).size == (image, image)
    assert stored(kept.thumb).size == (thumb, thumb)


@pytest.mark.parametrize(
    ("orientation", "place", "colour"),
    [
        (1, "top", RED),
        (2, "top", RED),
        (3, "top", BLUE),
        (4, "top", BLUE),
        (5, "left", RED),
        (6, "left", BLUE),
        (7, "left", BLUE),
        (8, "left", RED),
        (99, "top", RED),
    ],
)
def test_the_exif_orientation_is_applied(orientation, place, colour):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation

    square = kept(encoded(halves(64, 64), "JPEG", exif=exif))

    pixel = {"top": (32, 8), "left": (8, 32)}[place]
    assert is_near(square.getpixel(pixel), colour)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_such_as_the_location_is_removed(kind):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera of Romeo"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (45.0, 26.0, 0.0)
    data = encoded(Image.new("RGB", (64, 64), RED), kind, exif=exif)
    assert b"Romeo" in data

    made = keep(data)

    for address in made:
        assert b"Romeo" not in (avatars.read(address.rpartition("/")[2]) or b"")
        assert dict(stored(address).getexif()) == {}
        assert not {"exif", "xmp", "icc_profile"} & stored(address).info.keys()


def test_a_picture_with_bad_metadata_is_kept():
    data = encoded(Image.new("RGB", (9, 9), RED), "JPEG", exif=b"Exif\0\0MM\0*")
    assert kept(data).size == (9, 9)


def translucent(mode: str) -> Image.Image:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 255, 0, 255), (0, 0, 64, 32))
    return image.quantize() if mode == "P" else image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_preserved(mode):
    square = kept(encoded(translucent(mode)))

    assert square.mode == "RGBA"
    assert square.getpixel((32, 8))[3] == 255
    assert square.getpixel((32, 56))[3] == 0


@pytest.mark.parametrize(
    ("mode", "level"),
    [("1", 1), ("L", 128), ("P", 128), ("I;16", 128 * 256), ("RGB", (128,) * 3)],
)
def test_each_kind_of_png_is_read(mode, level):
    picture = Image.new(mode, (9, 9), level)
    if mode == "P":
        picture.putpalette([shade for shade in range(256) for _ in "rgb"])

    square = kept(encoded(picture))

    assert square.mode == "RGB"
    assert is_near(square.getpixel((4, 4)), (255 if mode == "1" else 128,) * 3)


def test_a_cmyk_jpeg_is_read():
    square = kept(encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG"))
    assert is_near(square.getpixel((4, 4)), RED)


@pytest.mark.parametrize("profile", [b"nonsense", "LAB", "sRGB"])
def test_a_colour_profile_is_applied_and_a_bad_one_ignored(profile):
    if isinstance(profile, str):
        made = ImageCms.ImageCmsProfile(ImageCms.createProfile(profile))
        profile = made.tobytes()

    square = kept(encoded(Image.new("RGB", (9, 9), RED), icc_profile=profile))

    assert is_near(square.getpixel((4, 4)), RED)
    assert "icc_profile" not in square.info


def test_the_first_frame_of_an_animation_is_kept():
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    square = kept(data)

    assert getattr(square, "n_frames", 1) == 1
    assert is_near(square.convert("RGB").getpixel((32, 32)), RED)


# --- Addresses by content -----------------------------------------------------


def test_the_same_picture_has_the_same_addresses(media):
    data = encoded(halves(600, 600))

    first, again = keep(data, "one.png"), keep(data, "two.png")
    other = keep(encoded(halves(600, 500)))

    assert first == again
    assert other != first
    assert len(list((media / "avatars").iterdir())) == 4


def test_the_same_picture_is_not_written_again(media):
    data = encoded(halves(600, 600))
    keep(data)
    before = {path: path.stat().st_ino for path in (media / "avatars").iterdir()}

    keep(data)

    assert {
        path: path.stat().st_ino for path in (media / "avatars").iterdir()
    } == before


def test_a_truncated_file_is_written_again(media):
    data = encoded(halves(600, 600))
    name = keep(data).image.rpartition("/")[2]
    whole = avatars.read(name)
    (media / "avatars" / name).write_bytes(whole[:100])

    keep(data)

    assert avatars.read(name) == whole
    assert len(list((media / "avatars").iterdir())) == 2


# --- Refusals -----------------------------------------------------------------


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"Wherefore art thou?", "romeo.png"),
        (SVG, "romeo.svg"),
        (SVG, "romeo.png"),
        (b"\x89PNG\r\n\x1a\n", "romeo.png"),
        (encoded(Image.new("RGB", (9, 9)), "BMP"), "romeo.png"),
        (encoded(Image.new("RGB", (9, 9)), "TIFF"), "romeo.tiff"),
        (encoded(Image.new("RGB", (9, 9)), "ICO"), "romeo.png"),
    ],
    ids=["text", "svg", "svg as png", "head of a png", "bmp", "tiff", "ico"],
)
def test_other_file_types_are_refused(data, name, media):
    assert refusal(data, name) == UNREADABLE
    assert not media.exists()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind, part):
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    data = encoded(noise, kind)
    assert refusal(data[: int(len(data) * part)]) == UNREADABLE


def test_a_picture_of_too_many_pixels_is_refused():
    assert refusal(claiming(8000, 5000)) == (
        "The picture has 40 megapixels; the limit is 25. Make it smaller."
    )
    assert refusal(claiming(5001, 5000)).startswith("The picture has 26 megapixels")


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    assert refusal(claiming(side, side)) == (
        "The picture has more than 25 megapixels. Make it smaller."
    )


def test_too_many_bytes_are_refused():
    data = encoded(Image.new("RGB", (9, 9))) + b"\0" * (6 * 1024 * 1024)
    assert refusal(data) == (
        "The picture is 6.0 MB; the limit is 5 MB. Make it smaller."
    )


# --- Serving ------------------------------------------------------------------


def test_pictures_are_public_and_immutable(client: Client):
    made = keep(encoded(Image.new("RGB", (64, 64), RED)))

    for address in made:
        response = client.get(address)

        assert response.status_code == 200
        assert Image.open(io.BytesIO(response.content)).format == "WEBP"
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "public, max-age=31536000, immutable" in response["Cache-Control"]
        assert "Set-Cookie" not in response.headers
        assert client.head(address).status_code == 200
        assert client.post(address).status_code == 405


def test_the_running_service_serves_them(service: Service):
    folder, name = service.folder / "media" / "avatars", f"{'1' * 32}-96.webp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"a picture")
    url = f"http://127.0.0.1:{service.http_port}/media/avatars/{name}"

    with urllib.request.urlopen(url, timeout=20) as response:
        assert response.read() == b"a picture"
        assert response.headers["Content-Type"] == "image/webp"
    (folder / name).unlink()

    warned = [line for line in service.log.read_text().splitlines() if name in line]
    assert not warned, "the file was left open"


@pytest.mark.parametrize(
    "path",
    [
        f"avatars/{'0' * 32}-512.webp",
        "avatars/",
        "avatars/secret.webp",
        "avatars/../secret.webp",
        "avatars/..%2Fsecret.webp",
        "avatars/%2e%2e/%2e%2e/secret-key",
        "avatars//etc/passwd",
        f"avatars/{'0' * 32}-512.webp/",
        f"avatars/{'0' * 32}-512.webp%0A",
        f"avatars/{'0' * 32}-512.webp%00",
        f"avatars/{'A' * 32}-512.webp",
        f"avatars/{'0' * 32}-256.webp",
        "secret.webp",
        "",
    ],
)
def test_nothing_else_is_served(client: Client, path):
    for name in ("secret.webp", "avatars/secret.webp"):
        default_storage.save(name, ContentFile(b"secret"))
    assert client.get(f"/media/{path}").status_code == 404
