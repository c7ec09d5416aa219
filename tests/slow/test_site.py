"""The documentation's site has each page, command, check and metric."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from buddies.publishing import releases
from tests.test_docs import CHECKS, DOCS, MANAGEMENT, ROOT, anchors, name_of
from xmppservice.connection.models import StreamStatus
from xmppservice.monitoring import metrics

# The attributes of a page that a browser loads by itself.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
FAMILIES = {"counter": "_total", "info": "_info"}


class Page(HTMLParser):
    """A page of the site: what it loads, its headings' ids and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        self.loaded.append(given.get(LOADED.get(tag, "")) or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("page", DOCS, ids=name_of)
def test_each_page_is_on_the_site(page: Path, site: Path):
    path = page.relative_to(ROOT / "docs").with_suffix(".html")

    assert anchors(page) - Page(site / path).ids == set()


def test_the_site_loads_nothing_from_elsewhere(site: Path):
    loaded = {one for path in site.rglob("*.html") for one in Page(path).loaded}
    styles = "".join(path.read_text() for path in site.rglob("*.css"))

    assert any(one.endswith(".js") for one in loaded)
    assert [one for one in loaded if re.match(r"(\w+:)?//", one)] == []
    assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//.*", styles) == []


@pytest.mark.parametrize("path", MANAGEMENT, ids=lambda path: path.stem)
def test_each_management_command_is_on_the_site(path: Path, site: Path):
    page = Page(site / "reference" / "commands.html")

    assert path.stem in page.ids
    for option in re.findall(r"add_argument\(\s*\"(--[\w-]+)\"", path.read_text()):
        assert f"{option}\n" in page.text


def test_each_system_check_is_on_the_site(site: Path):
    text = Page(site / "reference" / "checks.html").text

    assert re.findall(r"xmppservice\.[EWI]\d{3}", text) == CHECKS


@pytest.mark.django_db
def test_each_metric_is_on_the_site_with_its_help(site: Path):
    StreamStatus.objects.create(jid=settings.XMPP_JID, seen_at=timezone.now())
    releases.sync()
    families = list(metrics.Statistics().collect())

    text = Page(site / "reference" / "metrics.html").text

    assert len(families) > 10
    for one in families:
        name = one.name + FAMILIES.get(one.type, "")
        assert f"{name}\n{one.documentation}\n" in text
