"""A cloned repository with every trick, at every face of a real daemon: before it is trusted, and after."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwo_client import Client, RpcError, connect
from agiwo_protocol import agent, mcp, skill
from agiwo_protocol.contract import Page
from agiwo_protocol.paths import locate
from agiwod.settings import read_project
from agiwod.settings.tables import Settings
from agiwod.trust import TrustBook
from figures import Figures
from hostile_lab import INTRUDER, STEER, USUAL, Traps, clone, listing, settings_of, traps_at
from terminal_lab import AGIWOD, PATIENCE, Home, Ran, home_at

pytestmark = [pytest.mark.anyio, pytest.mark.security]

CANARY = "sk-canary-of-the-user"
SECRETS = {"OPENAI_API_KEY": CANARY, "AGIWOD_TOKEN": CANARY}
NAME = "clone; echo $(id) `id`\x1b[2J"
"""What a stranger named the directory."""

COMMANDS = (
    ("ask", "Hello"),
    ("agents",),
    ("skills",),
    ("tools", "servers"),
    ("config", "show", "--origin"),
    ("doctor",),
)


@pytest.fixture
def traps(tmp_path: Path) -> Iterator[Traps]:
    with traps_at(tmp_path / "marks") as traps:
        yield traps


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home", USUAL) as home:
        home.environ = {"HOME": str(tmp_path / "user"), **SECRETS}
        yield home


@pytest.fixture
def root(tmp_path: Path, traps: Traps) -> Path:
    secret = tmp_path / "user" / "secret" / "key.txt"
    secret.parent.mkdir(parents=True)
    secret.write_text(CANARY)
    return clone(tmp_path / NAME, traps, secret)


def run(home: Home, cwd: Path, *argv: str) -> Ran:
    command = [AGIWOD, *argv]
    done = subprocess.run(
        command, cwd=cwd, env=home.env, input="", capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def converse(home: Home, cwd: Path, *argv: str, asked: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The answers that a host gets who spawns `agiwod` there."""
    answers: list[dict[str, Any]] = []
    with subprocess.Popen(
        [AGIWOD, *argv], cwd=cwd, env=home.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdin
        assert host.stdout
        for id, (method, params) in enumerate(asked):
            print(
                json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
                file=host.stdin,
                flush=True,
            )
            while "id" not in (frame := json.loads(host.stdout.readline())) or "method" in frame:
                pass
            answers.append(frame)
        host.stdin.close()
        host.stdout.read()
    return answers


def hosts(root: Path) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """What editors and hosts say first, by the face that they speak with."""
    ours: list[tuple[str, dict[str, Any]]] = [
        ("initialize", {"protocolVersion": 1, "clientInfo": {"name": "t"}, "workspace": {"cwd": str(root / "src")}}),
        ("agent/list", {}),
        ("skill/list", {}),
        ("mcp/list", {}),
    ]
    acp: list[tuple[str, dict[str, Any]]] = [
        ("initialize", {"protocolVersion": 1}),
        ("session/new", {"cwd": str(root), "mcpServers": []}),
    ]
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    return {"stdio": ours, "acp": acp, "mcp": [("initialize", about), ("tools/list", {}), ("prompts/list", {})]}


def at(home: Home, root: Path) -> Client:
    return connect(home=home.path, autostart=False, timeout=PATIENCE, workspace=root)


def test_no_command_runs_asks_or_tells_anything_of_a_repository_that_is_not_trusted(
    home: Home, root: Path, traps: Traps, figures: Figures
) -> None:
    before = listing(root)
    done = [run(home, root / "src", *command) for command in COMMANDS]
    said, notices = "".join(each.out for each in done), "".join(each.err for each in done)
    assert "is not trusted" in notices
    figures("things of an untrusted repository that ran or were called", len(traps.sprung), at_most=0)
    figures("places in which it is spoken of", said.count(INTRUDER), at_most=0)
    assert CANARY not in said + notices
    assert listing(root) == before
    shown = run(home, root, "trust")
    assert (shown.code, traps.sprung, CANARY in shown.out) == (2, [], False)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("face", ["stdio", "acp", "mcp"])
def test_no_host_that_works_there_gets_anything_of_it(
    home: Home, root: Path, traps: Traps, face: str, alone: bool
) -> None:
    before = listing(root)
    answers = converse(home, root, face, *["--standalone"] * alone, asked=hosts(root)[face])
    assert all("result" in each for each in answers), answers
    assert (INTRUDER in json.dumps(answers), traps.sprung, listing(root) == before) == (False, [], True)


async def test_no_run_is_started_in_an_untrusted_repository_and_its_skills_are_told_to_no_model(
    home: Home, root: Path, traps: Traps
) -> None:
    assert home.run("start").code == 0
    async with at(home, root / "src") as client:
        assert client.server.workspace
        assert not client.server.workspace.trusted
        with pytest.raises(RpcError, match=INTRUDER):
            await client.start_run(INTRUDER, "Hello")
        assert (await (await client.start_run("quick", "Hello")).wait()).response == "Paris is the capital."
        assert INTRUDER not in str(await client.call(skill.LIST, Page()))
    assert traps.sprung == []


async def test_what_is_trusted_is_what_was_shown_until_it_is_something_else(
    home: Home, root: Path, traps: Traps
) -> None:
    shown = run(home, root, "trust", "--yes")
    assert (shown.code, "\x1b" in shown.out, "\u202e" in shown.out, "\x9b" in shown.out) == (0, False, False, False)
    for each in (
        f"agent {INTRUDER}: model scripted:",
        "agent quick, in the place of yours",
        f"MCP server {INTRUDER}: ./server.sh",
        f"MCP server {INTRUDER}-afar: {traps.url}/mcp",
        "gets of your environment: WORD",
        "in the place of yours: review-diff",
    ):
        assert each in shown.out
    assert home.run("start").code == 0
    async with at(home, root) as client:
        assert client.server.workspace
        assert client.server.workspace.trusted
        assert (await (await client.start_run(INTRUDER, "Hello")).wait()).response == "intruder speaks"
        states = (await client.call(mcp.LIST, Page())).servers
        assert {each.name for each in states} == {"usual", INTRUDER, f"{INTRUDER}-afar"}
        assert (traps.ran, all(each.startswith(b"POST /mcp ") for each in traps.callers)) == (["server"], True)
        given = (traps.marks / "server").read_text() + b"".join(traps.callers).decode()
        assert (CANARY in given, "OPENAI" in given, "AGIWOD" in given) == (False, False, False)
        (root / ".agiwod.toml").write_text(settings_of(traps).replace("read_file", "bash"))
        with pytest.raises(RpcError, match=INTRUDER):
            await client.start_run(INTRUDER, "Hello")
        assert {each.agent_id for each in (await client.call(agent.LIST, Page())).agents} == {"quick"}
        assert (await client.call(mcp.LIST, Page())).servers[0].name == "usual"
    assert "wants something else" in run(home, root, "agents").err


@pytest.mark.parametrize("table", sorted({*Settings.model_fields} - {"agents", "skills", "mcp"}))
def test_a_project_has_no_other_table(tmp_path: Path, table: str) -> None:
    for text in (f"[{table}]\n", f"{table} = 1\n", f'"{table}".x.y = 1\n'):
        (tmp_path / ".agiwod.toml").write_text(text)
        with pytest.raises(ConfigError, match=f"may not have '{table}'"):
            read_project(tmp_path)


def test_trust_is_of_a_place_with_its_content_and_neither_moves(tmp_path: Path, root: Path, traps: Traps) -> None:
    book = TrustBook(locate(tmp_path / "home"))

    def verdict(place: Path) -> str | None:
        standing = book.standing_at(place)
        return standing and standing.verdict

    book.trust(read_project(root))
    shutil.copytree(root / ".agiwo", tmp_path / "copy" / ".agiwo")
    shutil.copy(root / ".agiwod.toml", tmp_path / "copy")
    inner = clone(root / "vendor", traps, tmp_path / "user" / "secret" / "key.txt")
    link = tmp_path / "link"
    link.symlink_to(root)
    assert [verdict(each) for each in (root, link, inner, tmp_path / "copy")] == [
        *("trusted", "trusted"),
        *("unknown", "unknown"),
    ]
    root.rename(tmp_path / "elsewhere")
    assert verdict(tmp_path / "elsewhere") == "unknown"
    (tmp_path / "elsewhere" / "vendor").rename(root)
    (root / ".agiwod.toml").write_text("[agents.other]\n")
    assert verdict(root) == "changed"
    assert STEER not in str(book.standing_at(root))
