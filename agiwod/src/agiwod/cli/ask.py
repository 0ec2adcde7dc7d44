"""`agiwod ask`: one question to an agent, and its answer as it comes."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from agiwo_client import Client, Run


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask; - reads it from stdin.")],
    agent: Annotated[str | None, typer.Option(help="Who answers; without it, the default agent.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model answers this one time, such as openai:gpt-4o.")] = None,
    session: Annotated[str | None, typer.Option(help="The conversation to go on with.")] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON Schema: the answer is one JSON value that fits it.")
    ] = None,
    traceparent: Annotated[
        str | None,
        typer.Option(envvar="TRACEPARENT", help="The span of yours that the run is to be below."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every event of the run, one JSON object a line.")] = False,
) -> None:
    """Ask an agent and watch the answer come. Ctrl-C cancels the run; twice leaves it running."""
    text, output_schema = read_text(question), None if schema is None else _read_schema(schema)
    from agiwod.cli.follow import watch

    async def begin(client: "Client") -> "Run":
        return await client.start_run(
            agent or await default_agent(client),
            text,
            session_id=session,
            model=model,
            output_schema=output_schema,
            traceparent=traceparent or None,
        )

    raise typer.Exit(watch(begin, as_json=as_json, has_output=output_schema is not None))


def read_text(question: str) -> str:
    """What an agent is asked: the argument, or with `-` what stdin gives.

    Raises:
        CommandFailed: it is empty.
    """
    text = sys.stdin.buffer.read().decode(errors="replace") if question == "-" else question
    if not text.strip():
        raise CommandFailed("there is no question", hint='try: agiwod ask "…"', code=ExitCode.USAGE)
    return text


def _read_schema(file: Path) -> dict[str, Any]:
    try:
        schema: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandFailed(f"the schema {file} cannot be read: {error}", code=ExitCode.USAGE) from None
    if not isinstance(schema, dict):
        raise CommandFailed(f"the schema {file} is not a JSON object", code=ExitCode.USAGE)
    return cast("dict[str, Any]", schema)


async def default_agent(client: "Client") -> str:
    """Who answers when nobody is named.

    Raises:
        CommandFailed: the settings name none, and there are several.
    """
    from agiwo_protocol import agent
    from agiwo_protocol.contract import Page

    found = await client.call(agent.LIST, Page())
    if found.default_agent is None:
        names = ", ".join(each.agent_id for each in found.agents)
        raise CommandFailed("no agent is the default one", hint=f"name one with --agent: {names}", code=ExitCode.USAGE)
    return found.default_agent
