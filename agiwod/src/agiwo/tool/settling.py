"""Results on their way into a record, however big: what is not done at once is done beside the event loop."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from agiwo.errors import ToolError
from agiwo.schema.slices import is_light
from agiwo.tool.result import WHOLE, ToolResult
from agiwo.tool.storable import long_json_of, long_text_of
from agiwo.tool.thread import in_thread


async def result_of(value: object, plain: Callable[[Any], object]) -> ToolResult:
    """As `ToolResult.of` the JSON data that `plain` makes of the value; the output of a big one is JSON text.

    Raises: ToolError when there is no JSON for it.
    """
    if isinstance(value, ToolResult | str):
        return ToolResult.of(value)
    if is_light(value):
        return ToolResult.of(plain(value))
    return await in_thread(partial(_of, value, plain))


async def settled(value: object) -> ToolResult:
    """What a tool gave as a result that can be stored, or as an error result that says why it cannot be."""
    try:
        result = value if isinstance(value, ToolResult | str) else await result_of(value, _as_it_is)
    except ToolError as error:
        result = ToolResult.failed(str(error))
    if isinstance(result, str):
        result = ToolResult(content=result)
    parts = (result.content, result.content_for_user, result.error, result.output)
    return result.storable() if all(map(is_light, parts)) else await in_thread(partial(_settled, result))


def _as_it_is(value: object) -> object:
    return value


def _of(value: object, plain: Callable[[Any], object]) -> ToolResult:
    text = long_json_of(value, plain)
    return ToolResult(content=text, output=orjson.loads(text) if len(text) <= WHOLE else text)


def _settled(result: ToolResult) -> ToolResult:
    try:
        return replace(
            replace(result, content="", content_for_user=None, error=None, output=None).storable(),
            content=long_text_of(result.content),
            content_for_user=_long_text(result.content_for_user),
            error=_long_text(result.error),
            output=_long_output(result.output),
        )
    except ToolError as error:
        return ToolResult.failed(str(error))


def _long_text(text: object) -> str | None:
    return None if text is None else long_text_of(text)


def _long_output(output: object) -> Any:
    if output is None:
        return None
    if isinstance(output, str):
        return long_text_of(output)
    text = long_json_of(output)
    return orjson.loads(text) if len(text) <= WHOLE else text
