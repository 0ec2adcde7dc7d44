"""Follows a run to its end before the user's eyes, and obeys Ctrl-C: once cancels the run, twice leaves it running."""

import signal
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

import anyio
import orjson
from agiwo_client import Client, OnApproval, Run
from agiwo_protocol.run import TERMINAL_EVENTS, RunEvent

from agiwod.cli.advice import advice_for
from agiwod.cli.asking import Absence, Interview, Questions, is_at_terminal
from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.screen import Screen
from agiwod.cli.talk import talk
from agiwod.cli.telling import Stop, Telling, Text, Voice

_SECOND_THOUGHT: Final = 1.0
"""Seconds after a Ctrl-C in which another one means: leave it running. A cancel cannot be taken back."""

_FAREWELL: Final = 10.0
"""Seconds that a cancelled run may take to end before it is no longer waited for."""


class View(Protocol):
    """Where events are shown."""

    def show(self, event: RunEvent) -> None:
        """Show one event, at once."""
        ...

    def note(self, text: str) -> None:
        """Say something about the run that is not part of it."""
        ...

    @property
    def screen(self) -> Screen | None:
        """The screen that a person may be looking at."""
        ...


class Story:
    """Events told to a person."""

    def __init__(self, screen: Screen) -> None:
        self.screen = self._screen = screen
        self._telling = Telling()

    def show(self, event: RunEvent) -> None:
        """Show what a person wants to know of the event."""
        for piece in self._telling.tell(event):
            self._screen.show(piece)

    def note(self, text: str) -> None:
        """A line on stderr."""
        self._screen.note(text)


class Output:
    """The run's output, as JSON on stdout; all else is told to a person. What the model says is not shown by itself."""

    def __init__(self, screen: Screen) -> None:
        self.screen = self._screen = screen
        self._telling = Telling()

    def show(self, event: RunEvent) -> None:
        """Show what a person wants to know of the event, and the output at the end."""
        output = event.data.get("output") if event.type == "run/completed" else None
        if output is not None:
            self._screen.show(Text(Voice.ANSWER, f"{orjson.dumps(output).decode()}\n"))
        for piece in self._telling.tell(event):
            if not isinstance(piece, Text | Stop) or piece.voice is not Voice.ANSWER:
                self._screen.show(piece)

    def note(self, text: str) -> None:
        """A line on stderr."""
        self._screen.note(text)


class Lines:
    """Events given to a program: each as one line of JSON."""

    screen = None

    def show(self, event: RunEvent) -> None:
        """Write the event as it came over the wire."""
        sys.stdout.write(orjson.dumps(event.to_wire()).decode() + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line on stderr."""
        print(text, file=sys.stderr, flush=True)


@contextmanager
def view(*, as_json: bool, has_output: bool = False) -> Generator[View]:
    """Where the run is shown: on the screen, as a story or as the output that it has, or as lines of JSON."""
    if as_json:
        yield Lines()
        return
    with Screen(sys.stdout, sys.stderr) as screen:
        yield Output(screen) if has_output else Story(screen)


def watch(begin: Callable[[Client], Awaitable[Run]], *, as_json: bool, has_output: bool = False) -> ExitCode:
    """Show the run that `begin` gets from the daemon until it ends; return the exit code that its end deserves.

    Raises:
        CommandFailed: as `talk` and `follow`.
    """
    questions = Questions()

    async def watching(client: Client) -> ExitCode:
        with view(as_json=as_json, has_output=has_output) as shown:
            return await follow(client, lambda: begin(client), shown, questions, has_output=has_output)

    return talk(watching, on_approval=questions, works_here=True)


async def follow(
    client: Client,
    begin: Callable[[], Awaitable[Run]],
    view: View,
    questions: Questions,
    *,
    has_output: bool = False,
) -> ExitCode:
    """Show the run that `begin` gives until it ends; return the exit code that its end deserves.

    What the daemon asks meanwhile is asked at the terminal. Without one the run is left, waiting.

    Raises:
        CommandFailed: the run failed, or has no output although it should; the message says why and what to do.
    """
    follower = _Follower(begin, view, has_output)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower.obey, tasks.cancel_scope)
        questions.answer = follower.who_answers(client, tasks.cancel_scope)
        await follower.read()
        tasks.cancel_scope.cancel()
    return follower.exit_code()


class _Follower:
    """A run, its view, and what the user wants."""

    def __init__(self, begin: Callable[[], Awaitable[Run]], view: View, has_output: bool) -> None:
        self._begin, self._view, self._has_output = begin, view, has_output
        self._run: Run | None = None
        self._has_run = anyio.Event()
        self._end: RunEvent | None = None
        self._is_left_asking = False

    def who_answers(self, client: Client, reading: anyio.CancelScope) -> OnApproval:
        """The person at the terminal; else nobody, and the run is left."""
        if self._view.screen is not None and is_at_terminal():
            return Interview(client, self._view.screen)

        def leave() -> None:
            self._is_left_asking = True
            self._leave(reading)

        return Absence(client, self._view, leave)

    async def read(self) -> None:
        """Show every event to the last."""
        self._run = await self._begin()
        self._has_run.set()
        async for event in self._run:
            if event.type in TERMINAL_EVENTS:
                self._end = event
            self._view.show(event)

    async def obey(self, reading: anyio.CancelScope) -> None:
        """Do what the user means by Ctrl-C."""
        with anyio.open_signal_receiver(signal.SIGINT) as presses:
            await anext(presses)
            self._view.note("cancelling the run; press Ctrl-C again now to leave it running instead")
            with anyio.move_on_after(_SECOND_THOUGHT):
                await anext(presses)
                self._leave(reading)
            await self._cancel()
            with anyio.move_on_after(_FAREWELL):
                await anext(presses)
            self._leave(reading)

    async def _cancel(self) -> None:
        with anyio.move_on_after(_FAREWELL):
            await self._has_run.wait()
            if self._run is not None:
                await self._run.cancel("interrupted in the terminal")

    def _leave(self, reading: anyio.CancelScope) -> None:
        run = self._run
        self._view.note(
            f"left; follow it again with `agiwod runs attach {run.id} --after {run.seq}`" if run else "left"
        )
        reading.cancel()

    def exit_code(self) -> ExitCode:
        """What the run's end means to the shell.

        Raises:
            CommandFailed: it failed, or has no output.
        """
        if self._is_left_asking:
            return ExitCode.NEEDS_APPROVAL
        match self._end:
            case RunEvent(type="run/completed", data=data) if self._has_output and data.get("output") is None:
                raise CommandFailed("the run ended without an answer that fits the schema")
            case RunEvent(type="run/completed"):
                return ExitCode.OK
            case RunEvent(type="run/failed", data=data):
                raise _failed(data.get("error") or {})
            case _:
                return ExitCode.INTERRUPTED


def _failed(error: Mapping[str, Any]) -> CommandFailed:
    kind = error.get("kind", "unknown")
    return CommandFailed(f"the run failed: {error.get('message', kind)}", hint=advice_for(kind))
