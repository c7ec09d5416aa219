"""The release that clients read."""

import json

from django.utils import timezone

from buddies.document.shape import EMPTY, Document
from buddies.models import Release
from xmppservice.protocol import vcard


def live_release() -> Release | None:
    """The newest release; None before the first."""
    return Release.objects.first()


def live_release_without_body() -> Release | None:
    """The same without its document."""
    return Release.objects.defer("body").first()


def newer_than(number: int | None) -> Release | None:
    """The live release, unless it is number ``number``."""
    return Release.objects.filter(number__gt=number or 0).first()


def mark_live(number: int) -> None:
    """Note that the XMPP process answers with this release from now on."""
    Release.objects.filter(number=number, live_at=None).update(live_at=timezone.now())


def size_of(body: str) -> int:
    """Bytes of the vCard stanza that carries ``body``, without its addresses."""
    return len(vcard.of_document(body).encode())


def document_of(release: Release | None) -> Document:
    """Return a release's document; the empty document for None."""
    parsed: Document = json.loads(release.body if release else EMPTY)
    return parsed
