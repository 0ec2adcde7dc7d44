from pathlib import Path

import pytest
from agiwo.mcp import McpServer
from agiwod.mcp_json import read_mcp_json


def read(folder: Path, text: str, name: str = "mcp.json") -> tuple[list[McpServer], list[str]]:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    servers, left_out = read_mcp_json(path)
    return servers, [str(each).removeprefix(f"{folder}/") for each in left_out]


def test_a_file_of_claude_or_cursor_is_understood(tmp_path: Path):
    text = """{"mcpServers": {
        "files": {"command": "npx", "args": ["-y", "server"], "env": {"TOKEN": "${TOKEN}", "PORT": 80, "ON": true}},
        "web": {"type": "http", "url": "https://example.test/mcp", "headers": {"Authorization": "Bearer x"}}
    }}"""
    servers, left_out = read(tmp_path, text)

    environment = {"TOKEN": "${TOKEN}", "PORT": "80", "ON": "true"}
    assert servers == [
        McpServer("files", command="npx", args=("-y", "server"), env=environment, cwd=str(tmp_path)),
        McpServer("web", url="https://example.test/mcp", headers={"Authorization": "Bearer x"}),
    ]
    assert left_out == []


def test_a_file_of_vs_code_is_understood_with_its_comments_and_places(tmp_path: Path):
    text = """{
        // "servers": {"no": {}},
        "servers": { /* here */
            "a": {"type": "stdio", "command": "${workspaceFolder}/run", "args": ["http://x//y", "/* no */",],},
        },
        "inputs": [],
    }"""
    servers, left_out = read(tmp_path, text, ".vscode/mcp.json")

    command = f"{tmp_path}/run"
    assert servers == [McpServer("a", command=command, args=("http://x//y", "/* no */"), cwd=str(tmp_path))]
    assert left_out == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{"type": "sse", "url": "http://x"}', "the transport 'sse' is no longer part of the protocol"),
        ('{"command": "a", "env": {"K": "${input:key}"}}', "it needs ${input:key}, for which that program asks"),
        ('{"command": "a", "disabled": true}', "it is disabled there"),
        ('{"command": "a", "envFile": ".env"}', "it needs 'envFile', which is not read"),
        ('{"command": "a", "args": "b"}', "'args' must be a list"),
        ('{"command": "a", "env": {"K": {}}}', "'env.K' must be a string"),
        ('{"command": ["a"]}', "'command' must be a string"),
        ("{}", "the MCP server 'x' needs either a command or a url"),
        ("[]", "it is not an object"),
    ],
)
def test_a_server_that_cannot_be_used_is_left_out_and_the_others_are_not(tmp_path: Path, entry: str, reason: str):
    servers, left_out = read(tmp_path, f'{{"mcpServers": {{"x": {entry}, "good": {{"command": "c"}}}}}}')

    assert [server.name for server in servers] == ["good"]
    assert len(left_out) == 1
    assert left_out[0].startswith(f"mcp.json: the MCP server 'x': {reason}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "mcp.json:1:1: it is not JSON: Expecting value"),
        ('{\n "servers": nope}', "mcp.json:2:13: it is not JSON: Expecting value"),
        ("[]", "mcp.json: it holds neither an object 'mcpServers' nor 'servers'"),
        ("[" * 100_000, "mcp.json: "),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, text: str, reason: str):
    servers, left_out = read(tmp_path, text)

    assert servers == []
    assert [each.startswith(reason) for each in left_out] == [True]


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    assert [str(each) for each in read_mcp_json(tmp_path / "no.json")[1]] == [
        f"{tmp_path}/no.json: there is no such file"
    ]
