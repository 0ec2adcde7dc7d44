"""Where the payloads are that are too large for Temporal: blobs of the journal, named by the records of their runs."""

from contextlib import suppress
from typing import Final

from agiwo.clock import Clock
from agiwo.errors import Conflict, NotFound
from agiwo.journal.base import Journal
from agiwo.schema.record import Batch, Entry

PAYLOAD: Final = "payload"
"""Type of the internal record that names a blob, which is so kept as long as its run; the key is `payload/NAME`."""


class JournalPayloads:
    """Keeps payloads in a journal."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    async def keep(self, run: str, data: bytes) -> str:
        """Keep the bytes for as long as the run is kept, and give their name."""
        name = await self._journal.put_blob(data)
        entry = Entry(PAYLOAD, {"blob": name}, self._clock.now(), f"{PAYLOAD}/{name}", public=False)
        with suppress(Conflict, NotFound):  # it is named already, or what is kept is no run's
            await self._journal.append(Batch(run, (entry,)))
        return name

    async def kept(self, name: str) -> bytes:
        """The bytes of that name."""
        return (await self._journal.get_blob(name))[0]
