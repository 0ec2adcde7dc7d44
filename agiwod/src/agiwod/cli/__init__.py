"""The command `agiwod`: one file a group of commands. Each loads what it needs when it is called, and not before."""

from agiwod.cli.entry import main

__all__ = ["main"]
