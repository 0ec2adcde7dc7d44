"""Every snippet of the README and the guides, executed in the order of its page, against a provider that is a fake."""

import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import fake_messages
import pytest
from agiwod.settings import load_settings
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, says, usage
from terminal_lab import PATIENCE, Home, home_at

pytestmark = [pytest.mark.anyio, pytest.mark.soak]  # many processes, or many lives

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "client_py" / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]

PROVIDERS = ("OPENAI", "ANTHROPIC", "DEEPSEEK", "NVIDIA", "ACME")
"""Those that a page may ask. All of them are one fake."""

ANSWER = "The capital of France is Paris."

CALLED = {
    "roll_dice": "{}",
    "open_files": "{}",
    "mcp__dice__roll": '{"sides": 6}',
    "researcher": '{"task": "Find it."}',
    "critic": '{"task": "What is wrong with it?"}',
}
"""The tools and agents of the pages that a model would call, and how."""

CITY = '{"name": "Paris", "population": 2100000}'
"""The same for whoever wants it in a form."""

INSTALL = "pip install uv && "
"""What a reader does first and this machine has done."""

SYSTEMCTL = "#!/bin/sh\n"
"""A systemd that takes everything: what a real one makes of it is tried in tests/chaos."""

OTHER_SUITES = ("pip install uv && uv run pytest\n",)
"""Blocks that cannot be run from inside a test."""


@dataclass(frozen=True)
class Block:
    """A snippet: its language, its text, the line that it begins at."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(each[1], each[2], text.count("\n", 0, each.start()) + 1) for each in found]


def choose(request: Received) -> Answer:
    """Call the tool or the agent of a page, once, when there is one; else say where Paris is, on whichever wire."""
    if "response_format" in request.body:
        return says(CITY[:12], CITY[12:])
    if request.path.endswith("/messages"):
        return fake_messages.says(ANSWER[:12], ANSWER[12:])
    tools = [each["function"]["name"] for each in request.body.get("tools", ())]
    called = next((name for name in CALLED if name in tools), None)
    if called and request.body["messages"][-1]["role"] == "user":
        function = {"name": called, "arguments": CALLED[called]}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return Answer([START, delta(tool_calls=[call]), delta("tool_calls"), usage(7, 3), DONE])
    return says(ANSWER[:12], ANSWER[12:])


class Reader:
    """Somebody who does what a page says, in an empty directory."""

    def __init__(self, directory: Path, home: Home, base_url: str) -> None:
        self._directory, self._home, self._base_url = directory, home, base_url
        (directory / "bin").mkdir()
        (directory / "bin" / "systemctl").write_text(SYSTEMCTL)
        (directory / "bin" / "systemctl").chmod(0o755)
        self._env = {
            **home.env,
            "PATH": os.pathsep.join((str(directory / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])),
            "XDG_CONFIG_HOME": str(directory / "config"),
            **{f"{name}_API_KEY": "sk-of-a-fake-provider" for name in PROVIDERS},
            **{f"{name}_BASE_URL": base_url for name in PROVIDERS},
        }

    async def follow(self, block: Block) -> str:
        """Do it, and return what was on stdout."""
        match block.language:
            case "bash":
                return await self._bash(block.text)
            case "python":
                return await self._python(block)
            case "toml":
                self._configure(block.text)
            case "text":
                pass  # what is seen, not what is done
            case language:
                pytest.fail(f"nobody knows how to try a block of {language}")
        return ""

    async def _bash(self, text: str) -> str:
        script = text.removeprefix(INSTALL).replace("uv run ", "")
        return "" if text in OTHER_SUITES else await self._run(["bash", "-euo", "pipefail", "-c", script])

    async def _python(self, block: Block) -> str:
        named = re.match(r"# (\S+\.py)\n", block.text)
        file = self._directory / (named[1] if named else f"line{block.line}.py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.text)
        return await self._run([sys.executable, str(file)])

    def _configure(self, text: str) -> None:
        self._home.kill()  # it reads the file when it starts
        here = text.replace("http://127.0.0.1:8000/v1", self._base_url).replace("127.0.0.1:8423", "127.0.0.1:0")
        self._home.paths.config_file.write_text(here)
        load_settings(self._home.path, environ={})

    async def _run(self, command: list[str]) -> str:
        with anyio.fail_after(PATIENCE):
            done = await anyio.run_process(command, cwd=self._directory, env=self._env, check=False)
        assert done.returncode == 0, f"{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()


@contextmanager
def empty_home(directory: Path) -> Generator[Home]:
    """What the pages call `try`, before anything is in it."""
    with home_at(directory / "try") as home:
        for file in home.path.iterdir():
            file.unlink()
        yield home


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
async def test_what_a_page_says_can_be_done(page: Path, tmp_path: Path):
    async with FakeProvider(choose=choose) as provider:
        with empty_home(tmp_path) as home:
            reader = Reader(tmp_path, home, provider.base_url)
            said = [await reader.follow(block) for block in blocks(page)]
    assert "".join(said)


async def test_the_first_command_of_the_readme_answers_on_stdout(tmp_path: Path):
    first = blocks(ROOT / "README.md")[0]
    async with FakeProvider(choose=choose) as provider:
        with empty_home(tmp_path) as home:
            assert await Reader(tmp_path, home, provider.base_url).follow(first) == f"{ANSWER}\n"


async def test_the_story_of_the_crash_guide_is_told_to_the_end_over_a_restart(tmp_path: Path):
    async with FakeProvider(choose=choose) as provider:
        with empty_home(tmp_path) as home:
            reader = Reader(tmp_path, home, provider.base_url)
            bash = [block for block in blocks(ROOT / "docs" / "guides" / "crash.md") if block.language == "bash"]
            said = [await reader.follow(block) for block in bash[:2]]
    assert said[1].startswith(
        "Once upon a time there was a daemon that was killed, and told its story to the end.\n"
        "the daemon was gone; it is back, and the run goes on\n"
    )


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "docs" / "architecture.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_what_a_page_points_at_is_there(page: Path):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    files = re.findall(r"`((?:agiwod|protocol|client_py)/src/\S+\.py)`", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_first_command_of_the_readme_is_the_one_that_was_promised():
    texts = [block.text for block in blocks(ROOT / "README.md")]
    assert texts[:2] == [
        'pip install uv && uv run agiwod ask "What is the capital of France?"\n',
        "pip install uv && uv run pytest\n",
    ]
