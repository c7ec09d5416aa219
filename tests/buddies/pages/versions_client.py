"""Versions to look at, for the tests of their pages."""

from html import unescape

from django.test import Client
from django.utils.html import strip_tags

from buddies.models import Release

CHANNELS = "/admin/buddies/buddy/channels/"
RELEASES = "/admin/buddies/release/"
REVIEW = f"{RELEASES}review/"


def numbers() -> list[int]:
    """The versions, the oldest first."""
    return sorted(Release.objects.values_list("number", flat=True))


def words(response) -> str:
    """What a page says, without its markup."""
    html = response.content.decode().replace("<", " <")
    return " ".join(unescape(strip_tags(html)).split())


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def form(client: Client, **changed: str) -> dict[str, str]:
    """What a browser posts of the review that it shows now."""
    digest = client.get(REVIEW).context["review"].digest
    return {"note": "", "when": "now", "at": "", "digest": digest, **changed}
