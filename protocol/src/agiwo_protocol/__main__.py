"""Prints the protocol: `python -m agiwo_protocol --format jsonschema|openrpc|typescript|markdown|summary`."""

import argparse
import sys
from collections.abc import Callable, Mapping

import orjson

from agiwo_protocol.markdown import markdown
from agiwo_protocol.schema import json_schema, open_rpc, summary
from agiwo_protocol.typescript import typescript


def _indented(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


FORMATS: Mapping[str, Callable[[], str]] = {
    "jsonschema": lambda: _indented(json_schema()),
    "openrpc": lambda: _indented(open_rpc()),
    "typescript": typescript,
    "markdown": markdown,
    "summary": summary,
}


def main() -> None:
    """Print the catalog in the format asked for."""
    parser = argparse.ArgumentParser(prog="python -m agiwo_protocol", description=__doc__)
    parser.add_argument("--format", choices=FORMATS, default="jsonschema")
    chosen: str = parser.parse_args().format
    sys.stdout.buffer.write(FORMATS[chosen]().encode())


if __name__ == "__main__":
    main()
