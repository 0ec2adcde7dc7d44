"""Keeps Temporal's history small: what is large is kept in the journal's store, and the history says where."""

from collections.abc import Sequence
from typing import Final, Protocol, Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from agiwo.engine.temporal.names import run_of

ABOVE: Final = 128 * 1024
"""Bytes above which a payload goes by reference. Temporal takes 2 MB at most, and 50 MB for a whole history."""

_ENCODING: Final = b"agiwo/blob"


class Kept(Protocol):
    """Where large payloads are."""

    async def keep(self, run: str, data: bytes) -> str:
        """Keep the bytes for as long as the run is kept, and give their name."""
        ...

    async def kept(self, name: str) -> bytes:
        """The bytes of that name."""
        ...


class ByReference(PayloadCodec, WithSerializationContext):
    """Sends large payloads round Temporal."""

    def __init__(self, store: Kept, run: str = "") -> None:
        self._store, self._run = store, run

    def with_context(self, context: SerializationContext) -> Self:
        """The same for the payloads of one run."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return type(self)(self._store, run_of(context.workflow_id or ""))
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What is sent instead of these."""
        return [await self._shorter(each) if each.ByteSize() > ABOVE else each for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What these stand for."""
        return [await self._whole(each) if each.metadata["encoding"] == _ENCODING else each for each in payloads]

    async def _shorter(self, payload: Payload) -> Payload:
        name = await self._store.keep(self._run, payload.SerializeToString())
        return Payload(metadata={"encoding": _ENCODING}, data=name.encode())

    async def _whole(self, payload: Payload) -> Payload:
        return Payload.FromString(await self._store.kept(payload.data.decode()))
