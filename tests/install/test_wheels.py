"""The three distributions as their users get them: built from their sdists, each installed alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from agiwo.llm.weights import SMOLLM2

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "agiwod" / "src" / "agiwod" / "face" / "console"
UV = shutil.which("uv") or "uv"
PATIENCE = 600.0
"""Seconds that an installation may take; it may have to load packages."""

FOLDERS = {"agiwod-protocol": "protocol", "agiwod-client": "client_py", "agiwod": "agiwod"}
CONFIG = '[agents.assistant]\nmodel = "scripted:turns.json"\n'
QUESTION = "What is the capital of France?"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "NVIDIA_API_KEY", "NVIDIA_BUILD_API_KEY")
TURNS = '{"turns": [{"text": "Paris is the capital."}]}'

SKILLS = {"commit-message", "delegate-task", "review-diff", "write-skill"}

BESIDE = {"agiwod-protocol": {"conformance", "schema"}}
"""What a distribution publishes beside its sources: transcripts, which are in its wheel too, and generated files."""

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(PATIENCE)]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel of each distribution, every wheel made of its sdist."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in FOLDERS.values():
        done(UV, "build", "--out-dir", str(folder), str(ROOT / source))
    return folder


def done(*command: str, **environ: str) -> str:
    """What a command says, which must succeed and knows nothing of the tests' own environment."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    date = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["exclude-newer"]
    settled = {**kept, "UV_EXCLUDE_NEWER": date, "UV_PYTHON": sys.executable, **environ}
    ran = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=PATIENCE, check=False, env=settled)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def contents(wheels: Path, name: str) -> tuple[list[str], Message]:
    """The names of the files in a wheel, and its metadata."""
    (wheel,) = wheels.glob(f"{name.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        return names, message_from_bytes(files.read(next(each for each in names if each.endswith("/METADATA"))))


def new_environment(folder: Path) -> str:
    """The interpreter of an environment with pip and nothing else."""
    venv.create(folder, with_pip=True)
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")


@contextmanager
def home_of(agiwod: Path, folder: Path) -> Generator[Mapping[str, str]]:
    """A daemon's home without settings and keys. What an installed `agiwod` has started there is stopped again."""
    folder.mkdir()
    environ = {"AGIWOD_HOME": str(folder), **dict.fromkeys(KEYS, "")}
    try:
        yield environ
    finally:
        done(str(agiwod), "stop", **environ)


def answers(agiwod: Path, folder: Path) -> None:
    """An installed `agiwod` tells its version, completes a word, starts its daemon and lets an agent answer."""
    assert done(str(agiwod), "--version") == f"agiwod {declared_version()}\n"
    completing = {"_AGIWOD_COMPLETE": "complete_bash", "COMP_WORDS": "agiwod sta", "COMP_CWORD": "1"}
    assert done(str(agiwod), **completing).split() == ["start", "status"]
    with home_of(agiwod, folder) as environ:
        (folder / "config.toml").write_text(CONFIG)
        (folder / "turns.json").write_text(TURNS)
        assert done(str(agiwod), "ask", "What is the capital?", **environ) == "Paris is the capital.\n"
        found = json.loads(done(str(agiwod), "skills", "list", "--json", **environ))["skills"]
        assert {each["name"] for each in found if each["source"] == "bundled"} == SKILLS
        plugin = re.search(r'append\("(.+)"\)', done(str(agiwod), "editor", "--for", "neovim", "--native", **environ))
        assert plugin is not None
        assert (Path(plugin[1]) / "lua" / "agiwod.lua").is_file()
        assert f"pid {(folder / 'data' / 'daemon.lock').read_text()}," in done(str(agiwod), "start", **environ)
        shows_the_console(agiwod, environ)


def shows_the_console(agiwod: Path, environ: Mapping[str, str]) -> None:
    """An installed `agiwod` serves the page with every file that the page loads."""
    found = json.loads(done(str(agiwod), "console", "--json", **environ))
    browser = build_opener(HTTPCookieProcessor())
    with browser.open(found["url"]) as entered, browser.open(found["address"]) as page:
        assert entered.status == 200
        loaded = set(re.findall(r'(?:href|src)="/console/static/([^"]+)"', page.read().decode()))
    assert loaded == {each.relative_to(CONSOLE / "static").as_posix() for each in CONSOLE.glob("static/**/*.*")}
    for name in loaded:
        with browser.open(f"{found['address']}/static/{name}") as file:
            assert file.read() == (CONSOLE / "static" / name).read_bytes()


def pulls(agiwod: Path, folder: Path) -> None:
    """An installed `agiwod` where nothing is configured says so, fetches the local model, and answers with it."""
    with home_of(agiwod, folder) as environ:
        assert "is a scripted reply" in done(str(agiwod), "ask", QUESTION, **environ)
        assert lacking(agiwod, environ) == {"local engine", "local weights", "model auto"}
        pulled = json.loads(done(str(agiwod), "models", "pull", "--json", **environ))
        assert (pulled["isNew"], pulled["path"]) == (True, str(place_of(folder)))
        assert "Paris" in done(str(agiwod), "ask", QUESTION, **environ)
        assert lacking(agiwod, environ) == set()
        assert json.loads(done(str(agiwod), "models", "pull", "--json", **environ)) == {**pulled, "isNew": False}
    assert sorted(each.name for each in place_of(folder).parent.iterdir()) == [SMOLLM2.file, "pull.lock"]


def lacking(agiwod: Path, environ: Mapping[str, str]) -> set[str]:
    """What the doctor says of models and machine, where it must find no fault."""
    said = json.loads(done(str(agiwod), "doctor", "--hash", "--json", **environ))
    return {each["area"] for each in said["findings"] if each["state"] != "ok"} - {"sqlite"}


def place_of(folder: Path) -> Path:
    return folder / "cache" / "models" / SMOLLM2.file


def declared_version() -> str:
    return tomllib.loads((ROOT / "agiwod" / "pyproject.toml").read_text())["project"]["version"]


def test_the_transcripts_of_the_protocol_are_in_its_wheel(wheels: Path) -> None:
    files, _ = contents(wheels, "agiwod-protocol")
    known = {file.name for file in (ROOT / "protocol" / "conformance").iterdir()}
    assert {Path(file).name for file in files if file.startswith("agiwo_protocol/conformance/")} == known


@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_says_what_it_is_and_under_which_licence(wheels: Path, name: str) -> None:
    files, metadata = contents(wheels, name)
    licence = (ROOT / "LICENSE").read_text()
    assert (ROOT / FOLDERS[name] / "LICENSE").read_text() == licence
    assert any(file.endswith(".dist-info/licenses/LICENSE") for file in files)
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == (name, declared_version(), "MIT")
    assert metadata["Summary"]
    assert str(metadata.get_payload()).startswith(f"# {name}\n")
    assert "Programming Language :: Python :: 3.11" in metadata.get_all("Classifier", [])
    assert [file for file in files if file.endswith("/py.typed")] != []


@pytest.mark.parametrize("name", FOLDERS)
def test_an_sdist_has_what_its_wheel_is_made_of_and_no_more(wheels: Path, name: str) -> None:
    (sdist,) = wheels.glob(f"{name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {path.partition("/")[2] for path in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO"} <= names
    assert {path.partition("/")[0] for path in names} <= {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "PKG-INFO",
        "src",
        ".gitignore",
        *BESIDE.get(name, ()),
    }
    sources = {path.removeprefix("src/") for path in names if path.startswith("src/")}
    sources |= {f"agiwo_protocol/{path}" for path in names if path.startswith("conformance/")}
    assert {file for file in contents(wheels, name)[0] if ".dist-info/" not in file} == sources


@pytest.mark.parametrize("name", FOLDERS)
def test_nothing_of_a_distribution_runs_when_it_is_built_or_installed(wheels: Path, name: str) -> None:
    files, _ = contents(wheels, name)
    (wheel,) = wheels.glob(f"{name.replace('-', '_')}-*-py3-none-any.whl")
    assert [file for file in files if file.endswith((".pth", ".so", ".pyd", ".dll")) or ".data/" in file] == []
    with zipfile.ZipFile(wheel) as archive:
        described = {
            file.partition(".dist-info/")[2]: archive.read(file).decode() for file in files if ".dist-info/" in file
        }
    assert "Root-Is-Purelib: true" in described["WHEEL"]
    commands = "[console_scripts]\nagiwod = agiwod.cli:main\n" if name == "agiwod" else ""
    assert described.get("entry_points.txt", "") == commands
    settings = tomllib.loads((ROOT / FOLDERS[name] / "pyproject.toml").read_text())
    assert settings["build-system"] == {"requires": ["hatchling"], "build-backend": "hatchling.build"}
    assert "hooks" not in settings["tool"]["hatch"]["build"]
    assert not [each for each in ("setup.py", "hatch_build.py") if (ROOT / FOLDERS[name] / each).exists()]


def test_the_protocol_is_installed_by_pip_alone(wheels: Path, tmp_path: Path) -> None:
    python = new_environment(tmp_path / "env")
    (wheel,) = wheels.glob("agiwod_protocol-*.whl")
    done(python, "-m", "pip", "install", "--quiet", str(wheel))
    assert '"run/start"' in done(python, "-m", "agiwo_protocol")
    installed = done(python, "-m", "pip", "list", "--format", "freeze")
    assert not {"agiwod", "agiwod-client", "anyio"} & {line.partition("==")[0] for line in installed.splitlines()}


def test_the_client_needs_the_protocol_and_nothing_of_the_daemon(wheels: Path, tmp_path: Path) -> None:
    python = new_environment(tmp_path / "env")
    done(python, "-m", "pip", "install", "--quiet", "--find-links", str(wheels), "agiwod-client")
    program = "import agiwo_client, importlib.util as u; print(u.find_spec('agiwod'), agiwo_client.connect.__name__)"
    assert done(python, "-c", program) == "None connect\n"


def test_uv_installs_the_daemon_as_a_tool(wheels: Path, tmp_path: Path) -> None:
    folders = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    done(UV, "tool", "install", "--find-links", str(wheels), "agiwod", **folders)
    answers(tmp_path / "bin" / "agiwod", tmp_path / "home")
    python = str(tmp_path / "tools" / "agiwod" / "bin" / "python")
    assert done(python, "-m", "agiwod", "--version") == f"agiwod {declared_version()}\n"
    pulls(tmp_path / "bin" / "agiwod", tmp_path / "empty")


def test_pipx_installs_the_daemon(wheels: Path, tmp_path: Path) -> None:
    folders = {name: str(tmp_path / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")}
    done(UV, "tool", "run", "pipx", "install", "--pip-args", f"--find-links {wheels}", "agiwod", **folders)
    answers(tmp_path / "PIPX_BIN_DIR" / "agiwod", tmp_path / "home")
    pulls(tmp_path / "PIPX_BIN_DIR" / "agiwod", tmp_path / "empty")


def test_the_extra_brings_the_local_engine(wheels: Path, tmp_path: Path) -> None:
    folders = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    done(UV, "tool", "install", "--find-links", str(wheels), "agiwod[local]", **folders)
    program = "import importlib.metadata as m; print(m.version('xllamacpp') != '')"
    assert done(str(tmp_path / "tools" / "agiwod" / "bin" / "python"), "-c", program) == "True\n"
    answers(tmp_path / "bin" / "agiwod", tmp_path / "home")
