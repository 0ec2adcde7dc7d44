"""`agiwod chat`: a conversation with an agent, line by line. Each line is a run, followed as `ask` follows one."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from agiwod.cli.ask import default_agent
from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from io import TextIOWrapper

    from agiwo_client import Client, Run

_HELP: Final = """\
/new    begin another conversation; this one stays
/help   say this
/quit   leave, as Ctrl-D does
Ctrl-C cancels the answer; twice leaves it running. A space before the / sends the line."""


def chat(
    agent: Annotated[str | None, typer.Option(help="Who answers; without it, the default agent.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model answers, such as openai:gpt-4o.")] = None,
    session: Annotated[str | None, typer.Option(help="The conversation to go on with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every event of each run, one JSON object a line.")] = False,
) -> None:
    """Talk with an agent, line by line. Ctrl-C cancels an answer, Ctrl-D leaves. Without a terminal, reads stdin."""
    from agiwod.cli.asking import is_at_terminal

    conversation = _Conversation(agent, model, session, as_json=as_json, is_watched=is_at_terminal())
    for line in conversation.lines():
        match line.strip():
            case "":
                continue
            case "/quit":
                break
            case "/new":
                conversation.session = None
            case command if line.startswith("/"):
                unknown = "" if command == "/help" else f"there is no {command.split()[0]}\n"
                print(f"{unknown}{_HELP}", file=sys.stderr)
            case text:
                conversation.say(text)
    conversation.leave()


class _Conversation:
    """Lines from stdin, each to one agent in one session. `is_watched`: a person is there, and can try again."""

    def __init__(
        self, agent: str | None, model: str | None, session: str | None, *, as_json: bool, is_watched: bool
    ) -> None:
        self._agent, self._model, self.session = agent, model, session
        self._as_json, self._is_watched = as_json, is_watched

    def lines(self) -> Iterator[str]:
        """What is said; at a terminal after a prompt, with the line editing that the system has."""
        if not self._is_watched:
            yield from (line.decode(errors="replace") for line in sys.stdin.buffer)
            return
        _equip_prompt()
        print("/help tells what there is beside talking; Ctrl-D leaves", file=sys.stderr)
        while True:
            try:
                yield input("> ")
            except KeyboardInterrupt:
                print()
            except EOFError:
                break
        print(file=sys.stderr)

    def say(self, text: str) -> None:
        """Have the agent answer, and show how it does.

        Raises:
            CommandFailed: it failed, and saying something else would not help, or nobody is there who would.
            typer.Exit: likewise, when it did not end.
        """
        from agiwod.cli.follow import watch

        try:
            code = watch(lambda client: self._begin(client, text), as_json=self._as_json)
        except CommandFailed as failure:
            if not self._is_watched or failure.code != ExitCode.FAILED:
                raise
            failure.report()
        else:
            if code == ExitCode.NEEDS_APPROVAL or (code and not self._is_watched):
                raise typer.Exit(code)

    def leave(self) -> None:
        """Tell a person how to come back."""
        if self._is_watched and self.session:
            print(f"go on with `agiwod chat --session {self.session}`", file=sys.stderr)

    async def _begin(self, client: "Client", text: str) -> "Run":
        self._agent = self._agent or await default_agent(client)
        run = await client.start_run(self._agent, text, session_id=self.session, model=self._model)
        self.session = run.session_id
        return run


def _equip_prompt() -> None:
    """Have arrow keys, and text of any encoding, work in a line that is typed."""
    from contextlib import suppress
    from importlib import import_module

    with suppress(ImportError):
        import_module("readline")  # from then on `input` uses it; Windows has none, and edits lines itself
    cast("TextIOWrapper", sys.stdin).reconfigure(errors="replace")
