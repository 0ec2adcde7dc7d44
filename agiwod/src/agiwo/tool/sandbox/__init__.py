"""What keeps commands and file tools of agents from the rest of the machine."""

from agiwo.tool.sandbox.limits import Limits
from agiwo.tool.sandbox.sandbox import Mode, Sandbox
from agiwo.tool.sandbox.walls import Walls, walls

__all__ = ["Limits", "Mode", "Sandbox", "Walls", "walls"]
