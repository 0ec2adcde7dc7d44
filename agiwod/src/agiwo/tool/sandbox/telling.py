"""A sandbox in words, for who is asked whether a command may run. Claims nothing that the system does not do."""

from pathlib import Path

from agiwo.tool.sandbox.sandbox import Sandbox
from agiwo.tool.sandbox.walls import Walls


def told(sandbox: Sandbox, root: Path, walls: Walls) -> str:
    """How far a command below the root reaches."""
    if not sandbox.has_walls:
        return "it is not confined, as the settings say: it can do whatever you can"
    if not walls:
        return "it is not confined, since this system has nothing to do that with: it can do whatever you can"
    places = (
        f"it can write in {', '.join([str(root), *sandbox.writable])}" if sandbox.can_write else "it can write nothing"
    )
    network = "reach the network" if sandbox.network else "not reach the network"
    gaps = [gap for gap in walls.gaps if sandbox.can_write or "git" not in gap]
    but = f"; it is not kept from this: {', '.join(gaps)}" if gaps else ""
    return f"in its sandbox {places} and can {network}{but}"
