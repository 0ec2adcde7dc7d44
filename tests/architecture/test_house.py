import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

DOORS = {"agiwod", "protocol", "client_py", "skills", "tests", "docs", "pyproject.toml", "README.md", "LICENSE"}
"""The top level, besides dotfiles."""

REGISTRIES = re.compile(r"pypi\.org|pythonhosted[.]org|registry\.npmjs|npmjs\.org|index[-]url")
MACHINES = re.compile(r"(?<![\w.$}])/(?:work|root|home/(?!me/)\w+|Users/\w+)/")
WAIVER = re.compile(r"# noqa|# type: ignore|pyright: ignore|no cover")
REASON = re.compile(r"(?:# noqa|ignore|no cover).*?(?: - |: )\w+ \w+")

READS_THE_ENVIRONMENT = {
    "agiwod/src/agiwo/config.py",
    "agiwod/src/agiwo/environment.py",  # only which names there are
    "agiwod/src/agiwo/failpoint.py",  # where a test has the process die, which is no setting
    "agiwod/src/agiwod/cli/console.py",  # whether there is a screen that a browser could open on
    "agiwod/src/agiwod/cli/foreground.py",  # only writes down for what it starts where the daemon is at home
    "agiwod/src/agiwod/cli/screen.py",  # what the terminal says about itself
    "agiwod/src/agiwod/handover.py",  # what systemd says to this process alone
    "agiwod/src/agiwod/notify.py",
    "agiwod/src/agiwod/settings/load.py",
    "protocol/src/agiwo_protocol/paths.py",
}
PRINTS = {"agiwod/src/agiwod/cli", "protocol/src/agiwo_protocol/__main__.py"}


def committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [file for file in files if file.suffix != ".png"]  # the pictures of the guides


FILES = committed()
SOURCES = [file for file in FILES if file.suffix == ".py" and "src" in file.relative_to(ROOT).parts]
TESTS = [file for file in FILES if file.suffix == ".py" and file.is_relative_to(ROOT / "tests")]


def hits(pattern: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        found += [
            f"{file.relative_to(ROOT)}:{number}: {line}" for number, line in enumerate(lines, 1) if pattern.search(line)
        ]
    return found


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file, with the last part of what is called."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name, node
            case _:
                pass


def reads_environment(file: Path) -> bool:
    """Whether a file looks at the environment, and does not only hand it on to a program (`{**os.environ}`)."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    handed_on = {id(value) for node in nodes if isinstance(node, ast.Dict) for value in node.values}
    looked_at = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")]
    return any(id(node) not in handed_on and ast.unparse(node.value) == "os" for node in looked_at)


def test_the_top_level_has_the_known_doors_and_no_other() -> None:
    assert {name for file in FILES if not (name := file.relative_to(ROOT).parts[0]).startswith(".")} <= DOORS


def test_no_text_names_a_registry_or_a_place_on_a_machine() -> None:
    assert hits(REGISTRIES) + hits(MACHINES) == []


def test_no_test_sleeps() -> None:
    asleep = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in TESTS
        for name, call in calls(file)
        if name == "sleep" and any(isinstance(each, ast.Constant) and each.value != 0 for each in call.args)
    ]

    assert asleep == []


def test_every_waived_rule_has_its_reason_beside_it() -> None:
    here = str(Path(__file__).relative_to(ROOT))

    assert [hit for hit in hits(WAIVER) if not REASON.search(hit) and not hit.startswith(here)] == []


def test_only_the_settings_read_the_environment() -> None:
    assert {str(file.relative_to(ROOT)) for file in SOURCES if reads_environment(file)} <= READS_THE_ENVIRONMENT


def test_nothing_but_commands_prints() -> None:
    printing = {str(file.relative_to(ROOT)) for file in SOURCES for name, _ in calls(file) if name == "print"}

    assert {file for file in printing if not file.startswith(tuple(PRINTS))} == set()


def test_no_test_uses_a_mock() -> None:
    modules = {
        str(file.relative_to(ROOT))
        for file in TESTS
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and "mock" in ast.unparse(node)
    }

    assert modules == set()
