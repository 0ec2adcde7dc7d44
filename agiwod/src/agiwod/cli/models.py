"""`agiwod models`: which can be used here and now, and what the others lack."""

import json
from typing import Annotated

import typer

models = typer.Typer(help="The models that can answer.")

_JSON = Annotated[bool, typer.Option("--json", help="As JSON.")]


@models.callback(invoke_without_command=True)
def list_when_nothing_is_said(context: typer.Context, as_json: _JSON = False) -> None:
    """List the models."""
    if context.invoked_subcommand is None:
        list_models(as_json=as_json)


@models.command("list")
def list_models(as_json: _JSON = False) -> None:
    """List the models; the star marks what `auto` stands for at present."""
    from agiwo_client import Client
    from agiwo_protocol import model
    from agiwo_protocol.contract import Page

    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    async def ask(client: Client) -> model.ListResult:
        return await client.call(model.LIST, Page(limit=1000))

    found = talk(ask)
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    rows = [
        (
            f"{each.name}{' *' if each.name == found.auto else ''}",
            each.provider,
            each.id,
            "yes" if each.available else f"no: {each.reason or 'nobody knows why'}",
        )
        for each in found.models
    ]
    show_table(("model", "provider", "id", "usable"), rows)
