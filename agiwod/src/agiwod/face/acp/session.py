"""A session that an editor has open: its prompts, and what is told of its runs. Knows no method's name."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
from agiwo.errors import Conflict
from agiwo.mcp import McpServer
from agiwo.schema.event import APPROVAL_REQUESTED, Event
from agiwo.schema.run import TERMINAL, RunStatus

from agiwod.face.acp.choices import choices, model_names, options, require_one_of
from agiwod.face.acp.commands import commanded, commands_of
from agiwod.face.acp.editor import Editor
from agiwod.face.acp.ending import ending
from agiwod.face.acp.listing import TITLE
from agiwod.face.acp.prompt import parts_of, words_of
from agiwod.face.acp.shapes import Block, Json
from agiwod.face.acp.updates import Updates
from agiwod.face.acp.workbench import Workbench
from agiwod.runtime.agents import Agents
from agiwod.runtime.hosts import Hosts
from agiwod.runtime.projects import Place
from agiwod.runtime.runs import Ask

if TYPE_CHECKING:
    from agiwod.face.acp.connection import Connection

_FAREWELL: Final = 2.0
"""Seconds in which a run has to be told that its prompt was cancelled."""

_UNFINISHED: Final = frozenset(RunStatus) - TERMINAL

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Turn:
    """A prompt that waits for the end of its run."""

    run: str = ""
    is_cancelled: bool = False
    ended: "asyncio.Future[Event]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class OpenSession:
    """One session on one connection. The next prompt goes to `agent`, with `model` in the place of its own if named."""

    def __init__(
        self,
        connection: "Connection",
        id: str,
        cwd: str,
        agent: str,
        model: str | None = None,
        servers: Sequence[McpServer] = (),
    ) -> None:
        self.id, self.cwd, self.agent, self.model = id, cwd, agent, model
        self.updates = Updates(self.tell, cwd)
        self.is_open = asyncio.Event()
        self._connection, self._daemon = connection, connection.daemon
        self._turns: set[_Turn] = set()
        self._roots: set[str] = set()
        self._reached: dict[str, tuple[int, asyncio.Event]] = {}
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
        return run in self._roots

    def see_to(self, work: Coroutine[Any, Any, object]) -> "asyncio.Task[None]":
        """Have something done that no request waits for."""
        return self._connection.see_to(work)

    async def place(self) -> Place:
        """Where the session works: its project as it is now, if it is in one that is trusted."""
        return await self._daemon.projects.at(self.cwd)

    async def agents(self) -> Agents:
        """The agents that it can be done with."""
        project = (await self.place()).project
        return project.agents if project else self._daemon.agents

    def tell(self, update: Json) -> None:
        """Send a `session/update`."""
        self._connection.peer.notify("session/update", {"sessionId": self.id, "update": update})

    async def prompt(self, blocks: Sequence[Block]) -> Json:
        """What is answered when the run for these words has ended. A prompt that is cancelled cancels its run.

        Raises: as `Runs.start`; AgentFailed when the run has failed.
        """
        # Before anything is waited for: the cancel of a prompt may come right behind it.
        turn = _Turn()
        self._turns.add(turn)
        try:
            return ending(await self._run(turn, parts_of(blocks)))
        except asyncio.CancelledError:
            await self._forsake(turn)
            raise
        finally:
            self._turns.discard(turn)

    async def _run(self, turn: _Turn, parts: list[Json]) -> Event:
        """The last event of the run that does it."""

        def bind(run: str) -> None:
            turn.run = run
            self._connection.runs[run] = self
            self._roots.add(run)

        await self.remember(words_of(parts)[:TITLE])
        place = await self.place()
        parts, command = commanded(parts, commands_of(await self.agents(), self.agent))
        agent = (command and command.agent) or self.agent
        model = self.model if agent == self.agent else None
        agents = place.project.agents if place.project else self._daemon.agents
        hosted = await self.workbench.tools_for(agents.get(agent).agent)
        ask = Ask(agent, parts, self.id, model=model, project=place.project, hosted=hosted)
        try:
            started = await self._daemon.runs.start(ask, bind)
        except BaseException:
            self._forget(turn.run)
            raise
        self.hosts.started(turn.run, self.workbench)
        self._connection.fanout.adopt(started.cursor, is_tree=True)
        if turn.is_cancelled:
            await self._daemon.runs.abandon([turn.run], "cancelled in the editor")
        return await turn.ended

    async def remember(self, said: str = "") -> None:
        """Have what was chosen kept with the session, and its title, which is what is `said` in it first."""
        session = await self._daemon.sessions.get(self.id)
        chosen = {"agent": self.agent, "model": self.model}
        titled = {"title": said} if said and session.head is None and "title" not in session.meta else {}
        if not titled and chosen == {name: session.meta.get(name) for name in chosen}:
            return
        try:
            await self._daemon.sessions.note(self.id, {**chosen, **titled})
        except Conflict:
            return  # a run of the session is going; the next prompt tries again
        if titled:
            self.tell({"sessionUpdate": "session_info_update", **titled})

    def _fitted(self, servers: Sequence[McpServer]) -> Workbench:
        editor, can = Editor(self._connection.peer, self.id), self._connection.capabilities
        workbench = Workbench(self, editor, can, servers)
        workbench.open()
        return workbench

    async def move(self, cwd: str, servers: Sequence[McpServer]) -> None:
        """Have it work there from now on, with these servers."""
        self.cwd = self.updates.cwd = cwd
        former, self.workbench = self.workbench, self._fitted(servers)
        await former.close()

    async def choices(self) -> Json:
        """What its user can choose, and what is chosen."""
        return choices(await self.agents(), self._daemon.models, self.agent, self.model)

    async def options(self) -> list[Json]:
        """The same, for editors that know options."""
        return options(await self.agents(), self._daemon.models, self.agent, self.model)

    async def choose_agent(self, id: object, path: str) -> None:
        """Have the next prompts done by another agent.

        Raises:
            InvalidParams: there is none of that id; `path` is where it was named.
        """
        self.agent = require_one_of(id, [each.agent.id for each in (await self.agents()).list()], path)
        await self.remember()
        await self.tell_commands()

    async def choose_model(self, name: object, path: str) -> None:
        """Have the next prompts answered by another model.

        Raises:
            InvalidParams: there is none of that name; `path` is where it was named.
            NotFound: the agent is there no more.
        """
        agent = (await self.agents()).get(self.agent).agent
        chosen = require_one_of(name, model_names(agent, self._daemon.models), path)
        self.model = None if chosen == agent.model.name else chosen
        await self.remember()

    async def tell_choices(self) -> None:
        """Tell what can be chosen, which has changed."""
        self.tell({"sessionUpdate": "config_option_update", "configOptions": await self.options()})
        await self.tell_commands()

    async def tell_commands(self) -> None:
        """Tell what a prompt may begin with."""
        found = commands_of(await self.agents(), self.agent)
        listed = [each.to_json() for each in found.values()]
        self.tell({"sessionUpdate": "available_commands_update", "availableCommands": listed})

    async def _forsake(self, turn: _Turn) -> None:
        """End the run of a prompt that was cancelled; one whose editor vanished, or whose daemon ends, goes on."""
        if not turn.run or self._connection.peer.has_left or self._daemon.ended.is_set():
            return
        with anyio.move_on_after(_FAREWELL, shield=True):
            await self._daemon.runs.abandon([turn.run], "cancelled in the editor")

    async def cancel(self) -> None:
        """End all that works for the session here: the runs of its prompts, and those that it follows."""
        for turn in self._turns:
            turn.is_cancelled = True
        await self._daemon.runs.abandon(list(self._roots), "cancelled in the editor")

    async def steer(self, blocks: Sequence[Block], run: str | None) -> str:
        """Tell a run something that its next model call includes; without `run` the one that works here.

        Raises:
            Conflict: none does, or it is about to end.
            NotFound: there is no such run.
        """
        target = run or next(iter(self._roots), None)
        if target is None:
            raise Conflict(f"nothing works for the session {self.id}; send a prompt")
        await self._daemon.runs.steer(target, parts_of(blocks))
        return target

    async def replay(self) -> None:
        """Tell all that was said, and then follow what still goes on; returns when the past has been told."""
        going = await self._daemon.runs.list(session=self.id, statuses=_UNFINISHED)
        live = {state.head.run for state in going}
        for record in await self._daemon.sessions.history(self.id):
            if record.run not in live:
                await self._connection.channel.drained()
                self.updates.complete(record.item or "", record.data)
        for state in reversed(going):
            await self.follow(state.head.run)

    async def resume(self) -> None:
        """Follow what goes on, without telling the past."""
        for state in reversed(await self._daemon.runs.list(session=self.id, statuses=_UNFINISHED)):
            await self.follow(state.head.run)

    async def follow(self, run: str) -> None:
        """Tell a run that somebody else began, unless it is told already; returns when its past has been told."""
        if run in self._roots:
            return
        self._connection.runs[run] = self
        self._roots.add(run)
        attachment = await self._connection.fanout.attach(run, is_tree=True)
        until, reached = attachment.heads[0].head, asyncio.Event()
        self._reached[run] = until, reached
        attachment.go()
        await reached.wait()
        await self.hosts.concerns(run, self.workbench)

    def take(self, event: Event) -> None:
        """Tell an event of a run of this session, or of one below."""
        is_root = event.run in self._roots
        if not (is_root and event.item == f"{event.run}.input" and self._is_ours(event.run)):
            self.updates.take(event, is_below=not is_root)
        if event.type == APPROVAL_REQUESTED:
            self._connection.permissions.ask(self, event)
        if event.is_terminal:
            self._end(event)
        until, reached = self._reached.get(event.run, (0, None))
        if reached is not None and (event.seq or 0) >= until:
            del self._reached[event.run]
            reached.set()

    def _is_ours(self, run: str) -> bool:
        return any(turn.run == run for turn in self._turns)

    def _end(self, event: Event) -> None:
        for turn in self._turns:
            if turn.run == event.run and not turn.ended.done():
                turn.ended.set_result(event)
        self._forget(event.run)

    def _forget(self, run: str) -> None:
        self._roots.discard(run)
        self._connection.runs.pop(run, None)

    async def close(self) -> None:
        """Tell nothing more of its runs, but for those whose prompts are still to be answered, and use no tools."""
        await self.workbench.close()
        for run in [run for run in self._roots if not self._is_ours(run)]:
            self._connection.fanout.detach(run)
            self._forget(run)
