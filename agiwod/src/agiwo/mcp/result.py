"""What a foreign tool gives, as the result of a call here: text for the model, the rest for programs and people."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agiwo.tool.nesting import write_json
from agiwo.tool.result import ToolResult

Block = Mapping[str, Any]


def tool_result(data: Mapping[str, Any]) -> ToolResult:
    """The result that a `CallToolResult` stands for.

    A model reads the texts, and what else came is named to it. `output` is the structured content; where there are
    pictures, sounds or files too, it is an object with both, so that whoever reads the run has them.
    """
    blocks: Sequence[Block] = data.get("content") or ()
    structured: Any = data.get("structuredContent")
    text = "\n".join(filter(None, map(_told, blocks)))
    if not text and structured is not None:
        text = write_json(structured).decode()
    if data.get("isError"):
        said = text or "the tool failed and does not say why"
        return ToolResult(content=said, output=_output(blocks, structured), error=said, is_success=False)
    return ToolResult(content=text or "[no output]", output=_output(blocks, structured))


def _output(blocks: Sequence[Block], structured: Any) -> Any:
    if all(block.get("type") == "text" for block in blocks):
        return structured
    both = {"content": [dict(block) for block in blocks]}
    return both if structured is None else {**both, "structuredContent": structured}


def _told(block: Block) -> str:
    """What a model is told of one block."""
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "image" | "audio" as kind:
            return f"[{kind}: {block.get('mimeType', 'of no known type')}, {_size(block.get('data', '')):,} bytes]"
        case "resource":
            return _resource(block.get("resource") or {})
        case "resource_link":
            about = block.get("description") or block.get("title") or ""
            return f"[resource {block.get('name', '')}: {block.get('uri', '')}]{' ' if about else ''}{about}"
        case _:
            return orjson.dumps(dict(block)).decode()


def _resource(resource: Block) -> str:
    uri = resource.get("uri", "")
    if "text" in resource:
        return f"[resource {uri}]\n{resource['text']}"
    return (
        f"[resource {uri}: {resource.get('mimeType', 'of no known type')}, {_size(resource.get('blob', '')):,} bytes]"
    )


def _size(encoded: str) -> int:
    try:
        return len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return len(encoded)
