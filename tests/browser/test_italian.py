"""The back office in Italian: no English is left on any page."""

import re

import pytest
from django.template.base import Lexer
from django.utils.translation import gettext, override
from playwright.async_api import expect

from buddies.pages.words import workspace_words
from tests.browser.backstage import (
    REACH,
    WORKSPACE,
    menu,
    ready,
    row,
    screens,
    switch,
    toast,
)
from tests.service import ROOT

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.appearance]

# Names, and words that are the same in Italian.
SAME = {
    "Web",
    "Web,",
    "Mobile",
    "Webchat",
    "JSON",
    "XMPP Service",
    "Menu",
    "Password",
    "Note",
}

LITERAL = re.compile(r'translate "([^"]+)"')
# All that a page shows: its texts, and the names and hints of its controls.
SAID = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const said = [document.title];
    while (texts.nextNode()) {
        if (!texts.currentNode.parentElement.closest("script, style, noscript")) {
            said.push(texts.currentNode.textContent);
        }
    }
    for (const one of document.querySelectorAll("*")) {
        for (const name of ["aria-label", "title", "placeholder"]) {
            if (one.hasAttribute(name)) said.push(one.getAttribute(name));
        }
    }
    return said.map((text) => text.trim().replace(/\\s+/g, " ")).filter(Boolean);
}"""


def literals() -> set[str]:
    """Return the texts of our templates and of the workspace's script."""
    templates = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("*/templates/**/*.html")]
    found = {
        word
        for template in templates
        for token in Lexer(template.read_text()).tokenize()
        for word in LITERAL.findall(token.contents)
    }
    with override(None):
        return found | set(workspace_words().values())


def translated(text: str) -> str:
    with override("it"):
        return gettext(text)


async def test_the_words_of_the_pages_are_in_the_catalogue():
    words = literals() - SAME

    assert len(words) > 100
    assert sorted(word for word in words if translated(word) == word) == []


async def test_no_page_shows_an_english_text_of_ours(pages, demo):
    english = {word for word in literals() - SAME if translated(word) != word}
    paths = [*screens(demo), REACH]
    page = await pages.open("/healthz", language="it")
    found = {}

    for path in paths:
        await page.goto(path)
        await expect(page.locator("html")).to_have_attribute("lang", "it")
        if path.partition("?")[0] == WORKSPACE:
            await ready(page)
        found[path] = english & set(await page.evaluate(SAID))

    assert {path: words for path, words in found.items() if words} == {}


async def test_the_workspace_is_in_italian(pages, demo):
    page = await ready(await pages.open(WORKSPACE, language="it"))
    t = translated

    await expect(page.locator("#headline")).to_have_text(t("Everything is live"))
    head = page.get_by_role("columnheader")
    await expect(head.first).to_have_text(t("Name"))
    await expect(
        page.get_by_role("treegrid", name=t("Groups and channels"))
    ).to_be_visible()
    await page.get_by_role("searchbox", name=t("Search channels")).fill("nowhere")
    await expect(page.locator("#tree")).to_contain_text(t("Nothing found"))
    await page.get_by_role("searchbox", name=t("Search channels")).fill("")
    await menu(page, "Liam", t("Delete …"))
    dialog = page.get_by_role("dialog", name=t("Delete “%s”?") % "Liam")
    await expect(dialog).to_contain_text(t("Apps show it now; it will disappear."))
    await dialog.get_by_role("button", name=t("Cancel")).click()
    await switch(page, t("Mobile"), "Liam").click()
    await expect(toast(page)).to_contain_text(
        t("Changed the visibility of “%(name)s”") % {"name": "Liam"}
    )
    await expect(toast(page).get_by_role("button")).to_have_text(t("Undo"))
    await page.get_by_role("tab", name=t("Changes")).click()
    await expect(row(page, "Liam")).to_be_visible()


async def test_the_language_is_switched_in_the_header_and_stays(pages):
    page = await ready(await pages.open(WORKSPACE))

    await page.get_by_role("button", name="IT", exact=True).click()

    await expect(page.locator("html")).to_have_attribute("lang", "it")
    await ready(page)
    await expect(page.locator("#headline")).to_have_text(
        translated("Everything is live")
    )
    await page.reload()
    await expect(page.locator("#headline")).to_have_text(
        translated("Everything is live")
    )
