"""Helpers for the tests of the pages of versions."""

from html import unescape

from django.test import Client
from django.utils.html import strip_tags

from buddies.models import Release

CHANNELS = "/admin/buddies/buddy/channels/"
RELEASES = "/admin/buddies/release/"
REVIEW = f"{RELEASES}review/"


def numbers() -> list[int]:
    """Return the versions, the oldest first."""
    return sorted(Release.objects.values_list("number", flat=True))


def page_text(response) -> str:
    """Return the text of a page, without its markup."""
    html = response.content.decode().replace("<", " <")
    return " ".join(unescape(strip_tags(html)).split())


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def form(client: Client, **changed: str) -> dict[str, str]:
    """Return what a browser posts for the review that it shows now."""
    digest = client.get(REVIEW).context["review"].digest
    return {"note": "", "when": "now", "at": "", "digest": digest, **changed}
