"""Servers that are named in the files of other programs: `mcp.json` and its like. Starts none.

Such a file holds `mcpServers`, or `servers` as VS Code has it; comments and a comma too many are allowed there.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from agiwo.errors import ConfigError
from agiwo.mcp import McpServer

from agiwod.runtime.foreign import LeftOut

_TABLES: Final = ("mcpServers", "servers")
_URLS: Final = ("url", "serverUrl", "httpUrl")
_OTHERS: Final = {"sse": "the transport 'sse' is no longer part of the protocol; ask for its address for 'http'"}

_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
_INPUT = re.compile(r"\$\{(input|command|config):[^}]*\}")


class _Unusable(Exception):
    """One server of a file cannot be used; the message says why."""


def read_mcp_json(path: Path) -> tuple[list[McpServer], list[LeftOut]]:
    """The servers of a file, and what of it is left out."""
    try:
        tables = _tables(json.loads(_plain(path.read_text(encoding="utf-8-sig"))))
    except FileNotFoundError:
        return [], [LeftOut(str(path), "there is no such file")]
    except OSError as error:
        return [], [LeftOut(str(path), f"it cannot be read: {error.strerror}")]
    except json.JSONDecodeError as error:
        return [], [LeftOut(f"{path}:{error.lineno}:{error.colno}", f"it is not JSON: {error.msg}")]
    except (ValueError, RecursionError, _Unusable) as error:
        return [], [LeftOut(str(path), str(error) or "it is nested too deeply")]
    servers: list[McpServer] = []
    left_out: list[LeftOut] = []
    for name, entry in tables:
        try:
            servers.append(_server(name, entry, path))
        except (_Unusable, ConfigError) as error:
            left_out.append(LeftOut(str(path), str(error), name))
    return servers, left_out


def _plain(text: str) -> str:
    """JSON as the standard has it: without comments, whose places stay empty, and without a comma at the end."""
    bare = _TOKENS.sub(lambda found: found[0] if found[0][0] == '"' else re.sub(r"[^\n]", " ", found[0]), text)
    return _COMMA.sub(lambda found: found[1] or " ", bare)


def _tables(read: object) -> list[tuple[str, object]]:
    held = cast(dict[str, Any], read) if isinstance(read, dict) else dict[str, Any]()
    found = [cast(dict[str, object], held[key]) for key in _TABLES if isinstance(held.get(key), dict)]
    if not found:
        raise _Unusable(f"it holds neither an object {_TABLES[0]!r} nor {_TABLES[1]!r}")
    return [(name, entry) for table in found for name, entry in table.items()]


def _server(name: str, read: object, path: Path) -> McpServer:
    if not isinstance(read, dict):
        raise _Unusable("it is not an object")
    entry = cast(dict[str, Any], _here(cast(object, read), path))
    if entry.get("disabled") is True or entry.get("enabled") is False:
        raise _Unusable("it is disabled there")
    kind = str(entry.get("type", entry.get("transport", "")))
    if kind in _OTHERS:
        raise _Unusable(_OTHERS[kind])
    if "envFile" in entry:
        raise _Unusable("it needs 'envFile', which is not read; name the variables in 'env'")
    url = next((entry[key] for key in _URLS if isinstance(entry.get(key), str)), None)
    command = entry.get("command")
    return McpServer(
        name,
        command=None if command is None else _text("command", command),
        args=tuple(_text("args", each) for each in _list(entry, "args")),
        env=dict(_texts(entry, "env")),
        cwd=_text("cwd", entry.get("cwd", str(_workspace(path)))) if url is None else None,
        url=url,
        headers=dict(_texts(entry, "headers")),
        tools=tuple(_text("tools", each) for each in _list(entry, "tools")) or ("*",),
    )


def _workspace(path: Path) -> Path:
    return path.parent.parent if path.parent.name in (".vscode", ".cursor") else path.parent


def _here(value: object, path: Path) -> object:
    """The value with what stands for places on this machine filled in; the environment is filled in at each start."""
    if isinstance(value, dict):
        return {name: _here(each, path) for name, each in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_here(each, path) for each in cast(list[object], value)]
    if not isinstance(value, str):
        return value
    if found := _INPUT.search(value):
        raise _Unusable(f"it needs {found[0]}, for which that program asks its user; name a variable instead")
    places = {"workspaceFolder": str(_workspace(path)), "userHome": str(Path.home()), "pathSeparator": os.sep}
    for name, place in places.items():
        value = value.replace(f"${{{name}}}", place)
    return value


def _list(entry: Mapping[str, Any], key: str) -> list[Any]:
    value: object = entry.get(key, [])
    if not isinstance(value, list):
        raise _Unusable(f"{key!r} must be a list")
    return cast(list[Any], value)


def _texts(entry: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    value: object = entry.get(key) or {}
    if not isinstance(value, dict):
        raise _Unusable(f"{key!r} must be an object")
    for name, each in cast(dict[str, Any], value).items():
        yield name, _text(f"{key}.{name}", each)


def _text(place: str, value: object) -> str:
    """A string; numbers and switches are taken for what they look like."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _Unusable(f"{place!r} must be a string")
