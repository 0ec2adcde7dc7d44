"""The published types: they compile, say no where they should, and the client of the guides runs."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_tools import INSTALLING, NodeTools, node_tools
from terminal_lab import PATIENCE, Home, home_at

pytestmark = [pytest.mark.editors, pytest.mark.timeout(INSTALLING + 2 * PATIENCE)]

ROOT = Path(__file__).parents[2]
STRICT = ("--strict", "--noUnusedLocals", "--module", "nodenext", "--target", "es2022", "--types", "node")


@pytest.fixture(scope="module")
def tools() -> NodeTools:
    return node_tools("typescript-1", "node@24", "typescript@7.0.2", "@types/node@24.19.2")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("typescript") / "home") as home:
        assert home.run("start").code == 0
        yield home


def compiled(tools: NodeTools, folder: Path, *files: Path) -> list[Path]:
    """The programs that are made of these files with the published types beside them."""
    shutil.copy(ROOT / "protocol" / "schema" / "agiwod.ts", folder)
    (folder / "node_modules").symlink_to(tools.home / "node_modules")
    for file in files:
        shutil.copy(file, folder)
    command = [tools.program("tsc"), *STRICT, *(file.name for file in files), "agiwod.ts"]
    done = subprocess.run(
        command, cwd=folder, env=tools.env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    return [folder / f"{file.stem}.js" for file in files]


def test_the_types_compile_strictly_and_let_nothing_wrong_through(tools: NodeTools, tmp_path: Path) -> None:
    compiled(tools, tmp_path, Path(__file__).with_name("typed_wrong.ts"))


def test_a_client_of_the_published_types_runs_against_the_daemon(tools: NodeTools, home: Home, tmp_path: Path) -> None:
    (program,) = compiled(tools, tmp_path, ROOT / "docs" / "guides" / "clients" / "minimal.ts")

    def run(agent: str, socket: Path = home.paths.socket) -> "subprocess.CompletedProcess[str]":
        command = ["node", str(program), str(socket), agent, "What is the capital of France?"]
        return subprocess.run(command, env=tools.env, capture_output=True, text=True, timeout=PATIENCE, check=False)

    done = run("quick")
    assert (done.returncode, done.stderr) == (0, "")
    answer, ended = done.stdout.splitlines()
    assert answer == "Paris is the capital."
    assert ended.endswith("by agiwod: 12 tokens")
    assert run("nobody").stderr.startswith("-32004: no agent 'nobody'")
    assert "ENOENT" in run("quick", tmp_path / "nowhere").stderr
