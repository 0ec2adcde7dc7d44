"""The programs that workflows of this process find. In a file of its own, which the sandbox passes through."""

from agiwo.durable import Program

PROGRAMS: dict[str, Program] = {}
"""The programs by agent."""
