"""One request to a provider, before it is made. Loads no HTTP client, so that who only names a model waits for none."""

from collections.abc import Mapping
from dataclasses import dataclass

from agiwo.llm.admission import LONGEST_WAIT
from agiwo.llm.base import Timeouts
from agiwo.llm.refusal import Asked


@dataclass(frozen=True, slots=True)
class Post:
    """One request: what is sent where, to whom, and how patiently.

    Requests with the same `pool` (the host, unless named) share connections within an event loop, and those of the
    same account its limits: at most `concurrency` of them are under way at once, and a request that may not be made
    within `patience` seconds is not made.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    asked: Asked
    timeouts: Timeouts
    pool: str | None = None
    concurrency: int = 100
    patience: float = LONGEST_WAIT

    @property
    def account(self) -> str:
        """What requests share limits by: the pool when it is named, else host and key."""
        return self.pool or f"{self.asked.host} {self.asked.secret or ''}"
