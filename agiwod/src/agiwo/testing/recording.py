"""A recording: the requests of agents and what they were answered, as a file that people can read and compare."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from agiwo.errors import ConfigError
from agiwo.schema.chunk import StreamChunk
from agiwo.schema.run import TerminationReason, Usage
from agiwo.testing.canonical import Json, written
from agiwo.testing.secrets import Secrets
from agiwo.tool.result import ToolResult

_VERSION = 1
"""Of the file's form; a reader refuses a later one."""


@dataclass(slots=True)
class Exchange:
    """A canonical request, and what came of it.

    A model answers with pieces, a tool with a result; either may have failed with `error`. `is_cut` when the one who
    asked went away before the end.
    """

    request: Json
    answer: Any = None
    error: Any = None
    is_cut: bool = False

    def to_json(self) -> Json:
        """As it stands in the file."""
        optional = {"answer": self.answer, "error": self.error, "cut": self.is_cut or None}
        return {"request": self.request, **{name: value for name, value in optional.items() if value is not None}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Exchange":
        """The inverse of `to_json`."""
        return cls(data["request"], data.get("answer"), data.get("error"), data.get("cut", False))


@dataclass(slots=True)
class Recording:
    """All exchanges of a file: with models and with tools, each in the order in which they began."""

    models: list[Exchange] = field(default_factory=list[Exchange])
    tools: list[Exchange] = field(default_factory=list[Exchange])

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """What the file holds.

        Raises:
            ConfigError: there is no such file, or it is no recording that this version can read.
        """
        try:
            data: Any = json.loads(path.read_bytes().decode(errors="surrogatepass"))
            if data["recording"] != _VERSION:
                raise ConfigError(f"{path} is a recording of version {data['recording']}; this one reads {_VERSION}")
            return cls(*([Exchange.from_json(each) for each in data[kind]] for kind in ("models", "tools")))
        except FileNotFoundError:
            raise ConfigError(f"there is no recording {path}; make it with agiwo.testing.Recorder") from None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise ConfigError(f"the recording {path} cannot be read: {error!r}") from None

    def save(self, path: Path, secrets: Secrets) -> None:
        """Put the file in place, all at once and for its owner alone, without the secrets.

        What was recorded twice in another order gives the same file: a conversation's requests stand together, and only
        equal requests are kept in the order in which they came.
        """
        models = sorted((_model_exchange(each, secrets) for each in self.models), key=_by_conversation)
        tools = sorted((secrets.data(each.to_json()) for each in self.tools), key=lambda each: written(each["request"]))
        data = {"recording": _VERSION, "models": models, "tools": tools}
        text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        _write(path, text.encode(errors="surrogatepass"))


def _model_exchange(exchange: Exchange, secrets: Secrets) -> Json:
    data = exchange.to_json()
    clean: Json = secrets.data({name: value for name, value in data.items() if name != "answer"})
    return clean | {"answer": _without_secrets(exchange.answer or (), secrets)}


def _by_conversation(data: Json) -> tuple[list[str], str]:
    return list(map(written, data["request"]["messages"])), written(data["request"])


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


Piece = str | Json
"""A chunk of an answer: the text of one that is text and nothing else, or the fields that it has."""


def piece_of(chunk: StreamChunk) -> Piece:
    """The chunk as it stands in a recording."""
    given = {each.name: getattr(chunk, each.name) for each in fields(chunk)}
    piece = {name: value for name, value in given.items() if value is not None}
    if chunk.usage is not None:
        none = asdict(Usage())
        piece["usage"] = {name: value for name, value in asdict(chunk.usage).items() if value != none[name]}
    return piece["content"] if piece.keys() == {"content"} else piece


def chunk_of(piece: Piece) -> StreamChunk:
    """The inverse of `piece_of`."""
    if isinstance(piece, str):
        return StreamChunk(piece)
    chunk = StreamChunk(**piece)
    chunk.usage = Usage(**piece["usage"]) if "usage" in piece else None
    return chunk


_OWN = ("content", "output", "content_for_user", "error", "is_success", "termination_reason")
"""The fields of a result that are the tool's own; the others are the executor's, and differ with each run."""


def kept_of(result: ToolResult) -> Json:
    """The result as it stands in a recording."""
    return {name: value for name in _OWN if (value := getattr(result, name)) is not None}


def result_of(kept: Json) -> ToolResult:
    """The inverse of `kept_of`."""
    reason = kept.get("termination_reason")
    return replace(ToolResult(**kept), termination_reason=TerminationReason(reason) if reason else None)


def _without_secrets(pieces: Sequence[Piece], secrets: Secrets) -> list[Piece]:
    """The pieces, with each of the texts that run through them rid of secrets as a whole."""
    copies = [{"content": piece} if isinstance(piece, str) else _copied(piece) for piece in pieces]
    texts: dict[object, list[tuple[Json, str]]] = {}
    for copy in copies:
        for kind in ("content", "reasoning_content"):
            if kind in copy:
                texts.setdefault(kind, []).append((copy, kind))
        for fragment in cast(Sequence[Json], copy.get("tool_calls", ())):
            if fragment.get("function", {}).get("arguments"):
                texts.setdefault(fragment.get("index"), []).append((fragment["function"], "arguments"))
    for places in texts.values():
        for (holder, name), text in zip(places, secrets.pieces([holder[name] for holder, name in places]), strict=True):
            holder[name] = text
    return [copy["content"] if copy.keys() == {"content"} else copy for copy in copies]


def _copied(data: Any) -> Any:
    return json.loads(json.dumps(data, default=repr))
