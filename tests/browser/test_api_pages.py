"""The description of the API in a browser."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.appearance

# The logo of Redoc's makers, from their server: not shown.
PICTURE = r"https://cdn\.redoc\.ly/"


async def test_swagger_ui_lists_the_operations(pages):
    page = await pages.open("/api/docs/")
    entry = page.locator(".opblock", has_text="/api/buddies/{id}/move/").first
    await expect(entry).to_be_visible()
    await expect(page.locator(".opblock-tag", has_text="releases")).to_be_visible()


async def test_redoc_loads_nothing_from_other_servers(pages):
    pages.forgiven.append(PICTURE)
    page = await pages.open("/healthz")
    answered = []
    page.on("response", lambda response: answered.append(response.url))
    await page.goto("/api/redoc/")

    await expect(page.get_by_role("heading", name="XMPP Service")).to_be_visible()

    ours = f"http://127.0.0.1:{pages.service.http_port}/"
    inside = (ours, "blob:", "data:")
    assert [url for url in answered if not url.startswith(inside)] == []


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
async def test_the_pages_require_a_login(pages, path):
    pages.forgiven += ["401"]
    page = await pages.open(path, user="")
    await expect(page.locator("body")).to_contain_text("401")
