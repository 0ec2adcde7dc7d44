"""`agiwod storage`, as a user has it: with a daemon and without one."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from terminal_lab import CONFIG, Home, home_at


@pytest.fixture
def home(tmp_path: Path) -> Generator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


def aged(exported: str, days: float) -> str:
    """The same, as if it had been so many days before."""

    def earlier(fields: dict[str, float]) -> None:
        for name in {"at", "created_at", "updated_at"} & set(fields):
            fields[name] -= days * 86400

    lines = [json.loads(line) for line in exported.splitlines()]
    for line in lines:
        for part in (line.get("run"), line.get("session"), line.get("state"), *line.get("records", ())):
            if part:
                earlier(part)
    return "\n".join(map(json.dumps, lines))


@pytest.mark.soak
def test_what_is_kept_is_told_exported_imported_elsewhere_and_forgotten(home: Home, tmp_path: Path):
    assert home.run("storage", "stats").code == 1
    home.run("ask", "--session", "one", "Where?")
    stats = json.loads(home.run("storage", "stats", "--json").out)
    assert (stats["kind"], stats["runs"], stats["sessions"]) == ("sqlite", {"completed": 1}, 1)
    exported = home.run("storage", "export")
    assert exported.err == "exported 1 runs\n"

    rule = "[storage]\nkeep_days = 30\n"
    with home_at(tmp_path / "other", f"{CONFIG}\n{rule}") as other:
        assert "imported 1 runs, 1 sessions" in other.run("storage", "import", "-", stdin=exported.out).out
        assert "2 were there already" in other.run("storage", "import", "-", stdin=exported.out).out
        assert other.run("storage", "export").out == exported.out
        assert "Paris" in other.run("ask", "--session", "one", "Again?").out
        assert json.loads(other.run("storage", "prune", "--json").out)["runs"] == 0
        gone = json.loads(other.run("storage", "prune", "--keep-days", "0", "--json").out)
        assert gone == {"runs": 2, "sessions": 1, "blobs": 0, "dryRun": False}
        assert "Paris" in other.run("ask", "--session", "one", "And now?").out
        assert other.run("stop").code == 0

        (tmp_path / "old.ndjson").write_text(
            aged(exported.out.replace("run_", "run_old").replace('"one"', '"two"'), 31)
        )
        other.run("storage", "import", str(tmp_path / "old.ndjson"))
        assert json.loads(other.run("storage", "prune", "--dry-run", "--json").out)["runs"] == 1
        other.run("start")
        while "run_old" in other.run("runs", "list").out:
            pass
        assert "completed" in other.run("runs", "list").out


@pytest.mark.parametrize(
    ("argv", "config", "said"),
    [
        (("prune",), "", "nothing says how much is to be kept"),
        (("stats",), '[storage]\nkind = "memory"', "nothing is kept"),
        (("import", "-"), "", "line 1 is not one of an export"),
        (("prune", "--keep-days", "-1"), "", "keep-days"),
    ],
)
def test_what_cannot_be_done_is_told_with_code_2(home: Home, argv: tuple[str, ...], config: str, said: str):
    home.paths.config_file.write_text(config)
    ran = home.run("storage", *argv, stdin="hello\n")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
