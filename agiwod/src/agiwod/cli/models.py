"""`agiwod models`: which can be used here and now, what the others lack, and what the local one needs."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import MOST, AsJson, group_that_lists, show_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agiwo.llm.weights import Weights
    from agiwo_protocol import model

_ENGINE_WORDS: Final = "the engine llama.cpp: about 34 MB, licence MIT"


def list_models(as_json: AsJson = False) -> None:
    """List the models; the star marks what `auto` stands for at present."""
    from agiwo_protocol import model
    from agiwo_protocol.contract import Page

    show_answer(model.LIST, Page(limit=MOST), ("model", "provider", "id", "usable"), _rows, as_json=as_json)


def _rows(found: "model.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.models:
        star = " *" if each.name == found.auto else ""
        usable = "yes" if each.available else f"no: {each.reason or 'nobody knows why'}"
        yield f"{each.name}{star}", each.provider, each.id, usable


models = group_that_lists("The models that can answer.", list_models)
models.command("list")(list_models)


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which local model.")] = "smollm2-135m",
    as_json: AsJson = False,
) -> None:
    """Fetch what the local model lacks: its weights, and the engine that runs them."""
    from agiwo.llm.weights import SMOLLM2

    from agiwod.pull import PullFailed

    if name.removeprefix("local:") != SMOLLM2.name:
        raise CommandFailed(
            f"nobody knows where the weights of {name!r} are",
            hint=f"there are {SMOLLM2.name}; a file of yours is local:/path/to/model.gguf",
            code=ExitCode.USAGE,
        )
    try:
        found = _pull(SMOLLM2)
    except PullFailed as error:
        raise CommandFailed(str(error), hint=error.hint) from error
    except KeyboardInterrupt:
        raise CommandFailed(
            "interrupted; what has come is kept",
            hint="`agiwod models pull` goes on from there",
            code=ExitCode.INTERRUPTED,
        ) from None
    print(json.dumps(found) if as_json else _told(found))


def _pull(weights: "Weights") -> dict[str, Any]:
    from importlib.metadata import version

    from agiwo.llm.weights import ENGINE, present_weights

    from agiwod.pull import is_whole

    has_new_engine = _pull_engine(weights)
    path = present_weights(weights.name)
    is_new = path is None or not is_whole(path, weights)
    if path is None or is_new:
        path = _pull_weights(weights)
    if has_new_engine or is_new:
        _tell_daemon()
    about = {"name": weights.name, "licence": weights.licence, "size": weights.size, "sha256": weights.sha256}
    return {**about, "path": str(path), "isNew": is_new, "engine": f"{ENGINE} {version(ENGINE)}"}


def _pull_engine(weights: "Weights") -> bool:
    """Fetch the engine unless it is there; whether it was not."""
    from importlib.util import find_spec

    from agiwo.llm.weights import ENGINE

    from agiwod.cli.progress import progress
    from agiwod.pull import pull_engine

    if find_spec(ENGINE):
        return False
    print(f"fetching {_ENGINE_WORDS}, into {sys.prefix}", file=sys.stderr, flush=True)
    with progress(ENGINE, None) as tell:
        pull_engine(weights, tell)
    return True


def _pull_weights(weights: "Weights") -> "Path":
    from agiwod.cli.progress import progress
    from agiwod.pull import pull

    size = f"{weights.size // 1_000_000} MB"
    print(f"fetching the weights {weights.title}: {size}, licence {weights.licence}", file=sys.stderr, flush=True)
    with progress(weights.name, weights.size) as tell:
        return pull(weights, tell)


def _tell_daemon() -> None:
    """Have a running daemon look again: the model that `auto` stands for may be another one now."""
    from agiwo_protocol.paths import locate

    from agiwod.cli.hangup import reload_daemon

    reload_daemon(locate())


def _told(found: dict[str, Any]) -> str:
    words = "fetched, and its hash is right" if found["isNew"] else "is there already"
    return f'local:{found["name"]} {words}: {found["path"]}\ntry it: agiwod ask --model local:{found["name"]} "…"'
