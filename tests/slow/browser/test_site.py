"""The documentation's site, opened from disk in a browser."""

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.conftest import PHONE, TOO_WIDE


async def test_the_site_can_be_searched_from_disk(chromium: Browser, site: Path):
    page = await chromium.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))

    await page.goto((site / "index.html").as_uri())
    await page.get_by_role("textbox", name="Search").fill("rotate a secret")
    await page.locator(".md-search-result__link").first.click()

    await expect(page).to_have_title("How to: operators - XMPP Service")
    assert [url for url in asked if not url.startswith(site.as_uri())] == []
    assert complaints == []
    await page.close()


async def test_no_page_of_the_site_is_wider_than_a_phone(chromium: Browser, site: Path):
    page = await chromium.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
    too_wide: dict[str, int] = {}
    # The many decisions and modules look alike. 404.html is for a web server: opened
    # from disk, it finds no styles.
    pages = [*site.glob("*.html"), *site.glob("how-to/*"), *site.glob("guide/*")]
    for path in (one for one in pages if one.name != "404.html"):
        await page.goto(path.as_uri())
        too_wide[path.name] = await page.evaluate(TOO_WIDE)
    await page.close()

    assert {name for name, pixels in too_wide.items() if pixels > 0} == set()
    assert len(too_wide) > 10
