"""A daemon that cannot write, is about to end, or comes back otherwise: a banner tells so, and what to do."""

import resource
import shutil
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import serving_page
from console_hands import PATIENCE, say, shown
from console_stage import SCRIPTS, Desk, desk, show
from playwright.async_api import Locator, Page, expect

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

CONFIG = """
[agents.guide]
model = "scripted:guide.json"
tools = ["calculator"]

[agents.slow]
model = "scripted:slow.json"
"""

WORDS = " ".join(f"word{number}" for number in range(200))

SAYS = {"guide": SCRIPTS["guide"], "slow": [{"text": WORDS, "deltas": 200, "delayMs": 30}]}

SAID = {"Think": 1, WORDS: 1}
"""What is in a run of the slow agent, each of it once."""

_ITEMS = "() => [...document.querySelectorAll('.item')].map(each => each.innerText.split('\\n').slice(-1)[0])"


@contextmanager
def no_room(at: Desk) -> Generator[None]:
    """The files of the daemon may not grow meanwhile: its store is refused every write, as on a full disk."""
    pid = at.home.pid()
    assert pid
    _, hard = before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def banner(page: Page) -> Locator:
    return page.locator("#banner")


async def tells(page: Page, words: str) -> None:
    """Wait until the banner has these words."""
    await expect(banner(page)).to_contain_text(words, timeout=PATIENCE)


async def is_well(page: Page) -> None:
    """Wait until there is no banner."""
    await expect(banner(page)).to_be_hidden(timeout=PATIENCE)


async def thinking(page: Page) -> None:
    """Begin a run of the slow agent, and wait until it streams."""
    await show(page, "agents/slow")
    await say(page, "Say something to slow", "Think")
    await expect(page.locator(".item.agentMessage.open")).to_contain_text("word20 ", timeout=PATIENCE)


async def ended(page: Page) -> None:
    await expect(page.locator(".note.run-completed")).to_have_count(1, timeout=PATIENCE)
    await expect(page.locator(".item.open")).to_have_count(0)


async def test_a_full_disk_is_told_with_what_to_do_and_all_goes_on_by_itself_when_there_is_room(tmp_path: Path):
    async with desk(tmp_path / "home", CONFIG, SAYS) as at, at.page() as page, at.page("agents/guide") as other:
        await thinking(page)
        with no_room(at):
            await say(other, "Say something to guide", "How far is it?")
            await expect(other.locator(".composer [role=alert]")).to_contain_text("disk", timeout=PATIENCE)
            for each in (page, other):
                await tells(each, "The store refuses writes")
                await tells(each, str(tmp_path / "home" / "data"))
            await show(other, "runs")
            await expect(other.locator("tbody tr")).to_have_count(1)
            async with at.page("runs") as late:
                await tells(late, "The store refuses writes")
            await show(other, "agents/guide")
            await say(other, "Say something to guide", "How far is it?")
            await expect(other.locator(".composer [role=alert]")).to_be_visible(timeout=PATIENCE)
        await is_well(page)
        await is_well(other)
        await other.get_by_label("Say something to guide").press("Enter")
        await ended(other)
        await ended(page)
        assert Counter(await page.evaluate(_ITEMS)) == SAID
        assert [each for each in at.seen.errors if "Failed to load" not in each] == []


async def test_a_data_directory_that_was_taken_away_is_told_and_all_goes_on_once_it_is_back(tmp_path: Path):
    data, away = tmp_path / "home" / "data", tmp_path / "away"
    async with desk(tmp_path / "home", CONFIG, SAYS) as at, at.page() as page, at.page("runs") as other:
        await thinking(page)
        data.rename(away)
        await tells(page, "The store refuses writes")
        await tells(other, f"{data / 'agiwod.db'} cannot be used: the file was removed")
        await expect(other.locator("tbody tr")).to_have_count(1)
        await expect(page.locator(".note.run-completed")).to_have_count(0)
        away.rename(data)
        await is_well(other)
        await ended(page)
        await is_well(page)
        assert Counter(await page.evaluate(_ITEMS)) == SAID
        assert at.seen.errors == []


async def test_a_daemon_that_is_about_to_end_says_so_and_is_awaited(tmp_path: Path):
    config = f"{CONFIG}\n[serve]\ndrain_seconds = 2\n"
    async with desk(tmp_path / "home", config, SAYS) as at, at.page() as page:
        await thinking(page)
        with at.home.process("stop") as stopping:
            await tells(page, "The daemon is about to end")
            await tells(page, "The daemon is not there")
            assert stopping.wait(60) == 0
        assert at.home.run("start").code == 0
        await is_well(page)
        await ended(page)
        assert Counter(await page.evaluate(_ITEMS)) == SAID


async def test_what_was_in_a_store_that_is_gone_is_shown_no_more_and_the_page_says_so(tmp_path: Path):
    async with desk(tmp_path / "home", CONFIG, SAYS) as at, at.page() as one, at.page() as other:
        assert at.home.run("ask", "--agent", "guide", "How long is the walk?").code == 0
        (run,) = at.home.json("runs", "list")["runs"]
        await show(one, "runs")
        await expect(one.locator("tbody tr")).to_have_count(1)
        await show(other, f"traces/{run['runId']}")
        await expect(other.locator(".span")).not_to_have_count(0)
        assert at.home.run("stop").code == 0
        data = at.home.path / "data"
        kept = (data / "console.json").read_bytes()
        shutil.rmtree(data)
        data.mkdir(mode=0o700)
        (data / "console.json").write_bytes(kept)
        await tells(one, "The daemon is not there")
        assert at.home.run("start").code == 0
        for page in (one, other):
            await tells(page, "The daemon has another store than before")
        await shown(one, "There is no such run")
        await expect(one.locator("tbody tr")).to_have_count(0)
        await shown(other, "This cannot be shown")
        await expect(other.locator(".span")).to_have_count(0)
        await show(one, "traces")
        await is_well(one)


async def test_a_page_whose_daemon_is_elsewhere_by_now_says_what_to_do_and_shows_nothing_of_who_is_there(
    tmp_path: Path,
):
    async with desk(tmp_path / "home", CONFIG, SAYS) as at, at.page("runs") as page:
        old = urlsplit(at.address)
        assert at.home.run("stop").code == 0
        await tells(page, "The daemon is not there")
        async with serving_page("<h1>Somebody else</h1>", port=old.port or 0):
            assert at.home.run("start").code == 0
            address: str = at.home.json("console")["address"]
            new = urlsplit(address)
            assert new.port != old.port
            await page.evaluate("() => { location.hash = '#/sessions'; }")
            await tells(page, "run agiwod console")
            await expect(page.locator("main")).not_to_contain_text("Somebody else")
            async with at.page("runs") as there:
                await is_well(there)
                assert urlsplit(there.url).port == new.port
        assert at.home.run("console", "--off").code == 0
