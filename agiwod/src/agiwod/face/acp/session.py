"""A session that an editor has open: its prompts, and what works for it. Knows no method's name."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
from agiwo.errors import Conflict
from agiwo.llm.price import listed_window
from agiwo.mcp import McpServer
from agiwo.schema.event import Event

from agiwod.face.acp.chosen import Chosen
from agiwod.face.acp.editor import Editor
from agiwod.face.acp.ending import ending
from agiwod.face.acp.following import Following
from agiwod.face.acp.listing import TITLE
from agiwod.face.acp.prompt import parts_of, words_of
from agiwod.face.acp.shapes import Block, Json
from agiwod.face.acp.updates import Updates
from agiwod.face.acp.workbench import Workbench
from agiwod.runtime.agents import Agents
from agiwod.runtime.hosts import Hosts
from agiwod.runtime.runs import Ask

if TYPE_CHECKING:
    from agiwod.face.acp.connection import Connection

_FAREWELL: Final = 2.0
"""Seconds in which a run has to be told that its prompt was cancelled."""

_CANCELLED: Final = "cancelled in the editor"


@dataclass(eq=False)
class _Turn:
    """A prompt that waits for the end of its run."""

    run: str = ""
    is_cancelled: bool = False
    ended: "asyncio.Future[Event]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class OpenSession:
    """One session on one connection, which works in `cwd` with the tools of the editor and of `servers`."""

    def __init__(
        self,
        connection: "Connection",
        id: str,
        cwd: str,
        agent: str,
        model: str | None = None,
        servers: Sequence[McpServer] = (),
    ) -> None:
        self.id, self.cwd = id, cwd
        self.is_open = asyncio.Event()
        self._connection, self._daemon = connection, connection.daemon
        self._turns: set[_Turn] = set()
        self.updates = Updates(self.tell, cwd)
        self.chosen = Chosen(connection.daemon, id, self.agents, self._ready, self.tell, agent, model)
        self.following = Following(connection, self, self.updates)
        self.workbench = self._fitted(servers)

    @property
    def hosts(self) -> Hosts:
        """Where the calls of its tools come from."""
        return self._daemon.hosts

    @property
    def is_ending(self) -> bool:
        """Whether the daemon ends, and its runs go on at the next start."""
        return self._daemon.ended.is_set()

    @property
    def client(self) -> str:
        """What others are shown of the editor."""
        return self._connection.permissions.client

    def has(self, run: str) -> bool:
        """Whether the run is told here, for itself and not for one above it."""
        return run in self.following.roots

    def see_to(self, work: Coroutine[Any, Any, object]) -> "asyncio.Task[None]":
        """Have something done that no request waits for."""
        return self._connection.see_to(work)

    async def agents(self) -> Agents:
        """The agents that it can be done with."""
        return await self._connection.agents_at(self.cwd)

    async def _ready(self) -> None:
        project = (await self._daemon.projects.at(self.cwd)).project
        await (project.skills if project else self._daemon.skills).ready()

    def tell(self, update: Json) -> None:
        """Send a `session/update`."""
        self._connection.peer.notify("session/update", {"sessionId": self.id, "update": update})

    def _fitted(self, servers: Sequence[McpServer]) -> Workbench:
        editor, can = Editor(self._connection.peer, self.id), self._connection.capabilities
        workbench = Workbench(self, editor, can, servers, self._daemon.tool_calls.sandbox)
        workbench.open()
        return workbench

    async def move(self, cwd: str, servers: Sequence[McpServer]) -> None:
        """Have it work there from now on, with these servers."""
        self.cwd = self.updates.cwd = cwd
        former, self.workbench = self.workbench, self._fitted(servers)
        await former.close()

    async def prompt(self, blocks: Sequence[Block]) -> Json:
        """What is answered when the run for these words has ended. A prompt that is cancelled cancels its run.

        Raises: as `Runs.start`; AgentFailed when the run has failed.
        """
        # Before anything is waited for: the cancel of a prompt may come right behind it.
        turn = _Turn()
        self._turns.add(turn)
        try:
            ask = await self._asked(parts_of(blocks))
            return ending(await self._run(turn, ask))
        except asyncio.CancelledError:
            await self._forsake(turn)
            raise
        finally:
            self._turns.discard(turn)

    async def _asked(self, parts: list[Json]) -> Ask:
        """What a run is to do for these words."""
        await self.chosen.remember(words_of(parts)[:TITLE])
        parts, command = await self.chosen.meant(parts)
        agent, model = self.chosen.agent, self.chosen.model
        if command and command.agent:
            agent, model = command.agent, None
        project = (await self._daemon.projects.at(self.cwd)).project
        agents = project.agents if project else self._daemon.agents
        asked = agents.with_model(agent, model)
        self.updates.window = lambda: asked.options.context_tokens or listed_window(asked.model)
        hosted = await self.workbench.tools_for(asked)
        return Ask(agent, parts, self.id, model=model, project=project, hosted=hosted)

    async def _run(self, turn: _Turn, ask: Ask) -> Event:
        """The last event of the run that does it."""

        def bind(run: str) -> None:
            turn.run = run
            self.following.expect(run)

        try:
            started = await self._daemon.runs.start(ask, bind)
        except BaseException:
            self.following.forget(turn.run)
            raise
        self.hosts.started(turn.run, self.workbench)
        self.following.adopt(started.cursor)
        if turn.is_cancelled:
            await self._daemon.runs.abandon([turn.run], _CANCELLED)
        return await turn.ended

    async def _forsake(self, turn: _Turn) -> None:
        """End the run of a prompt that was cancelled; one whose editor vanished, or whose daemon ends, goes on."""
        if not turn.run or self._connection.peer.has_left or self.is_ending:
            return
        with anyio.move_on_after(_FAREWELL, shield=True):
            await self._daemon.runs.abandon([turn.run], _CANCELLED)

    async def cancel(self) -> None:
        """End all that works for the session here: the runs of its prompts, and those that it follows."""
        for turn in self._turns:
            turn.is_cancelled = True
        await self._daemon.runs.abandon(list(self.following.roots), _CANCELLED)

    async def steer(self, blocks: Sequence[Block], run: str | None) -> str:
        """Tell a run something that its next model call includes; without `run` the one that works here.

        Raises:
            Conflict: none does, or it is about to end.
            NotFound: there is no such run.
        """
        target = run or next(iter(self.following.roots), None)
        if target is None:
            raise Conflict(f"nothing works for the session {self.id}; send a prompt")
        await self._daemon.runs.steer(target, parts_of(blocks))
        return target

    def take(self, event: Event) -> None:
        """Tell an event of a run of this session, or of one below."""
        turn = next((turn for turn in self._turns if turn.run == event.run), None)
        self.following.take(event, is_asked_here=turn is not None)
        if turn is not None and event.is_terminal and not turn.ended.done():
            turn.ended.set_result(event)

    async def close(self) -> None:
        """Tell nothing more of its runs, but for those whose prompts are still to be answered, and use no tools."""
        await self.workbench.close()
        asked = {turn.run for turn in self._turns}
        for run in self.following.roots - asked:
            self.following.detach(run)
