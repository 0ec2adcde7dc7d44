"""Has a manager look at its directories again when something in them has changed. Reads no skill itself."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from agiwo.skill.manager import SkillChanges, SkillManager
from agiwo.tool.thread import in_thread

QUIET: Final = 50
"""Milliseconds without a change after which what came is looked at; most programs write a file in fewer."""

LONGEST: Final = 200
"""Milliseconds after which it is looked at in any case."""

_BEAT: Final = 500
"""Milliseconds between looks at what no system tells of: whether the directories themselves are still the same."""

_SETTLING: Final = 0.025
"""Seconds after which a file is looked at again that was being written to."""

_PATIENCE: Final = 10
"""How often that is done at once; then it has time until the next beat."""

_EVERY: Final = 20
"""Beats after which everything is looked at without a reason: some disks tell of no changes."""

_SHARE: Final = 200
"""How many times as long as such a look takes there is none: who has many skills pays no more for it."""

Awatch = Callable[..., AsyncGenerator[set[Any]]]

log = logging.getLogger(__name__)


async def watch(manager: SkillManager, tell: Callable[[SkillChanges], None]) -> None:
    """Keep the manager's registry as the directories are, until cancelled; `tell` hears of each change.

    A directory that is not there yet may come, and one that was replaced is another one.
    """
    # In a thread, because it takes a while, and here, because not everybody watches.
    awatch: Awatch = (await in_thread(lambda: import_module("watchfiles"))).awatch
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it has a line for every change
    while True:
        places = await in_thread(lambda: _places(manager))
        await _look(manager, tell)
        watched = manager.directories
        async with aclosing(_beats(awatch, sorted(path for path, *_ in watched))) as beats:
            left = 0  # the first time without a reason, too: for what came after the look and before the watch
            async for has_changed in beats:
                if manager.directories != watched or await in_thread(lambda: _places(manager)) != places:
                    break
                if has_changed or not manager.is_settled or left <= 0:
                    seconds = await _look(manager, tell)
                    left = max(_EVERY, round(_SHARE * seconds * 1000 / _BEAT))
                left -= 1


async def _look(manager: SkillManager, tell: Callable[[SkillChanges], None]) -> float:
    """Look until nothing is being written to, but not for long; the seconds that it took."""
    now = asyncio.get_running_loop().time
    began = now()
    for _ in range(_PATIENCE):
        if changes := await manager.reload(patient=True):
            tell(changes)
        if manager.is_settled:
            break
        await asyncio.sleep(_SETTLING)
    return now() - began


async def _beats(awatch: Awatch, places: Sequence[Path]) -> AsyncGenerator[bool]:
    """True when something has changed in the places, False now and then."""
    # Directory by directory: whoever watches all below a place follows the links there, and they may lead anywhere.
    options = {"step": QUIET, "debounce": LONGEST, "rust_timeout": _BEAT, "yield_on_timeout": True, "recursive": False}
    try:
        async with aclosing(awatch(*places, watch_filter=None, **options)) as changes:
            async for change in changes:
                yield bool(change)
    except FileNotFoundError:
        return  # one of them went between the look and the watch: the next look knows
    except OSError as error:
        log.warning("changes of skills are looked for once a second, because the system tells of none: %s", error)
        while True:
            await asyncio.sleep(2 * _BEAT / 1000)
            yield True


def _places(manager: SkillManager) -> dict[Path, tuple[int, int]]:
    """The directories that are there, free of links, each with what tells it from another of its name."""
    found: dict[Path, tuple[int, int]] = {}
    for source in manager.sources:
        try:
            path = source.path.resolve()
            stat = path.stat()
        except (OSError, RuntimeError):
            continue
        if path.is_dir():
            found[path] = (stat.st_dev, stat.st_ino)
    return found
