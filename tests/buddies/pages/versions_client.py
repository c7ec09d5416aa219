"""Helpers for the tests of the pages of versions."""

from html import unescape

from django.utils.html import strip_tags

from buddies.models import Release

CHANNELS = "/admin/buddies/buddy/channels/"
RELEASES = "/admin/buddies/release/"


def numbers() -> list[int]:
    """Return the versions, the oldest first."""
    return sorted(Release.objects.values_list("number", flat=True))


def page_text(response) -> str:
    """Return the text of a page, without its markup."""
    html = response.content.decode().replace("<", " <")
    return " ".join(unescape(strip_tags(html)).split())


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]
