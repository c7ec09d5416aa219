"""Helpers for the tests of import and export."""

import re

from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

PAGE = "/admin/buddies/buddy/transfer/"
PREVIEW, CONFIRM = f"{PAGE}preview/", f"{PAGE}confirm/"


def person(*verbs: str) -> Client:
    """Return the client of a user with these permissions on entries."""
    user = User.objects.create_user("-".join(verbs), password="pw", is_staff=True)
    names = ["edit_live", *(f"{verb}_buddy" for verb in verbs)]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def upload(client: Client, content: bytes | str, what: str = "table"):
    content = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("file", content)
    return client.post(PAGE, {"what": what, f"{what}-file": file})


def preview_text(client: Client) -> str:
    """Return the text of the preview."""
    page = client.get(PREVIEW)
    assert page.status_code == 200
    return page_text(page)


def page_text(response) -> str:
    """Return the text of a page."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def confirm(client: Client):
    """Press the button of the preview."""
    return client.post(CONFIRM, button(client), follow=True)


def button(client: Client) -> dict[str, str]:
    """Return the form fields that the button of the preview sends."""
    page = client.get(PREVIEW).content.decode()
    form = page[page.index(f'action="{CONFIRM}"') :]
    fields = dict(re.findall('name="([a-z]+)" value="([^"]*)"', form))
    assert fields.keys() >= {"seen", "digest", "content"}
    return fields


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


DOCUMENT = """{{"items":[{{"address":"romeo","type":"channel","mobileIsPublished":true,
"webIsPublished":true,"info":{{"name":"Romeo","defaultMessage":"{}"}}}}]}}"""
