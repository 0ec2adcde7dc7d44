"""A conversation with an agent: who answers, by which model, in which session. Each message is a run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from agiwod.cli.failure import ExitCode

if TYPE_CHECKING:
    from agiwo_client import Client, Run

T = TypeVar("T")


class Conversation:
    """What a chat is about. `is_watched`: a person is there, sees what happens, and can try again."""

    def __init__(
        self, agent: str | None, model: str | None, session: str | None, *, as_json: bool, is_watched: bool
    ) -> None:
        self.agent, self.model, self.session = agent, model, session
        self.is_watched = is_watched
        self._as_json = as_json

    def say(self, text: str) -> None:
        """Have the agent answer, and show how it does.

        Raises:
            CommandFailed: it failed, or could not begin.
            typer.Exit: it did not end, and nobody is there who could say something else.
        """
        self._watch(lambda client: self._begin(client, text))

    def attach(self, run_id: str) -> None:
        """Show how a run of this conversation goes on; raises what `say` does."""
        self._watch(lambda client: client.attach(run_id))

    def ask(self, question: Callable[["Client"], Awaitable[T]]) -> T:
        """What the daemon answers, for somebody who works in this directory.

        Raises:
            CommandFailed: it refused, or is not there.
        """
        from agiwod.cli.talk import talk

        return talk(question, works_here=True)

    def unfinished(self) -> str | None:
        """The newest run of the session that has not ended, such as one that was left running."""
        from agiwo_protocol.run import RunStatus

        going: list[RunStatus] = ["queued", "running", "waiting", "sleeping", "suspended"]

        async def find(client: "Client") -> str | None:
            found = await client.run.list(session_id=self.session, statuses=going, limit=1)
            return found.runs[0].run_id if found.runs else None

        return self.ask(find) if self.session else None

    def _watch(self, begin: "Callable[[Client], Awaitable[Run]]") -> None:
        from agiwod.cli.follow import watch

        code = watch(begin, as_json=self._as_json)
        if code == ExitCode.NEEDS_APPROVAL or (code and not self.is_watched):
            raise typer.Exit(code)

    async def _begin(self, client: "Client", text: str) -> "Run":
        self.agent = self.agent or await self._usual_agent(client)
        run = await client.start_run(self.agent, text, session_id=self.session, model=self.model)
        self.session = run.session_id
        return run

    async def _usual_agent(self, client: "Client") -> str:
        """Whose conversation it is; of a new one, the default agent."""
        from agiwo_client import RpcError

        from agiwod.cli.ask import default_agent

        if self.session:
            try:
                return (await client.session.get(session_id=self.session)).agent_id
            except RpcError as error:
                if error.kind != "not_found":
                    raise
        return await default_agent(client)
