"""The tool calls that the daemon has this client carry out. Each runs once here, over whichever connection it comes."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agiwo_protocol.channel import Channel
from agiwo_protocol.contract import read_params
from agiwo_protocol.errors import MethodNotFound
from agiwo_protocol.tool import CALL, CallParams, CallResult, Offered

from agiwo_client.tool import Function, Tool

_KEPT: Final = 256
"""Calls that are remembered: one whose connection was lost comes again, and must find what it gave."""


class Calls:
    """The functions of this client by the names of their tools, and the calls that were made of them.

    A call goes on when its connection is lost, so that it has its result when the daemon asks again. It is cancelled
    when the daemon says that it waits no more, and at the end of the client.
    """

    def __init__(self, tools: Iterable[Tool | Function]) -> None:
        made = [tool if isinstance(tool, Tool) else Tool(tool) for tool in tools]
        self._tools = {tool.offered.name: tool for tool in made}
        if len(self._tools) < len(made):
            names = [tool.offered.name for tool in made]
            raise ValueError(f"two tools are named {next(name for name in names if names.count(name) > 1)!r}")
        self._made: OrderedDict[str, asyncio.Task[CallResult]] = OrderedDict()

    @property
    def offered(self) -> list[Offered]:
        """The tools as the daemon is to know them."""
        return [tool.offered for tool in self._tools.values()]

    async def serve(self, channel: Channel, params: Mapping[str, Any] | list[Any] | None) -> dict[str, Any]:
        """The answer to a `tool/call` that came over this channel.

        Raises:
            RpcError: there is no such tool here, or the call is none.
        """
        call = read_params(CallParams, params)
        if call.name not in self._tools:
            raise MethodNotFound(f"this client has no tool {call.name!r}", method=CALL.name, near=list(self._tools))
        task = self._made.get(call.item_id) or self._make(call)
        try:
            return (await asyncio.shield(task)).to_wire()
        except asyncio.CancelledError:
            if not channel.is_closed:
                task.cancel()  # the daemon has said so
            raise

    def _make(self, call: CallParams) -> "asyncio.Task[CallResult]":
        task = asyncio.create_task(self._tools[call.name].call(call.arguments), name=f"tool {call.name} {call.item_id}")
        self._made[call.item_id] = task
        done = [item for item, each in self._made.items() if each.done()]
        for item in done[: max(0, len(self._made) - _KEPT)]:
            del self._made[item]
        return task

    async def aclose(self) -> None:
        """End what is under way."""
        for task in self._made.values():
            task.cancel()
        await asyncio.gather(*self._made.values(), return_exceptions=True)
