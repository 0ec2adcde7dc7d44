import json
from pathlib import Path

import pytest
from agiwo.config import AgiwoSettings
from agiwo.errors import ConfigError
from agiwod.foreign import foreign_servers
from agiwod.offer import secrets
from agiwod.roster import build_agents
from agiwod.settings import Settings, load_settings


def configured(home: Path, text: str, **files: object) -> Settings:
    (home / "config.toml").write_text(text)
    for name, content in files.items():
        (home / f"{name}.json").write_text(json.dumps(content))
    return load_settings(home, environ={})


def test_servers_come_from_the_settings_and_from_files_and_the_first_of_a_name_counts(tmp_path: Path):
    text = '[mcp]\nimport = ["other.json"]\n[mcp.servers.one]\ncommand = "own"\ncwd = "here"\ntimeout = 5\n'
    user = {"mcpServers": {"one": {"command": "users"}, "two": {"command": "users"}}}
    other = {"servers": {"two": {"command": "others"}, "three": {"url": "http://127.0.0.1:1/mcp"}}}
    servers, left_out = foreign_servers(configured(tmp_path, text, mcp=user, other=other))

    assert [(each.name, each.command, each.timeout) for each in servers] == [
        ("one", "own", 5),
        ("two", "users", 30),
        ("three", None, 30),
    ]
    assert servers[0].cwd == str(tmp_path / "here")
    assert [str(each) for each in left_out] == [
        f"{tmp_path}/mcp.json: the MCP server 'one': there is one of that name already",
        f"{tmp_path}/other.json: the MCP server 'two': there is one of that name already",
    ]


@pytest.mark.parametrize("tools", ['"mcp:fils/*"', '"mcp:fils/read"'])
def test_an_agent_that_names_a_server_that_is_not_there_is_refused_with_its_place(tmp_path: Path, tools: str):
    text = f'[agents.a]\ntools = [{tools}]\n[mcp.servers.files]\ncommand = "x"\n'
    with pytest.raises(ConfigError, match=r"config\.toml:2: no MCP server 'fils' for .*did you mean 'files'\?"):
        build_agents(configured(tmp_path, text))


def test_an_agent_may_name_patterns_of_servers_and_rules_about_their_tools(tmp_path: Path):
    text = """
        [agents.a]
        tools = ["mcp:f*/*", "mcp:*", "mcp:files/read", "calculator"]
        approvals = [{tool = "mcp:files/write*", action = "ask"}, {tool = "mcp__files__read", action = "deny"}]
        [mcp.servers.files]
        command = "x"
    """
    agent = build_agents(configured(tmp_path, text)).get("a").agent

    assert [tool.name for tool in agent.tools] == ["calculator"]
    assert len(agent.toolsets) == 1


def test_a_key_of_the_settings_that_is_misspelt_is_told_with_what_was_meant(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"config\.toml:2: unknown key 'imports' in \[mcp\]; did you mean 'import'\?"):
        configured(tmp_path, '[mcp]\nimports = ["x"]\n')


def test_what_looks_like_a_key_is_a_secret_and_what_does_not_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_KEY", "from-the-environment")
    text = """
        [mcp.servers.a]
        command = "x"
        env = { API_KEY = "${SOME_KEY}", ROOT = "/home/someone", TOKEN = "short" }
        [mcp.servers.b]
        url = "http://127.0.0.1:1/mcp"
        headers = { Authorization = "Bearer of-bad-news", Accept = "everything" }
    """
    found = secrets(configured(tmp_path, text), AgiwoSettings())

    assert {name: value for name, value in found.items() if "." in name} == {
        "a.API_KEY": "from-the-environment",
        "b.Authorization": "of-bad-news",
    }
