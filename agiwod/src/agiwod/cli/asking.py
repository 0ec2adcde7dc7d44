"""What the daemon asks while a run is followed: put to the person at the terminal, or told to whoever reads the log."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, cast

import anyio
from agiwo_client import Client, OnApproval, RpcError
from agiwo_protocol import approval
from agiwo_protocol.approval import Approval, Reply

from agiwod.cli.editing import edit, named_editor
from agiwod.cli.failure import CommandFailed
from agiwod.cli.plain import visible
from agiwod.cli.question import OUTCOMES, short, told
from agiwod.cli.screen import Screen

_CHOICES: Final = "[y] yes, once  [s] yes, in this session  [n] no  [e] edit the arguments  [Enter] leave it open: "

_LINE: Final = 1 << 16
"""Bytes of a line that are read: more than a terminal lets anybody type."""


class Questions:
    """The callback of a connection, which is made before anybody knows who will answer. Until then all stays open."""

    def __init__(self) -> None:
        self.answer: OnApproval | None = None

    async def __call__(self, approval: Approval) -> Reply | None:
        """What is said."""
        said = await self.answer(approval) if self.answer else None
        return cast("Reply | None", said)


class Notes(Protocol):
    """Where lines about the run go."""

    def note(self, text: str) -> None:
        """Write a line."""
        ...


class Absence:
    """Nobody is at a terminal: says what is asked and how to answer, and has the run left alone."""

    def __init__(self, client: Client, notes: Notes, leave: Callable[[], None]) -> None:
        self._client, self._notes, self._leave = client, notes, leave

    async def __call__(self, asked: Approval) -> None:
        """Leave the question open."""
        found = await self._open(asked)
        ids = [each.approval_id for each in found]
        for each in found:
            if each.run_id == asked.run_id:
                name = short(each.approval_id, ids)
                self._notes.note("\n".join(told(each)))
                self._notes.note(f"answer with `agiwod approvals allow {name}` or `agiwod approvals deny {name}`")
        self._leave()

    async def _open(self, asked: Approval) -> list[Approval]:
        """All open questions, as far as they can be had: others may have come up together with this one."""
        try:
            return (await self._client.call(approval.LIST, approval.ListParams())).approvals or [asked]
        except (RpcError, ConnectionError):
            return [asked]


class Interview:
    """Asks the person at the terminal, one question at a time; what the run says meanwhile is shown afterwards.

    When somebody else has answered, or nobody is to be asked any more, the question ends where it is: how it ended is
    told by the run.
    """

    def __init__(self, client: Client, screen: Screen) -> None:
        self._client, self._screen = client, screen
        self._turn = asyncio.Lock()

    async def __call__(self, asked: Approval) -> Reply | None:
        """What the person says; None when the question is left open."""
        async with self._turn:
            with self._screen.holding():
                self._screen.note("\n".join(told(asked)))
                return await self._hear(asked)

    async def _hear(self, asked: Approval) -> Reply | None:
        arguments: dict[str, Any] = asked.subject.arguments
        while True:
            match (await self._line(_CHOICES)).lower():
                case "y" | "yes":
                    return Reply(option_id="allow_once")
                case "s":
                    return Reply(option_id="allow_session")
                case "n" | "no":
                    return Reply(option_id="deny", reason=await self._line("why? The model is told: ") or None)
                case "e":
                    edited = await self._edited(arguments)
                    if edited is not None and await self._is_taken(asked, edited):
                        return None
                    arguments = arguments if edited is None else edited
                case "":
                    self._screen.note("left open; `agiwod approvals` shows it")
                    return None
                case other:
                    self._screen.note(f"{visible(other)!r} is none of these")

    async def _line(self, question: str) -> str:
        """A line that the person types; empty at the end of all input."""
        _forget_what_was_typed()
        self._screen.ask(question)
        descriptor = sys.stdin.fileno()
        await anyio.wait_readable(descriptor)
        typed = os.read(descriptor, _LINE)
        self._screen.answered()
        return typed.decode(errors="replace").strip()

    async def _edited(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The arguments as the person wants them; None when that is no JSON object."""
        text = await self._edit(json.dumps(arguments, indent=2, ensure_ascii=False))
        try:
            edited: Any = json.loads(text)
        except ValueError as error:
            self._screen.note(f"this is no JSON: {error}")
            return None
        if not isinstance(edited, dict):
            self._screen.note("the arguments are a JSON object")
            return None
        return cast("dict[str, Any]", edited)

    async def _edit(self, text: str) -> str:
        if named_editor() is None:
            return await self._line("all arguments anew, as JSON: ")
        with tempfile.TemporaryDirectory(prefix="agiwod-") as directory:
            file = Path(directory) / "arguments.json"
            file.write_text(text, encoding="utf-8")
            editing = asyncio.create_task(asyncio.to_thread(edit, file, otherwise="nothing is answered"))
            try:
                await asyncio.shield(editing)
            except CommandFailed as failure:
                self._screen.note(failure.message)
            except asyncio.CancelledError:
                await asyncio.wait({editing})  # until it ends, the terminal is the editor's
                raise
            return file.read_text(encoding="utf-8")

    async def _is_taken(self, asked: Approval, arguments: dict[str, Any]) -> bool:
        """Allow the call with other arguments; False when the tool does not take them."""
        params = approval.RespondParams(approval_id=asked.approval_id, option_id="allow_once", arguments=arguments)
        try:
            result = await self._client.call(approval.RESPOND, params)
        except (RpcError, ConnectionError) as error:
            self._screen.note(visible(str(error)))
            return False
        if result.status == "already_resolved":
            self._screen.note(f"the question was over before: {OUTCOMES[result.outcome]}")
        return True


def _forget_what_was_typed() -> None:
    """No key that was pressed before the question was there may answer it."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def is_at_terminal() -> bool:
    """Whether there is a person who sees the question and can answer."""
    return sys.platform != "win32" and all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr))
