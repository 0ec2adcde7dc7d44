"""What a user says, from an editor's parts to an agent's and back. Starts no run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from agiwod.face.acp.shapes import Audio, Block, Content, Image, Json, Link, Resource, Text

_RESOURCE: Final = "resource"
"""Where the metadata of a part says that it is a resource of the editor's."""


def parts_of(blocks: Iterable[Block]) -> list[Json]:
    """The parts as an agent is told them."""
    return [_part(block) for block in blocks]


def _part(block: Block) -> Json:
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Image(data=data, mime_type=kind):
            return {"type": "image", "data": data, "mimeType": kind}
        case Audio(data=data, mime_type=kind):
            return {"type": "audio", "data": data, "mimeType": kind}
        case Link(uri=uri, name=name):
            return _resource_part(f"[{name}]({uri})", uri=uri, name=name)
        case Resource(resource=found):
            return _content_part(found)


def _content_part(found: Content) -> Json:
    if found.text is None:
        return {"type": "file", "data": found.blob or "", "mimeType": found.mime_type or "application/octet-stream"}
    kind = {"mimeType": found.mime_type} if found.mime_type else {}
    return _resource_part(f"{_opened(found.uri)}{found.text}{_CLOSED}", uri=found.uri, **kind)


def _resource_part(text: str, **about: str) -> Json:
    return {"type": "text", "text": text, "metadata": {_RESOURCE: about}}


def _opened(uri: str) -> str:
    return f'<resource uri="{uri}">\n'


_CLOSED: Final = "\n</resource>"


def blocks_of(parts: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
    """The parts of a recorded message as an editor shows them."""
    for part in parts:
        metadata: Mapping[str, Any] = part.get("metadata") or {}
        kind, about = part.get("type"), metadata.get(_RESOURCE)
        if kind == "text":
            yield _resource_block(part["text"], about) if about else {"type": "text", "text": _shown(part["text"])}
        elif kind in ("image", "audio") and isinstance(part.get("data"), str):
            yield {"type": kind, "data": part["data"], "mimeType": part.get("mimeType") or f"{kind}/*"}
        else:
            yield {"type": "text", "text": f"[{kind}: {part.get('url') or part.get('mimeType') or 'kept elsewhere'}]"}


def _resource_block(text: object, about: Mapping[str, str]) -> Json:
    uri, shown = about["uri"], _shown(text)
    if "name" in about:
        return {"type": "resource_link", "uri": uri, "name": about["name"]}
    inside = shown.removeprefix(_opened(uri)).removesuffix(_CLOSED)
    kind = {"mimeType": about["mimeType"]} if "mimeType" in about else {}
    return {"type": "resource", "resource": {"uri": uri, "text": inside, **kind}}


def _shown(text: object) -> str:
    """A text; of one that was too long for its record both ends, which it has."""
    if isinstance(text, Mapping):
        return f"{text['head']}\n…\n{text['tail']}"
    return str(text)


def words_of(parts: Iterable[Mapping[str, Any]]) -> str:
    """What is said in words, in one line."""
    said = (_shown(part["text"]) for part in parts if part.get("type") == "text" and not part.get("metadata"))
    return " ".join(" ".join(said).split())
