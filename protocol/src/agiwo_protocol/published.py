"""The files that are generated from the catalog and kept beside it: which they are, and writing them. Prints none."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import orjson

from agiwo_protocol.markdown import markdown
from agiwo_protocol.schema import json_schema, open_rpc, summary
from agiwo_protocol.typescript import typescript

ROOT: Final = Path(__file__).parents[3]
"""The repository, when this package is used from a checkout."""


def _indented(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


FORMATS: Final[Mapping[str, Callable[[], str]]] = {
    "jsonschema": lambda: _indented(json_schema()),
    "openrpc": lambda: _indented(open_rpc()),
    "typescript": typescript,
    "markdown": markdown,
    "summary": summary,
}
"""The forms in which the catalog can be had."""

FILES: Final[Mapping[str, str]] = {
    "protocol/schema/agiwod.schema.json": "jsonschema",
    "protocol/schema/agiwod.openrpc.json": "openrpc",
    "protocol/schema/agiwod.ts": "typescript",
    "docs/protocol.md": "markdown",
    "protocol/src/agiwo_protocol/summary.py": "summary",
}
"""Each file in the repository, and the form that it has."""


def stale(root: Path = ROOT) -> list[str]:
    """The files that are not what the catalog says."""
    return [name for name, form in FILES.items() if _read(root / name) != FORMATS[form]()]


def write(root: Path = ROOT) -> list[str]:
    """Make the files what the catalog says, and return those that were not.

    Raises:
        FileNotFoundError: this is no checkout of the repository.
    """
    if not (root / "protocol" / "pyproject.toml").is_file():
        raise FileNotFoundError(f"{root} is no checkout of agiwod, so there are no files to write")
    written = stale(root)
    for name in written:
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(FORMATS[FILES[name]](), encoding="utf-8", newline="\n")
    return written


def _read(file: Path) -> str | None:
    return file.read_bytes().decode() if file.is_file() else None
