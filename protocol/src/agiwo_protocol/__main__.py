"""Prints the protocol: `python -m agiwo_protocol --format jsonschema|openrpc|typescript|markdown|summary`.

With `--write` it makes every generated file of a checkout anew.
"""

import argparse
import sys

from agiwo_protocol.published import FORMATS, write


def main() -> None:
    """Print the catalog in the format asked for, or write the generated files."""
    parser = argparse.ArgumentParser(prog="python -m agiwo_protocol", description="Prints the protocol.")
    parser.add_argument("--format", choices=FORMATS, default="jsonschema")
    parser.add_argument("--write", action="store_true", help="make the generated files of this checkout anew instead")
    asked = parser.parse_args()
    if asked.write:
        _write(parser)
        return
    sys.stdout.buffer.write(FORMATS[asked.format]().encode())


def _write(parser: argparse.ArgumentParser) -> None:
    try:
        written = write()
    except FileNotFoundError as error:
        parser.error(str(error))
    for name in written:
        print(f"wrote {name}")


if __name__ == "__main__":
    main()
