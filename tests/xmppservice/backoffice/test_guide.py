"""The guide in the back office: its language, its links and its pictures."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from xmppservice.backoffice.guide import DOCS, FILES, LINK, SOURCE

pytestmark = pytest.mark.django_db

GUIDE, HOW_TO = "/admin/guide/", "/admin/guide/how-to/"


@pytest.fixture
def anna() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="anna", is_staff=True))
    return client


def text(client: Client, page: str, **headers: str) -> str:
    response = client.get(page, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def article(html: str) -> str:
    found = re.search(r"<article.*?</article>", html, re.DOTALL)
    assert found
    return found[0]


def test_it_is_in_the_readers_language_or_in_the_one_asked_for(anna):
    assert "una guida per la redazione" in text(anna, GUIDE, accept_language="it")
    assert "a guide for staff" in text(anna, GUIDE, accept_language="fr")
    asked = text(anna, f"{GUIDE}?language=it", accept_language="en")
    assert "una guida per la redazione" in asked
    assert 'lang="it"' in article(asked)
    assert "How to: staff" in text(anna, f"{HOW_TO}?language=../../secret")


@pytest.mark.parametrize("page", [GUIDE, HOW_TO])
@pytest.mark.parametrize("language", ["en", "it"])
def test_each_link_and_each_picture_leads_somewhere(anna, page, language):
    html = article(text(anna, f"{page}?language={language}"))
    links = re.findall(r'href="([^"]*)"', html)
    pictures = re.findall(r'src="([^"]*)"', html)
    assert links

    for address in links:
        path, _hash, place = address.partition("#")
        target = html if not path else article(text(anna, path))
        assert not place or f'id="{place}"' in target, address
    for address in pictures:
        found = anna.get(address)
        assert found.headers["Content-Type"] == "image/png"
        assert found.content.startswith(b"\x89PNG")
    assert bool(pictures) == (page == GUIDE)


@pytest.mark.parametrize("name", ["growth.svg", "..%2Fapi.md", "nothing.png", "x.png/"])
def test_only_pictures_of_the_guide_are_sent(anna, name):
    assert anna.get(f"{GUIDE}images/{name}").status_code == 404


def test_each_link_of_the_files_is_understood():
    """As Markdown writes it; otherwise it would be left as it is."""
    for files in FILES.values():
        for file in files.values():
            source = (DOCS / file).read_text("utf-8")
            assert "<a " not in source
            assert "](http" not in source
    assert LINK.search('<a href="en.md#place">x</a>')
    assert SOURCE.search('src="../images/x.png"')


def test_the_page_leads_to_it(anna):
    assert 'href="/admin/guide/"' in text(anna, "/admin/?all")
    assert Client().get(GUIDE).status_code == 302
