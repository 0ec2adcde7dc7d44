"""What a session's user has chosen, and could: who is asked next, and what a prompt may begin with. Runs nothing."""

from collections.abc import Awaitable, Callable

from agiwo.errors import Conflict

from agiwod.face.acp.choices import choices, model_names, options, require_one_of
from agiwod.face.acp.commands import Command, commanded, commands_of
from agiwod.face.acp.shapes import Json
from agiwod.runtime.agents import Agents
from agiwod.runtime.daemon import Daemon


class Chosen:
    """The choices of one session: an `agent`, and a `model` in the place of its own if one is named.

    `agents` gives those that there are where the session works, `ready` returns once their skills were looked for, and
    `tell` sends a `session/update`.
    """

    def __init__(
        self,
        daemon: Daemon,
        session: str,
        agents: Callable[[], Awaitable[Agents]],
        ready: Callable[[], Awaitable[None]],
        tell: Callable[[Json], None],
        agent: str,
        model: str | None,
    ) -> None:
        self.agent, self.model = agent, model
        self._daemon, self._session, self._agents, self._ready, self._tell = daemon, session, agents, ready, tell

    async def told(self) -> Json:
        """All of it, as it is answered when the session is opened."""
        return choices(await self._agents(), self._daemon.models, self.agent, self.model)

    async def options(self) -> list[Json]:
        """The same, for editors that know options."""
        return options(await self._agents(), self._daemon.models, self.agent, self.model)

    async def choose_agent(self, id: object, path: str) -> None:
        """Have the next prompts done by another agent.

        Raises:
            InvalidParams: there is none of that id; `path` is where it was named.
        """
        self.agent = require_one_of(id, [each.agent.id for each in (await self._agents()).list()], path)
        await self.remember()
        await self.tell_commands()

    async def choose_model(self, name: object, path: str) -> None:
        """Have the next prompts answered by another model.

        Raises:
            InvalidParams: there is none of that name; `path` is where it was named.
            NotFound: the agent is there no more.
        """
        agent = (await self._agents()).get(self.agent).agent
        chosen = require_one_of(name, model_names(agent, self._daemon.models), path)
        self.model = None if chosen == agent.model.name else chosen
        await self.remember()

    async def remember(self, said: str = "") -> None:
        """Have it kept with the session, and the session's title, which is what is `said` in it first."""
        session = await self._daemon.sessions.get(self._session)
        chosen = {"agent": self.agent, "model": self.model}
        titled = {"title": said} if said and session.head is None and "title" not in session.meta else {}
        if not titled and chosen == {name: session.meta.get(name) for name in chosen}:
            return
        try:
            await self._daemon.sessions.note(self._session, {**chosen, **titled})
        except Conflict:
            return  # a run of the session is going; the next prompt tries again
        if titled:
            self._tell({"sessionUpdate": "session_info_update", **titled})

    async def meant(self, parts: list[Json]) -> tuple[list[Json], Command | None]:
        """What a prompt asks for, and the command that it begins with, if it does."""
        return commanded(parts, await self._commands())

    async def tell(self) -> None:
        """Tell what can be chosen, which has changed."""
        self._tell({"sessionUpdate": "config_option_update", "configOptions": await self.options()})
        await self.tell_commands()

    async def tell_commands(self) -> None:
        """Tell what a prompt may begin with."""
        listed = [each.to_json() for each in (await self._commands()).values()]
        self._tell({"sessionUpdate": "available_commands_update", "availableCommands": listed})

    async def _commands(self) -> dict[str, Command]:
        await self._ready()
        return commands_of(await self._agents(), self.agent)
