"""What can be said to a chat instead of to its agent: `/agent`, `/fork` and their like. Talks with no agent itself."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agiwod.cli.conversation import Conversation
from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from agiwo_client import Client
    from agiwo_protocol.session import HistoryItem, Session

    from agiwod.cli.table import Row


class Leaving(Exception):
    """The person wants to go."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of them: what follows its name, what it is for, and what it does with the rest of the line."""

    takes: str
    about: str
    does: Callable[[Conversation, str], None]


def obey(conversation: Conversation, line: str) -> None:
    """Do what the line says; what is no command is told, with those that are.

    Raises:
        CommandFailed: it cannot be done.
        Leaving: it says that the chat is over.
    """
    name, _, rest = line.strip().removeprefix("/").partition(" ")
    command = COMMANDS.get(_SYNONYMS.get(name, name))
    if command is None:
        _tell(f"there is no /{name}")
        _help(conversation, "")
    else:
        command.does(conversation, rest.strip())


def _new(conversation: Conversation, rest: str) -> None:
    conversation.session = None


def _agent(conversation: Conversation, rest: str) -> None:
    if rest:
        found = conversation.ask(lambda client: client.agent.get(agent_id=rest))
        conversation.agent = found.agent_id
        _tell(f"{found.agent_id} answers now")
        return
    listed = conversation.ask(lambda client: client.agent.list(limit=1000))
    present = conversation.agent or listed.default_agent
    _table(
        ("agent", "model", "description"),
        ((_mark(each.agent_id, present), each.model, each.description) for each in listed.agents),
    )


def _model(conversation: Conversation, rest: str) -> None:
    if rest:
        conversation.model = None if rest == "-" else rest
        _tell(f"{conversation.model or 'the model of the agent'} answers now")
        return
    listed = conversation.ask(lambda client: client.model.list(limit=1000))
    usable = (
        (_mark(each.name, conversation.model), "yes" if each.available else f"no: {each.reason}")
        for each in listed.models
    )
    _table(("model", "usable"), usable)


def _skill(conversation: Conversation, rest: str) -> None:
    if not rest:
        listed = conversation.ask(lambda client: client.skill.list(limit=1000))
        _table(("skill", "description"), ((each.name, each.description) for each in listed.skills))
        return
    name, *task = rest.split(maxsplit=1)
    found = conversation.ask(lambda client: client.skill.get(name=name))
    conversation.say(f"{found.body}\n\nThe task: {task[0]}" if task else found.body)


def _session(conversation: Conversation, rest: str) -> None:
    if rest:
        take_up(conversation, conversation.ask(lambda client: client.session.get(session_id=rest)))
        return
    listed = conversation.ask(lambda client: client.session.list(limit=20))
    rows = (
        (_mark(each.session_id, conversation.session), each.agent_id, each.updated_at[:19]) for each in listed.sessions
    )
    _table(("session", "agent", "used"), rows)


def take_up(conversation: Conversation, session: "Session") -> None:
    """Go on with that conversation, after a look at where it was; an answer that is under way is followed."""
    conversation.session, conversation.agent = session.session_id, session.agent_id
    items = [each for each in _history(conversation) if each.item["kind"] in ("userMessage", "agentMessage")]
    _show(items[-2:])
    run_id = conversation.unfinished()
    if run_id is not None:
        conversation.attach(run_id)


def _look_back(conversation: Conversation, rest: str) -> None:
    _show(_history(conversation))


def _fork(conversation: Conversation, rest: str) -> None:
    runs, back = _runs(conversation), _number(rest, 0)
    if back >= len(runs):
        raise CommandFailed(f"there are {len(runs)} questions", code=ExitCode.USAGE)
    old, at = _the_session(conversation), runs[-1 - back]
    conversation.session = conversation.ask(lambda client: client.session.fork(session_id=old, at=at)).session_id
    _tell(f"this is {conversation.session} now; {old} stays as it was")


def _rewind(conversation: Conversation, rest: str) -> None:
    runs, back = _runs(conversation), _number(rest, 1)
    if not 0 < back <= len(runs):
        raise CommandFailed(f"there are {len(runs)} questions", code=ExitCode.USAGE)
    session, at = _the_session(conversation), runs[-back]
    conversation.ask(lambda client: client.session.rewind(session_id=session, at=at, seq=0))
    _tell(f"the last {'question is' if back == 1 else f'{back} questions are'} taken back")


def _attach(conversation: Conversation, rest: str) -> None:
    run_id = conversation.unfinished()
    if run_id is None:
        _tell("no answer is under way")
    else:
        conversation.attach(run_id)


def _help(conversation: Conversation, rest: str) -> None:
    lines = [(f"/{name} {command.takes}".rstrip(), command.about) for name, command in COMMANDS.items()]
    width = max(len(usage) for usage, _ in lines)
    _tell("\n".join([*(f"{usage:<{width}}  {about}" for usage, about in lines), _KEYS]))


def _quit(conversation: Conversation, rest: str) -> None:
    raise Leaving


_KEYS: Final = """\
Ctrl-C cancels the answer; twice leaves it running. Alt-Enter, or a \\ before Enter, begins another line.
A space before the / sends the line."""


COMMANDS: Final[dict[str, Command]] = {
    "new": Command("", "begin another conversation; this one stays", _new),
    "agent": Command("[NAME]", "who answers; without a name, who could", _agent),
    "model": Command("[NAME]", "by which model; - is the agent's own", _model),
    "skill": Command("[NAME [TASK]]", "have a skill followed; without a name, which there are", _skill),
    "session": Command("[ID]", "go on with another conversation; without an id, which there are", _session),
    "history": Command("", "what was said so far", _look_back),
    "fork": Command("[N]", "go on in a copy, without the last N questions", _fork),
    "rewind": Command("[N]", "take back the last question, or the last N", _rewind),
    "attach": Command("", "follow the answer that was left running", _attach),
    "help": Command("", "say this", _help),
    "quit": Command("", "leave, as Ctrl-D does", _quit),
}
"""Every command by its name."""

_SYNONYMS: Final = {
    "agents": "agent",
    "models": "model",
    "skills": "skill",
    "sessions": "session",
    "undo": "rewind",
    "exit": "quit",
    "?": "help",
}
"""What people also try."""


def _the_session(conversation: Conversation) -> str:
    if conversation.session is None:
        raise CommandFailed("nothing was said so far", code=ExitCode.USAGE)
    return conversation.session


def _history(conversation: Conversation) -> list["HistoryItem"]:
    from agiwod.cli.sessions import history_of

    session = _the_session(conversation)

    async def read(client: "Client") -> list["HistoryItem"]:
        return await history_of(client, session)

    return conversation.ask(read)


def _runs(conversation: Conversation) -> list[str]:
    return list(dict.fromkeys(each.run_id for each in _history(conversation)))


def _number(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    if not text.isdecimal():
        raise CommandFailed(f"{text!r} is no number", code=ExitCode.USAGE)
    return int(text)


def _mark(name: str, present: str | None) -> str:
    return f"{name} *" if name == present else name


def _table(head: "Row", rows: "Iterable[Row]") -> None:
    from agiwod.cli.table import show_table

    show_table(head, list(rows), sys.stderr)


def _show(items: "Iterable[HistoryItem]") -> None:
    from agiwod.cli.plain import without_controls
    from agiwod.cli.telling import summary

    for each in items:
        _tell(without_controls(summary(each.item)))


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
