"""What somebody does at a page of the console, by keys. Knows no screen."""

from typing import Final

from playwright.async_api import Page, expect

PATIENCE: Final = 60_000
"""Milliseconds after which something that should be seen is not."""


async def press(page: Page, name: str, key: str = "Enter") -> None:
    """Press the last button of that name with a key."""
    await page.get_by_role("button", name=name, exact=True).last.press(key, timeout=PATIENCE)


async def say(page: Page, label: str, words: str) -> None:
    """Type something into the line of that name, and send it."""
    line = page.get_by_label(label, exact=True)
    await line.fill(words)
    await line.press("Enter")


async def fill(page: Page, **fields: str) -> None:
    """Fill in fields of the dialog that is open, by their names, and send it from the last one."""
    for name, value in fields.items():
        field = page.locator(f"dialog [name={name}]")
        if await field.evaluate("field => field.localName") == "select":
            await field.select_option(value)
        else:
            await field.fill(value)


async def send(page: Page) -> None:
    """Send the form of the dialog that is open."""
    await page.locator("dialog button.main").press("Enter")


async def is_over(page: Page) -> None:
    """Wait until the dialog is gone."""
    await expect(page.locator("dialog")).to_have_count(0, timeout=PATIENCE)


async def refused(page: Page, words: str) -> None:
    """Wait until the dialog says why it was refused."""
    await expect(page.locator("dialog [role=alert]")).to_contain_text(words, timeout=PATIENCE)


async def told(page: Page, words: str) -> None:
    """Wait until the page says something for a moment."""
    await expect(page.locator("#told")).to_contain_text(words, timeout=PATIENCE)


async def shown(page: Page, words: str) -> None:
    """Wait until the view has these words."""
    await expect(page.locator("main")).to_contain_text(words, timeout=PATIENCE)
