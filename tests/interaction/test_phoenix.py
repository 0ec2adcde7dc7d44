"""A run with everything in it, as Arize Phoenix shows it: a backend that knows nothing of us but the conventions.

    uv run pytest -m phoenix

installs Phoenix (700 MB) in an environment of its own, unless AGIWOD_PHOENIX names its program. Phoenix listens for
gRPC on every address of the machine, so this is for a machine, or a network namespace (`unshare -rn`), of its own.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import traced_life

pytestmark = [pytest.mark.anyio, pytest.mark.phoenix, pytest.mark.timeout(900)]

VERSION = "arize-phoenix==20.26.1"

PATIENCE = 180.0
"""Seconds in which it has begun, or shows what was sent to it."""


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program."""
    if named := os.environ.get("AGIWOD_PHOENIX"):
        return named
    home = tmp_path_factory.mktemp("phoenix")
    subprocess.run(["uv", "venv", "-q", str(home)], check=True)
    subprocess.run(["uv", "pip", "install", "-q", "--python", str(home / "bin" / "python"), VERSION], check=True)
    return str(home / "bin" / "phoenix")


@dataclass
class Phoenix:
    """A Phoenix that serves."""

    address: str
    process: asyncio.subprocess.Process

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once something holds, which is looked at twice a second as long as the process lives."""
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(is_so):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.process.wait(), 0.5)
                    pytest.fail("Phoenix has ended")


@asynccontextmanager
async def serving(program: str, home: Path) -> AsyncGenerator[Phoenix]:
    """Phoenix, as long as the block lasts, with nothing in it."""
    port = _free_port()
    said = {
        "PHOENIX_WORKING_DIR": str(home),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, "serve", env={**os.environ, **said}, stdout=quiet, stderr=quiet
    )
    serves = Phoenix(f"http://127.0.0.1:{port}", process)
    try:
        await serves.until(lambda: _answer(f"{serves.address}/healthz") is not None)
        yield serves
    finally:
        process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _answer(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()
    except OSError:
        return None


async def test_its_api_shows_agents_tools_and_models_in_one_tree(phoenix: str, tmp_path: Path):
    for part in ("agiwod", "phoenix"):
        (tmp_path / part).mkdir()
    async with serving(phoenix, tmp_path / "phoenix") as serves:
        address = serves.address
        await traced_life.live(tmp_path / "agiwod", address, "http", captures=True)
        spans: list[dict[str, Any]] = []

        def arrived() -> bool:
            answer = _answer(f"{address}/v1/projects/default/spans?limit=1000")
            spans[:] = json.loads(answer or b"{}").get("data", [])
            return len({span["context"]["span_id"] for span in spans}) >= len(traced_life.TREE)

        await serves.until(arrived)
        page = _answer(f"{address}/projects")

    assert page is not None
    assert b"<title>Phoenix</title>" in page
    assert _tree(spans) == [_as_shown(line) for line in traced_life.TREE]
    assert sum(span["attributes"].get("llm.token_count.prompt") == 900 for span in spans) == 4
    said = [span["attributes"] for span in spans if span["span_kind"] == "LLM"]
    assert any("x" * traced_life.LONG in str(each) for each in said)


def _tree(spans: list[dict[str, Any]]) -> list[str]:
    """A line a span: how deep, what Phoenix takes it for, its name, and whether it failed."""
    below: dict[str | None, list[dict[str, Any]]] = {}
    known = {span["context"]["span_id"]: span for span in spans}
    for span in sorted(known.values(), key=lambda span: span["start_time"]):
        below.setdefault(span["parent_id"], []).append(span)

    def lines(parent: str | None, indent: str) -> list[str]:
        found: list[str] = []
        for span in below.get(parent, ()):
            name = re.sub(r"chat \S+", "chat MODEL", span["name"])
            failed = ["failed"] if span["status_code"] == "ERROR" else []
            found += [" ".join([f"{indent}{span['span_kind']} {name}", *failed])]
            found += lines(span["context"]["span_id"], f"{indent}  ")
        return found

    return lines(None, "")


def _as_shown(line: str) -> str:
    """A line of the scenario as `_tree` has it."""
    name = line.strip()
    kinds = {"invoke_agent": "AGENT", "chat": "LLM", "execute_tool": "TOOL"}
    kind = kinds.get(name.split()[0], "UNKNOWN")
    return f"{line[: len(line) - len(name)]}{kind} {name.replace('tool_error', 'failed')}"
