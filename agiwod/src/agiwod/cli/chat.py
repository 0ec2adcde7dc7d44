"""`agiwod chat`: a conversation with an agent, message by message, and commands that begin with a `/`."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from agiwod.cli.conversation import Conversation


def chat(
    agent: Annotated[str | None, typer.Option(help="Who answers; without it, the default agent.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model answers, such as openai:gpt-4o.")] = None,
    session: Annotated[str | None, typer.Option(help="The conversation to go on with.")] = None,
    goes_on: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the one that was used last.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Every event of each run, one JSON object a line.")] = False,
) -> None:
    """Talk with an agent. Ctrl-C cancels an answer, Ctrl-D leaves, /help tells the rest.

    Without a terminal, each line of stdin is a message.
    """
    from agiwod.cli.asking import is_at_terminal
    from agiwod.cli.conversation import Conversation
    from agiwod.cli.slash import Leaving

    if session and goes_on:
        raise CommandFailed("--continue and --session each name a conversation", code=ExitCode.USAGE)
    conversation = Conversation(agent, model, session, as_json=as_json, is_watched=is_at_terminal())
    _return(conversation, goes_on)
    try:
        for message in _messages(conversation):
            _hear(conversation, message)
    except Leaving:
        pass
    if conversation.is_watched and conversation.session:
        print(f"go on with `agiwod chat --session {conversation.session}`", file=sys.stderr)


def _return(conversation: "Conversation", goes_on: bool) -> None:
    """Take up the conversation that is wanted, if it exists."""
    from agiwo_client import Client, RpcError
    from agiwo_protocol.session import Session

    from agiwod.cli.slash import take_up

    async def find(client: Client) -> Session | None:
        if goes_on:
            return next(iter((await client.session.list(agent_id=conversation.agent, limit=1)).sessions), None)
        try:
            return await client.session.get(session_id=conversation.session or "")
        except RpcError as error:
            if error.kind != "not_found":
                raise
            return None  # it begins now, under that name

    if not goes_on and not (conversation.session and conversation.is_watched):
        return
    found, wanted = conversation.ask(find), conversation.agent
    if found is None and goes_on:
        raise CommandFailed("there is no conversation to go on with", code=ExitCode.USAGE)
    if found is not None and conversation.is_watched:
        take_up(conversation, found)
    elif found is not None:
        conversation.session = found.session_id
    conversation.agent = wanted or conversation.agent


def _messages(conversation: "Conversation") -> Iterator[str]:
    """What is said; by a person at a prompt, else line by line."""
    if not conversation.is_watched:
        yield from (line.decode(errors="replace") for line in sys.stdin.buffer)
        return
    from agiwo_protocol.paths import locate

    from agiwod.cli.prompt import Prompt
    from agiwod.cli.slash import COMMANDS

    about = {name: command.about for name, command in COMMANDS.items()}
    prompt = Prompt(about, locate().state_dir / "chat_history")
    print("/help tells what there is beside talking; Ctrl-D leaves", file=sys.stderr)
    while (message := prompt.read()) is not None:
        yield message


def _hear(conversation: "Conversation", message: str) -> None:
    """Say it to the agent, or do it; what a person may try again is told."""
    from agiwod.cli.slash import obey

    try:
        if message.startswith("/"):
            obey(conversation, message)
        elif message.strip():
            conversation.say(message.strip())
    except CommandFailed as failure:
        if not conversation.is_watched or failure.code == ExitCode.NO_DAEMON:
            raise
        failure.report()
    except KeyboardInterrupt:  # before there was anything to cancel
        if not conversation.is_watched:
            raise
