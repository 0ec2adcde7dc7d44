"""The tools that agents may name: those of agiwo, and those of installed packages. Runs none of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agiwo.schema.tool import ToolDefinition
from agiwo.tool.catalog import Fault, load_tools, offers


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool; `asks` when some of its calls need somebody's approval. `package` is who adds it, None for agiwo.

    `model_name` is what models call it, when that is another name.
    """

    definition: ToolDefinition
    asks: bool
    package: str | None = None
    model_name: str | None = None


async def known_tools() -> tuple[list[KnownTool], Sequence[Fault]]:
    """All tools that work, and what is wrong with the others. Looks anew each time: packages come and go."""
    # The modules of packages are loaded here, which may take its time.
    return await asyncio.to_thread(_known_tools)


def _known_tools() -> tuple[list[KnownTool], Sequence[Fault]]:
    tools, faults = load_tools()
    known = offers()
    return [
        KnownTool(each.get_definition(), each.may_need_approval, known[each.name].package) for each in tools
    ], faults
