"""What was said and done in a run, as lines, so that two runs can be compared. Reads no journal."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from typing import Any

import orjson

from agiwo.schema.event import ITEM_COMPLETED, RUN_CANCELLED, RUN_COMPLETED, RUN_FAILED

Told = tuple[str, Mapping[str, Any]]
"""An event as far as it matters here: its type and its data."""


def transcript(events: Iterable[Told]) -> list[str]:
    """The calls with their results, the answers and the end, without times, ids and what was only thought."""
    return [line for type, data in events for line in _lines(type, data)]


def difference(one: Iterable[Told], other: Iterable[Told], one_name: str, other_name: str) -> list[str]:
    """What differs between the transcripts of two runs, as a unified diff; empty when nothing does."""
    return list(unified_diff(transcript(one), transcript(other), one_name, other_name, lineterm=""))


def _lines(type: str, data: Mapping[str, Any]) -> Iterator[str]:
    if type == ITEM_COMPLETED:
        yield from _item_lines(data)
    elif type == RUN_COMPLETED:
        yield f"ended: {data['terminationReason']}"
    elif type == RUN_FAILED:
        yield f"failed: {data['error']['kind']}: {data['error']['message']}"
    elif type == RUN_CANCELLED:
        yield f"cancelled: {data['reason']}"


def _item_lines(item: Mapping[str, Any]) -> Iterator[str]:
    if item["kind"] == "agentMessage":
        yield from item["text"].splitlines()
    elif item["kind"] == "toolCall":
        output: Mapping[str, Any] = item.get("output") or {}
        yield f"{item['name']} {_written(item.get('arguments'))}"
        yield f"  {'error' if output.get('isError') else 'gave'}: {_written(output.get('content'))}"


def _written(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.splitlines())
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
