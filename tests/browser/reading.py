"""Keys for the workspace's tree."""

from tests.browser.backstage import DEMO

BOT = DEMO[0]


async def walk(page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def on_tree(page, *keys: str) -> None:
    await page.locator("#tree").focus()
    await walk(page, *keys)
