"""What the daemon refuses that the engine would do. Knows no wire code."""

from agiwo.errors import AgiwoError


class Draining(AgiwoError):
    """The daemon takes no new runs, because it is about to end; the next one will. `until` is when it ends at most."""

    retryable = True

    def __init__(self, until: float) -> None:
        super().__init__("the daemon is draining and takes no new runs; try again when it has been started anew")
        self.until = until
