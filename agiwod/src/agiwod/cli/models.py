"""`agiwod models`: which can be used here and now, what the others lack, and the weights of the local one."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agiwo.llm.weights import Weights

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


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which local model.")] = "smollm2-135m",
    as_json: _JSON = False,
) -> None:
    """Fetch the weights of the local model, unless they are there. What was begun is gone on with."""
    from agiwo.llm.weights import SMOLLM2

    from agiwod.cli.failure import CommandFailed, ExitCode

    if name.removeprefix("local:") != SMOLLM2.name:
        raise CommandFailed(
            f"nobody knows where the weights of {name!r} are",
            hint=f"there are {SMOLLM2.name}; a file of yours is local:/path/to/model.gguf",
            code=ExitCode.USAGE,
        )
    found = _pull(SMOLLM2)
    print(json.dumps(found) if as_json else _told(found))


def _pull(weights: "Weights") -> dict[str, Any]:
    from agiwo.llm.weights import present_weights

    from agiwod.cli.failure import CommandFailed
    from agiwod.pull import PullFailed, is_whole, pull

    about = {"name": weights.name, "licence": weights.licence, "size": weights.size, "sha256": weights.sha256}
    there = present_weights(weights.name)
    if there is not None and is_whole(there, weights):
        return {**about, "path": str(there), "isNew": False}
    size = f"{weights.size // 1_000_000} MB"
    print(f"fetching {weights.title}: {size}, licence {weights.licence}", file=sys.stderr, flush=True)
    try:
        path = pull(weights, is_quiet=not sys.stderr.isatty())
    except PullFailed as error:
        raise CommandFailed(str(error), hint=error.hint) from error
    _tell_daemon()
    return {**about, "path": str(path), "isNew": True}


def _tell_daemon() -> None:
    """Have a running daemon look again: the model that `auto` stands for may be another one now."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.hangup import reload_daemon

    reload_daemon(locate())


def _told(found: dict[str, Any]) -> str:
    from importlib.util import find_spec

    from agiwo.llm.weights import ENGINE

    words = "fetched, and its hash is right" if found["isNew"] else "is there already"
    lack = "" if find_spec(ENGINE) else "\nit still needs its engine: pip install 'agiwod[local]'"
    return f"local:{found['name']} {words}: {found['path']}{lack}"
