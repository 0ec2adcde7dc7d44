"""How far the settings let tools reach: for all agents, for one, and where the daemon's own things are."""

from pathlib import Path

import pytest
from agiwo.errors import ConfigError
from agiwod.sandboxes import sandbox_of
from agiwod.settings import Settings, load_settings, read_project

CONFIG = """
[sandbox]
network = true
writable = ["shared", "~/cache"]
hidden = ["letters"]
env = ["JAVA_HOME"]
memory_mb = 512

[agents.usual]

[agents.reader]
sandbox = "read-only"

[agents.open]
sandbox = {network = false, writable = [], required = true}
"""


def settings_of(home: Path, text: str) -> Settings:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text)
    return load_settings(home)


def test_an_agent_has_the_sandbox_of_all_but_for_what_its_own_table_says(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, CONFIG)
    usual, reader, other = (sandbox_of(settings, settings.agents[name]) for name in ("usual", "reader", "open"))

    assert (usual.mode, usual.network, usual.limits.memory) == ("workspace-write", True, 512)
    assert usual.writable == (str(tmp_path / "shared"), str(Path("~/cache").expanduser()))
    assert str(tmp_path / "letters") in usual.hidden
    assert usual.env == ("JAVA_HOME",)
    assert (reader.mode, reader.network) == ("read-only", True)
    assert (other.network, other.writable, other.must_hold) == (False, (), True)
    assert sandbox_of(settings) == usual


def test_without_settings_commands_write_in_their_workspace_and_reach_no_network(tmp_path: Path) -> None:
    sandbox = sandbox_of(settings_of(tmp_path, ""))

    assert (sandbox.mode, sandbox.network, sandbox.must_hold) == ("workspace-write", False, False)
    for place in ("config.toml", "data", "state", "run", "state/token", "mcp.json"):
        assert sandbox.hides(tmp_path / place, tmp_path)
    for place in ("data/workspace/x", "skills/x/run.py", "notes.txt"):
        assert not sandbox.hides(
            tmp_path / place, tmp_path if place == "notes.txt" else tmp_path / "data" / "workspace"
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[sandbox]\nmode = "open"', "config.toml:2"),
        ('[agents.a]\nsandbox = "open"', "config.toml:2"),
        ("[sandbox]\nwritable = 5", "config.toml:2"),
        ("[sandbox]\nnetwrk = true", "did you mean 'network'"),
        ('[sandbox]\nenv = ["A=b"]', "name of an environment variable"),
    ],
)
def test_a_sandbox_that_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        settings_of(tmp_path, text)


@pytest.mark.parametrize("text", ['[sandbox]\nmode = "read-only"', '[agents.a]\nsandbox = "danger-full-access"'])
def test_a_project_says_nothing_of_a_sandbox(tmp_path: Path, text: str) -> None:
    (tmp_path / ".agiwod.toml").write_text(text)

    with pytest.raises(ConfigError, match="how far tools reach is for you to say"):
        read_project(tmp_path)
