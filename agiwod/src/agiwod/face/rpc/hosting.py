"""The calls of one client's tools, for the runs that concern it. Does not decide who gets a call."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from agiwo.errors import AgiwoError
from agiwo.schema.hosted import HostedCall
from agiwo.schema.tool import ToolDefinition
from agiwo.tool.nesting import write_json
from agiwo.tool.result import ToolResult
from agiwo_protocol.channel import ChannelClosed
from agiwo_protocol.contract import read_params
from agiwo_protocol.errors import InvalidParams, RpcError
from agiwo_protocol.peer import Peer
from agiwo_protocol.tool import CALL, CallParams, CallResult

from agiwod.runtime.hosts import Hosts

_RESULT: Final = 2**20
"""Bytes of one result: it is kept with the run, and the model reads a tenth of it."""

log = logging.getLogger(__name__)


class Hosting:
    """A `Host` behind a connection: each call is one request to it, which is cancelled once the call waits no more."""

    def __init__(
        self,
        hosts: Hosts,
        peer: Peer,
        tools: Sequence[ToolDefinition],
        *,
        client: str,
        follows: Callable[[str], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.tools = tools
        self._names = frozenset(tool.name for tool in tools)
        self._hosts, self._peer, self._client, self._follows, self._tasks = hosts, peer, client, follows, tasks
        self._waited_for = Counter[str]()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        hosts.join(self)

    def has(self, tool: str) -> bool:
        """Whether the client has a tool of that name."""
        return tool in self._names

    def follows(self, run: str) -> bool:
        """Whether the client follows the run, or waits for its end."""
        return self._follows(run) or run in self._waited_for

    def call(self, call: HostedCall) -> None:
        """Carry out a call."""
        self._under_way[call.item] = self._tasks.create_task(self._put(call), name=f"tool/call {call.item}")

    def drop(self, item: str) -> None:
        """The call waits no more, whoever has answered it."""
        if task := self._under_way.pop(item, None):
            task.cancel()

    def started(self, run: str) -> None:
        """The client has started this run."""
        self._hosts.started(run, self)
        self.begin(run)

    def begin(self, run: str) -> None:
        """The client follows this run from now on: it gets the calls that are open there."""
        self._tasks.create_task(self._catch_up(run))

    @contextmanager
    def waiting(self, run: str) -> Generator[None]:
        """The client waits for the end of this run."""
        self._waited_for[run] += 1
        self.begin(run)
        try:
            yield
        finally:
            self._waited_for[run] -= 1
            self._waited_for += Counter()  # which forgets what is at zero

    def close(self) -> Sequence[HostedCall]:
        """Ask nothing more; gives the calls that are lost with the client."""
        lost = self._hosts.leave(self)
        for task in list(self._under_way.values()):
            task.cancel()
        return lost

    async def _catch_up(self, run: str) -> None:
        try:
            await self._hosts.concerns(run, self)
        except AgiwoError as error:
            log.warning("what run %s waits for cannot be told: %s", run, error)

    async def _put(self, call: HostedCall) -> None:
        try:
            if not await self._hosts.may_send(call):
                return
            result = await self._ask(call)
            # From here on the answer itself would end this task, as anybody's would.
            self._under_way.pop(call.item, None)
            await self._hosts.answer(call, result, self._client)
        except ChannelClosed:
            return
        except AgiwoError as error:
            log.warning("what client %s said to %s cannot be kept: %s", self._client, call.item, error)

    async def _ask(self, call: HostedCall) -> ToolResult:
        """What the client says; nonsense and errors are results that the model can read."""
        params = CallParams(
            run_id=call.run, item_id=call.item, call_id=call.id, name=call.name, arguments=dict(call.arguments)
        )
        try:
            said = await self._peer.request(CALL.name, params.to_wire())
            return _result(said)
        except InvalidParams as error:
            return ToolResult.failed(f"the client gave no result of a tool: {error.data.get('errors', error.message)}")
        except RpcError as error:
            return ToolResult.failed(f"the client could not do it: {error.message[:2000]}")


def _result(said: Any) -> ToolResult:
    size = len(write_json(said))
    if size > _RESULT:
        return ToolResult.failed(f"the result has {size} bytes; at most {_RESULT} are taken. Ask for less at once.")
    given = read_params(CallResult, said)
    if given.content is None:
        result = ToolResult(content="") if given.value is None else ToolResult.of(given.value)
    else:
        result = ToolResult(content=given.content, output=given.value)
    error = result.content if given.is_error else None
    return ToolResult(
        content=result.content,
        output=result.output,
        content_for_user=given.content_for_user,
        error=error,
        is_success=not given.is_error,
    )
