"""`agiwod schema`: the protocol as a document, for those who write a client."""

import sys
from typing import Annotated, Literal

import typer


def schema(
    format: Annotated[
        Literal["jsonschema", "openrpc", "typescript", "markdown"], typer.Option(help="What to write it in.")
    ] = "jsonschema",
) -> None:
    """Print the protocol: its methods, its events and their shapes."""
    from agiwo_protocol.published import FORMATS

    sys.stdout.buffer.write(FORMATS[format]().encode())
