"""Find entries: by words in their texts, in any order, and by what they are like."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from buddies.document import build
from buddies.models import Buddy

MAX_WORDS = 10
MAX_EXCERPTS = 300  # as many as anybody reads
EXCERPT_CHARACTERS = 60

SHOWN = ("name", "status")  # in the tree, where a match is seen
OTHERS = ("default_message", "address", "server_address")


class Found(NamedTuple):
    """An entry, and the part of its other texts in which words were found."""

    number: int
    excerpt: str


def fold(text: str) -> str:
    """Return a text without case and accents: "Caffè" is "caffe", "ß" is "ss"."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def is_draft(buddy: Buddy, at: datetime) -> bool:
    return not buddy.is_published


def is_web_only(buddy: Buddy, at: datetime) -> bool:
    return buddy.web_is_published and not buddy.mobile_is_published


def is_scheduled(buddy: Buddy, at: datetime) -> bool:
    """Whether a schedule hides it now, or will."""
    return not buddy.is_due(at) or buddy.visible_until is not None


def has_no_picture(buddy: Buddy, at: datetime) -> bool:
    is_channel = buddy.type == Buddy.Type.CHANNEL
    return is_channel and not (buddy.image_url or buddy.thumb_url)


KINDS: dict[str, Callable[[Buddy, datetime], bool]] = {
    "drafts": is_draft,
    "web_only": is_web_only,
    "scheduled": is_scheduled,
    "no_picture": has_no_picture,
}
WARNINGS, CHANGED = "warnings", "changed"
NAMES = (*KINDS, WARNINGS, CHANGED)


def find(
    buddies: Iterable[Buddy],
    words: str,
    kinds: Collection[str],
    at: datetime,
    changed: Collection[int] = (),
    unanswered: Collection[int] = (),
) -> list[Found]:
    """Return the entries that have all words, and are of all ``kinds`` (NAMES).

    ``buddies`` are the whole tree, in any order; ``changed`` the numbers of those that
    count as changed, and ``unanswered`` of those with a warning that is not in them.
    """
    buddies = list(buddies)
    terms = fold(words).split()[:MAX_WORDS]
    groups = {buddy.parent_id for buddy in buddies}
    found: list[Found] = []

    def is_wrong(buddy: Buddy) -> bool:
        is_empty = buddy.pk not in groups
        return buddy.pk in unanswered or bool(build.warnings(buddy, is_empty))

    for buddy in buddies:
        is_kind = all(KINDS[kind](buddy, at) for kind in kinds if kind in KINDS)
        if not is_kind or (CHANGED in kinds and buddy.pk not in changed):
            continue
        if WARNINGS in kinds and not is_wrong(buddy):
            continue
        if _matches(buddy, terms, (*SHOWN, *OTHERS)):
            excerpt = _excerpt(buddy, terms) if len(found) < MAX_EXCERPTS else ""
            found.append(Found(buddy.pk, excerpt))
    return found


def _matches(buddy: Buddy, terms: list[str], fields: Iterable[str]) -> bool:
    if not terms:
        return True
    text = "\n".join(fold(getattr(buddy, field)) for field in fields)
    return all(term in text for term in terms)


def _excerpt(buddy: Buddy, terms: list[str]) -> str:
    """Return the part around the first word that the tree itself does not show."""
    for term in terms:
        if _matches(buddy, [term], SHOWN):
            continue
        for field in OTHERS:
            text = getattr(buddy, field)
            place = _place(text, term)
            if place is not None:
                return _around(text, place)
    return ""


def _place(text: str, term: str) -> int | None:
    """Return where a word begins in a text that is not folded."""
    at = fold(text).find(term)
    if at < 0:
        return None
    return next(_starts(text, at), 0)


def _starts(text: str, at: int) -> Iterator[int]:
    length = 0
    for place, letter in enumerate(text):
        length += len(fold(letter))
        if length > at:
            yield place


def _around(text: str, place: int) -> str:
    begin = max(0, place - EXCERPT_CHARACTERS // 3)
    end = begin + EXCERPT_CHARACTERS
    part = " ".join(text[begin:end].split())
    return f"{'…' if begin else ''}{part}{'…' if end < len(text) else ''}"
