import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYDANTIC = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}

LOADED = {
    "agiwo_protocol.paths": set[str](),
    "agiwo_protocol.catalog": PYDANTIC,
    "agiwo_client": {*PYDANTIC, "orjson", "anyio"},
    "agiwo": set[str](),
    "agiwo.agent": {"orjson"},
    "agiwo.testing": {"orjson"},
    "agiwo.skill": set[str](),
    "agiwo.skill.manager": {"orjson"},
    "agiwo.tool.builtin.calculator": {"orjson"},
    "agiwo.mcp": set[str](),
    "agiwo.mcp.servers": {"orjson"},
    "agiwod.settings": {*PYDANTIC, "orjson"},
    "agiwod.logs": {*PYDANTIC, "orjson"},
    "agiwod.cli": set[str](),
    "agiwod.cli.stdio": set[str](),
    "agiwod.data_lock": {"filelock"},
    "agiwod.opening": {"orjson"},
    "agiwod.transport.pump": set[str](),
}
"""What an import may load of others' packages, so that no start pays for what it does not use."""

SPARED = {
    "agiwo.agent": {"agiwo.engine", "agiwo.journal", "agiwo.loop.loop", "agiwo.durable", "agiwo.llm.hosted"},
    "agiwod.cli.stdio": {"asyncio", "subprocess", "logging", "importlib.metadata", "traceback", "hashlib", "typer"},
    "agiwod.opening": {"asyncio", "subprocess", "logging", "importlib.metadata", "pydantic", "sqlite3", "typer"},
    "agiwod.cli.tree": {"asyncio", "rich.console", "importlib.metadata", "sqlite3", "yaml", "watchfiles"},
    "agiwod.app": {"mcp", "starlette", "uvicorn", "watchfiles", "yaml"},
    "agiwod.face.mcp.face": {"mcp", "mcp_types", "starlette", "httpx2"},
    "agiwod.face.mcp.endpoint": {"mcp", "mcp_types", "uvicorn"},
}
"""What is not to be loaded either, whoever it comes from: each of these costs a start what it can least afford."""

DISTRIBUTIONS = {
    "protocol": {"agiwo_protocol": "agiwod-protocol"},
    "client_py": {"agiwo_client": "agiwod-client"},
    "agiwod": {"agiwo": "agiwod", "agiwod": "agiwod"},
}
TWINS = {"pydantic-core": "pydantic", "referencing": "jsonschema"}
"""What is one project with something declared, and always comes with it."""

PROGRAMS = {"cage"}
"""Folders that are programs of their own, whose files import one another by their bare names."""

FOREIGN = packages_distributions()
OURS = {package: name for packages in DISTRIBUTIONS.values() for package, name in packages.items()}


def test_an_installation_brings_few_packages() -> None:
    found, waiting = set[str](), ["agiwod"]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            waiting += needed_by(name)
    assert {"agiwod-client", "httpx2", "pydantic-core"} <= found
    assert len(found) < 72, found  # a third sends traces, a tenth speaks MCP; elsewhere agents come with twice as many


def needed_by(name: str) -> list[str]:
    """What a package needs in any case, and not only with an extra; nothing when it is for another system than this."""
    try:
        always = [each for each in requires(name) or () if "extra" not in each]
    except PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", each)[0] for each in always]


def test_no_import_goes_up_the_storeys() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", LOADED)
def test_an_import_loads_no_more_than_it_must(module: str) -> None:
    program = f"import sys; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split() if not name.startswith("_")}

    assert loaded - sys.stdlib_module_names - set(OURS) <= LOADED[module]


def test_help_is_shown_without_the_engine_and_without_the_client() -> None:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "sys.argv = ['agiwod', '--help']\n"
        "from agiwod.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "agiwod" in done.stdout
    assert {"agiwo", "agiwo_client", "pydantic", "httpx2", "mcp", "orjson", "anyio"} & set(done.stderr.split()) == set()


@pytest.mark.parametrize("module", SPARED)
def test_nobody_waits_for_what_is_not_needed_yet(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert SPARED[module] & set(done.stdout.split()) == set()


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_what_a_distribution_imports_is_declared_by_it(folder: str) -> None:
    imported = {name for file in (ROOT / folder / "src").rglob("*.py") for name in imports(file)}
    foreign = imported - sys.stdlib_module_names - set(DISTRIBUTIONS[folder])

    known = declared(folder)
    assert {distribution(name, known) for name in foreign} <= known


def imports(file: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - {each.stem for each in file.parent.glob("*.py") if file.parent.name in PROGRAMS}


def distribution(package: str, known: set[str]) -> str:
    """The distribution that a package comes with, as a list of dependencies has it; of several a known one."""
    named = [OURS[package]] if package in OURS else [each.lower().replace("_", "-") for each in FOREIGN[package]]
    names = [TWINS.get(name, name) for name in named]
    return next((name for name in names if name in known), names[0])


def declared(folder: str) -> set[str]:
    """The names in a distribution's dependencies, optional ones too."""
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    requirements: list[str] = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    return {name_of(requirement) for requirement in requirements}


def name_of(requirement: str) -> str:
    """The name at the start of a requirement."""
    end = next((index for index, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), None)
    return requirement[:end].lower()
