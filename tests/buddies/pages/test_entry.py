"""The panel's entry: what it shows, and what it writes."""

from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from buddies.models import Buddy
from tests.buddies.conftest import named, outline, rows
from tests.buddies.pages.workspace_client import (
    CHANNELS,
    NEW,
    ask,
    change,
    key,
    send,
    version,
)

pytestmark = pytest.mark.django_db


def write(client: Client, entry: str, seen: int, **texts: str):
    return send(client, "write", ids=[key(entry)], texts=texts, seen=seen)


def test_the_panel_gets_what_people_see_of_an_entry(editor: Client, verona):
    change("romeo", status="in love", default_message="O, speak again!")

    answer = ask(editor, "entry", id=key("romeo"))

    assert answer == {
        "version": version(),
        "entry": {
            "key": str(key("romeo")),
            "type": "channel",
            "name": "romeo",
            "status": "in love",
            "message": "O, speak again!",
            "imageUrl": "",
            "thumbUrl": "",
            "mobile": False,
            "web": True,
            "place": {
                "tone": "live",
                "words": "Live on the web",
                "until": "On its way to the web …",
            },
            "remarks": [],
            "unanswered": "",
        },
    }


@pytest.mark.parametrize("number", ["", "0", "x", "-1", "99999", "9" * 30])
def test_an_entry_that_is_gone_is_said(editor: Client, verona, number):
    response = editor.get(f"{CHANNELS}entry/", {"id": number})
    assert response.status_code == 409
    assert response.json() == {"error": "Someone deleted this in the meantime."}


def test_only_the_written_texts_change(editor: Client, verona):
    seen = version()
    change("romeo", web_is_published=False, status="banished")

    response = write(editor, "romeo", seen, name="Romeo", message="Hello")

    assert response.status_code == 200
    romeo = named("Romeo")
    assert (romeo.default_message, romeo.status) == ("Hello", "banished")
    assert not romeo.web_is_published


def test_a_text_that_someone_else_wrote_is_not_overwritten(editor: Client, verona):
    seen = version()
    change("romeo", status="banished")
    before = rows()

    response = write(editor, "romeo", seen, status="in love")

    assert response.status_code == 409
    message = response.json()["error"].replace("\xa0", " ")
    assert message == "mercutio changed “romeo” just now: status text."
    assert rows() == before


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"name": " "}, "cannot be blank"),
        ({"name": "x" * 256}, "255"),
        ({"message": "\x00"}, "control character"),
    ],
)
def test_a_text_with_a_fault_is_refused(editor: Client, verona, texts, words):
    before = rows()
    response = write(editor, "romeo", version(), **texts)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert rows() == before


def test_a_new_entry_is_a_draft_at_the_end_of_its_group(editor: Client, verona):
    body = {**NEW, "name": "benvolio", "group": verona.pk}

    answer = send(editor, "create", **body).json()
    again = send(editor, "create", **body).json()

    assert (again["said"], again["version"]) == ("", version())
    made = named("benvolio")
    assert [row["key"] for row in answer["entries"]] == [str(made.pk)]
    assert answer["said"] == "Added “benvolio”"
    assert answer["place"]["words"] == "Draft: not shown anywhere"
    assert outline()[4] == "  benvolio"
    assert not made.is_published


def test_a_new_entry_in_what_is_no_group_is_refused(editor: Client, verona):
    before = rows()
    body = {**NEW, "name": "benvolio"}
    assert send(editor, "create", **body, group=key("mario")).status_code == 400
    assert send(editor, "create", **body, group=99999).status_code == 409
    assert rows() == before


def png(colour: str = "red") -> BytesIO:
    file = BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    file.seek(0)
    file.name = "picture.png"
    return file


def upload(client: Client, name: str, **more: object):
    return client.post(f"{CHANNELS}picture/", {"id": key(name), **more})


def test_a_picture_is_stored_and_removed(editor: Client, verona, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    assert upload(editor, "romeo", picture=png()).status_code == 200
    romeo = named("romeo")
    assert romeo.image_url.endswith("-512.webp")
    assert romeo.thumb_url.endswith("-96.webp")

    assert upload(editor, "romeo").status_code == 400
    assert upload(editor, "romeo", picture="no file").status_code == 400
    answer = upload(editor, "romeo", remove="1").json()

    romeo = named("romeo")
    assert (romeo.image_url, romeo.thumb_url) == ("", "")
    assert answer["entries"][0]["picture"] == ""


def test_a_file_that_is_no_picture_is_refused(editor: Client, verona):
    file = BytesIO(b"no picture")
    file.name = "picture.png"

    response = upload(editor, "romeo", picture=file)

    assert response.status_code == 400
    assert "not a picture" in response.json()["error"]
    assert not Buddy.objects.exclude(image_url="").exists()


def test_a_campaign_has_its_own_texts_pictures_and_entries(editor: Client, natale):
    before = rows()
    one = {"ids": [key("romeo")], "texts": {"name": "Babbo"}, "seen": natale.version}
    assert natale.send(editor, "write", **one).status_code == 200
    made = natale.send(editor, "create", **NEW, name="Befana").json()
    assert natale.send(editor, "create", **NEW, name="Befana").json()["said"] == ""

    assert natale.ask(editor, "entry", id=key("romeo"))["entry"]["name"] == "Babbo"
    new = natale.ask(editor, "entry", id=made["entries"][0]["key"])["entry"]
    assert new["name"] == "Befana"
    assert new["place"]["words"] == "In campaign “Natale”: not live"
    assert rows() == before


def test_a_text_that_someone_changed_live_is_not_overwritten_in_a_campaign(
    editor: Client, natale
):
    change("romeo", status="banished")
    body = {"ids": [key("romeo")], "texts": {"status": "in love"}}
    seen = {"was": {"status": ""}, "seen": natale.version}

    response = natale.send(editor, "write", **body, **seen)

    assert response.status_code == 409
    assert response.json()["error"] == "Someone changed this in the meantime."
    seen["was"]["status"] = "banished"
    assert natale.send(editor, "write", **body, **seen).status_code == 200
