"""Samples and strategies for the tests of documents."""

from datetime import UTC, datetime
from functools import partial

from hypothesis import strategies as st

from buddies.document import parse
from buddies.document.shape import INFO, OURS, PICTURES, Item
from buddies.document.text import normal
from buddies.document.unseen import is_visible
from buddies.tree import whole_tree
from tests.buddies.conftest import EDITOR

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def load(text: str, *, replace: bool = False) -> None:
    whole_tree.load([("text", parse.loads(text))], EDITOR, replace)


CHARACTERS = st.characters(
    blacklist_categories=["Cs"],
    blacklist_characters=[chr(n) for n in range(32) if n not in (9, 10, 13)]
    + ["\ufffe", "\uffff"],
)
TEXT = st.text(CHARACTERS, max_size=12)
NAME = TEXT.map(partial(normal, "name")).filter(is_visible)
# A document has our own pictures below PUBLIC_URL, as clients need them.
PICTURE = TEXT.filter(lambda text: not text.startswith(OURS))
TEXTS = {
    key: (PICTURE if key in PICTURES else TEXT).map(partial(normal, field))
    for key, field in INFO.items()
}


def groups(items: st.SearchStrategy[Item]) -> st.SearchStrategy[Item]:
    info = {key: text for key, text in TEXTS.items() if key != "defaultMessage"}
    return st.fixed_dictionaries(
        {
            "type": st.just("group"),
            "mobileIsPublished": st.booleans(),
            "webIsPublished": st.booleans(),
            "info": st.fixed_dictionaries(info | {"name": NAME}),
            "items": st.lists(items, max_size=4),
        }
    )


FLAGS = {"mobileIsPublished": True, "webIsPublished": False}
CHANNEL = {"address": "romeo", "type": "channel", **FLAGS, "info": {"name": "Romeo"}}
