"""A tool call as an editor shows it: in a few words, of which kind, about which file, with which change. Runs none."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from agiwod.face.acp.shapes import Json

_KINDS: Final[Mapping[str, str]] = {
    "read_file": "read",
    "write_file": "edit",
    "edit_file": "edit",
    "list_files": "search",
    "search_files": "search",
    "bash": "execute",
    "http_request": "fetch",
    "Skill": "read",
}
"""Of which kind the tools are that everybody has."""

_TITLE: Final = 200
"""Characters of a title: more of a command nobody reads in a line."""

_TEXT: Final = 32_000
"""Characters of a result that an editor is shown."""


def described(name: str, arguments: Any, cwd: str | None) -> Json:
    """What can be said of a call before it has run."""
    given = members(arguments)
    told: Json = {"title": _title(name, given), "kind": _KINDS.get(name, "other"), "rawInput": arguments}
    if (path := _path(given, cwd)) is not None:
        line = given.get("offset")
        told["locations"] = [{"path": path, **({"line": line} if name == "read_file" and type(line) is int else {})}]
    if change := _change(name, given, cwd, None):
        told["content"] = [change]
    return told


def ended(name: str, arguments: Any, output: Mapping[str, Any], cwd: str | None) -> Json:
    """What can be said of a call that has run."""
    given, about = members(arguments), members(output.get("value"))
    is_error = bool(output.get("isError"))
    change = None if is_error else _change(name, given, cwd, about.get("oldText"))
    told: Json = {"status": "failed" if is_error else "completed", "rawOutput": _raw(output)}
    told["content"] = [change] if change else _words(output)
    if (path := _path(given, cwd)) is not None and type(about.get("line")) is int:
        told["locations"] = [{"path": path, "line": about["line"]}]
    return told


def members(value: object) -> Mapping[str, Any]:
    """What an object has in it; nothing, when it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _title(name: str, given: Mapping[str, Any]) -> str:
    make = _TITLES.get(name)
    try:
        return (make(given) if make else name)[:_TITLE]
    except KeyError:
        return name


_TITLES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "read_file": lambda given: f"Read {given['path']}",
    "write_file": lambda given: f"Write {given['path']}",
    "edit_file": lambda given: f"Edit {given['path']}",
    "list_files": lambda given: f"List {given.get('path', '.')}",
    "search_files": lambda given: f"Search for {given['pattern']}",
    "bash": lambda given: f"`{given['command']}`",
    "http_request": lambda given: f"{given.get('method', 'GET')} {given['url']}",
    "Skill": lambda given: f"Read the skill {given['name']}",
}


def _path(given: Mapping[str, Any], cwd: str | None) -> str | None:
    """The file that a call is about, as an absolute path."""
    path = given.get("path", given.get("file_path"))
    if not isinstance(path, str) or (cwd is None and not os.path.isabs(path)):
        return None
    return os.path.normpath(os.path.join(cwd or "/", path))


def _change(name: str, given: Mapping[str, Any], cwd: str | None, before: Any) -> Json | None:
    """What a call does to a file; `before` is what was in it, where that is known."""
    path = _path(given, cwd)
    if path is None or name not in ("write_file", "edit_file"):
        return None
    old, new = (given.get("old"), given.get("new")) if name == "edit_file" else (before, given.get("content"))
    if not isinstance(new, str):
        return None
    return {"type": "diff", "path": path, "oldText": old if isinstance(old, str) else None, "newText": new}


def _words(output: Mapping[str, Any]) -> list[Json]:
    shown = output.get("contentForUser") or output.get("content") or ""
    text = f"{shown['head']}\n…\n{shown['tail']}" if isinstance(shown, Mapping) else str(shown)
    if len(text) > _TEXT:
        text = f"{text[: _TEXT // 2]}\n…\n{text[-_TEXT // 2 :]}"
    return [text_content(text)] if text else []


def text_content(text: str) -> Json:
    """Text as the content of a call."""
    return {"type": "content", "content": {"type": "text", "text": text}}


def _raw(output: Mapping[str, Any]) -> Any:
    value = output.get("value")
    return value if value is not None else output.get("content")
