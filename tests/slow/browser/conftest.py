"""The fixtures of tests/browser, for the slow tests of pages."""

from tests.browser.conftest import (
    _as_it_was,
    _service_first,
    backstage,
    chromium,
    demo,
    logins,
    pages,
)
from tests.browser.test_accounts import cast, owner
from tests.browser.test_delivery import dead
from tests.browser.test_webchat import _answers, chats

__all__ = [
    "_answers",
    "_as_it_was",
    "_service_first",
    "backstage",
    "cast",
    "chats",
    "chromium",
    "dead",
    "demo",
    "logins",
    "owner",
    "pages",
]
