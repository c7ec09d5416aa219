"""The form of an entry: the upload, the locked address, the rendering."""

import io
import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from buddies.models import Buddy, Tree
from buddies.pages.forms import BuddyForm
from buddies.publishing import releases
from buddies.tree import edits
from tests.buddies.conftest import channel, group

pytestmark = pytest.mark.django_db

ENTRIES = "/admin/buddies/buddy/"
ELSEWHERE = "https://pictures.example.org/romeo.png"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def romeo() -> Buddy:
    return channel("romeo")


def picture(colour: str = "red") -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (600, 600), colour).save(file, "PNG")
    return SimpleUploadedFile("romeo.png", file.getvalue(), "image/png")


def sent(buddy: Buddy, **changed: object) -> dict[str, object]:
    """Return what a browser posts for an entry."""
    names = ("type", "name", "status", "default_message", "image_url", "thumb_url")
    texts = {name: getattr(buddy, name) for name in (*names, "server_address")}
    here = {"address": buddy.address, "parent": buddy.parent_id or ""}
    flags = {"web_is_published": "on"} if buddy.web_is_published else {}
    return {**texts, **here, **flags, **changed}


def filled(buddy: Buddy, avatar: object = None, **changed: object) -> BuddyForm:
    files = {"avatar": avatar} if avatar else {}
    return BuddyForm(sent(buddy, **changed), files, instance=buddy)


def change_url(buddy: Buddy) -> str:
    return f"{ENTRIES}{buddy.pk}/change/"


def nurse(*permissions: str) -> Client:
    user = User.objects.create_user("nurse", is_staff=True)
    names = ("edit_live", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


# --- The picture --------------------------------------------------------------


def test_an_upload_sets_both_addresses(client: Client, admin_client: Client, romeo):
    admin_client.post(change_url(romeo), sent(romeo, avatar=picture()))

    romeo.refresh_from_db()
    assert romeo.image_url.startswith("/media/avatars/")
    assert romeo.image_url.endswith("-512.webp")
    assert romeo.thumb_url.endswith("-96.webp")
    assert client.get(romeo.image_url).status_code == 200
    assert client.get(romeo.thumb_url).status_code == 200


def test_a_new_entry_can_have_a_picture(admin_client: Client):
    new = Buddy(name="juliet", type="channel", address="juliet")

    admin_client.post(f"{ENTRIES}add/", sent(new, avatar=picture()))

    assert Buddy.objects.get().thumb_url.startswith("/media/avatars/")


def test_an_upload_changes_only_the_picture_addresses(romeo):
    form = filled(romeo, picture(), seen=99)
    assert form.is_valid()
    assert form.changed_data == ["image_url", "thumb_url"]


def test_nothing_changes_when_nothing_is_uploaded(romeo):
    romeo.image_url = romeo.thumb_url = ELSEWHERE
    form = filled(romeo)
    assert form.is_valid()
    assert form.changed_data == []


def test_an_upload_overrides_typed_addresses(romeo):
    form = filled(romeo, picture(), image_url=ELSEWHERE, thumb_url="bell\x07")
    assert form.is_valid()
    assert form.cleaned_data["image_url"].endswith("-512.webp")
    assert form.cleaned_data["thumb_url"].endswith("-96.webp")


def test_an_address_can_be_typed(romeo):
    form = filled(romeo, image_url=ELSEWHERE)
    assert form.is_valid()
    assert form.changed_data == ["image_url"]
    assert form.instance.image_url == ELSEWHERE


def test_a_picture_is_removed(romeo):
    romeo.image_url = romeo.thumb_url = ELSEWHERE
    form = filled(romeo, **{"avatar-clear": "on"})
    assert form.is_valid()
    assert set(form.changed_data) == {"image_url", "thumb_url"}
    assert (form.instance.image_url, form.instance.thumb_url) == ("", "")


def test_an_upload_survives_an_error_elsewhere(admin_client: Client, romeo):
    answer = admin_client.post(
        change_url(romeo), sent(romeo, name="", avatar=picture())
    )

    form = answer.context["adminform"].form
    assert list(form.errors) == ["name"]
    kept = form["image_url"].value()
    assert kept.endswith("-512.webp")
    assert f'<img src="{kept}" alt="">' in str(form["avatar"])
    assert f'value="{kept}"' in answer.content.decode()


def test_a_refused_upload_is_reported_at_the_picture(
    admin_client: Client, romeo, media
):
    text = SimpleUploadedFile("romeo.png", b"Wherefore art thou?", "image/png")

    answer = admin_client.post(change_url(romeo), sent(romeo, avatar=text))

    assert answer.context["adminform"].form.errors == {
        "avatar": [
            "This is not a picture we can read: use JPEG, PNG, WEBP or GIF.",
        ]
    }
    romeo.refresh_from_db()
    assert romeo.image_url == ""
    assert not media.exists()


def test_the_current_picture_is_shown_and_can_be_removed(romeo):
    assert "avatar-clear" not in str(filled(romeo)["avatar"])
    romeo.image_url = 'https://pictures.example.org/"><script>'

    html = str(BuddyForm(instance=romeo)["avatar"])

    assert 'name="avatar-clear"' in html
    assert "<script>" not in html
    assert 'accept="image/*"' in html


# --- Texts --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["default_message", "status"])
def test_line_breaks_from_a_browser_are_not_an_edit(romeo, name):
    setattr(romeo, name, "\none\ntwo ")

    form = filled(romeo, **{name: "\r\none\r\ntwo "})

    assert form.is_valid()
    assert form.changed_data == []


def test_a_line_break_counts_as_one_character(romeo):
    assert filled(romeo, status="\r\n" * 1000).is_valid()
    assert list(filled(romeo, status="\r\n" * 1001).errors) == ["status"]


# --- The address --------------------------------------------------------------


def test_an_address_is_known_once_the_entry_was_shown(romeo):
    assert not releases.has_shown(romeo)
    releases.sync()
    assert releases.has_shown(romeo)

    (romeo,) = edits.change([romeo], "juliet", web_is_published=False)
    releases.sync()
    assert releases.has_shown(romeo)

    (romeo,) = edits.change([romeo], "juliet", address="another")
    assert not releases.has_shown(romeo)


def test_a_known_address_cannot_be_changed(romeo):
    releases.sync()
    client = nurse("view_buddy", "change_buddy")

    html = client.get(change_url(romeo)).content.decode()
    client.post(change_url(romeo), sent(romeo, address="montague", name="Romeo"))

    assert "Apps already use this address, so it can't be changed" in html
    assert 'name="address"' not in html
    romeo.refresh_from_db()
    assert (romeo.name, romeo.address) == ("Romeo", "romeo")


def test_an_address_unknown_to_clients_can_be_changed(romeo):
    client = nurse("view_buddy", "change_buddy")

    client.post(change_url(romeo), sent(romeo, address="montague"))

    assert Buddy.objects.get().address == "montague"


def test_a_permission_allows_changing_a_known_address(romeo):
    releases.sync()
    client = nurse("view_buddy", "change_buddy", "change_address")

    html = client.get(change_url(romeo)).content.decode()
    client.post(change_url(romeo), sent(romeo, address="montague"))

    assert "Apps already use this address" not in html
    assert Buddy.objects.get().address == "montague"


# --- Rendering ----------------------------------------------------------------


def test_the_form_sends_the_version_it_was_rendered_from(romeo):
    version = Tree.objects.get().version

    form = BuddyForm(instance=romeo)
    posted, without = filled(romeo, seen=version), filled(romeo)

    assert f'name="seen" value="{version}"' in str(form["seen"])
    assert posted.is_valid()
    assert posted.cleaned_data["seen"] == version
    assert without.is_valid()
    assert without.cleaned_data["seen"] is None


def test_the_form_is_rendered_before_there_is_a_tree(admin_client: Client):
    Tree.objects.all().delete()
    assert admin_client.get(f"{ENTRIES}add/").status_code == 200


def test_the_form_has_four_parts(admin_client: Client, romeo):
    answer = admin_client.get(change_url(romeo))

    names = [fieldset.name for fieldset in answer.context["adminform"]]
    assert names == [
        "What people see",
        "Where it appears",
        "Schedule",
        "Technical",
    ]
    assert "multipart/form-data" in answer.content.decode()


def test_each_time_names_its_time_zone(admin_client: Client, romeo, settings):
    settings.TIME_ZONE = "Europe/Rome"
    (romeo,) = edits.change([romeo], "juliet", visible_from=timezone.now())

    html = admin_client.get(change_url(romeo)).content.decode()
    history = admin_client.get(f"{ENTRIES}{romeo.pk}/history/").content.decode()

    for name in ("visible_from_1", "visible_until_1"):
        _, after = html.split(f'name="{name}"')
        assert "Time zone: Europe/Rome" in after[: after.index("</p>")]
    assert re.search(r"→ \d+ \w+ \d{4}, \d\d:\d\d \(Europe/Rome\)", history)
    (footer,) = re.findall("<footer.+?</footer>", history, re.DOTALL)
    assert "Time zone: Europe/Rome" in footer


def test_the_form_has_nothing_that_a_strict_csp_forbids(admin_client: Client, romeo):
    romeo.image_url = ELSEWHERE
    romeo.save()
    html = admin_client.get(change_url(romeo)).content.decode()
    start = html.index('class="entry-form"')
    form = html[start : html.index("</aside>")]
    assert "entry-card" in form
    assert not re.search(r"<script|<style|\s(style|on\w+)=", form)


def test_viewers_see_the_picture(romeo):
    romeo.thumb_url = ELSEWHERE
    romeo.save()
    verona = group("verona")
    client = nurse("view_buddy")

    html = client.get(change_url(romeo)).content.decode()

    assert f'<img class="avatar-seen" src="{ELSEWHERE}" alt="">' in html
    assert 'type="file"' not in html
    assert client.get(change_url(verona)).status_code == 200
