"""The command `agiwod`: one file a group of commands. Each loads what it needs when it is called, and not before."""

__all__ = ["main"]


def main() -> int:
    """Run the command that `sys.argv` names; return its exit code, unless the command tree has already exited."""
    try:
        # Inside: who presses Ctrl-C while this is loaded shall see no traceback.
        from agiwod.cli.entry import run

        return run()
    except KeyboardInterrupt:
        return 130
