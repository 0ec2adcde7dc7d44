"""Where a run is shown: the answer on stdout, all else on stderr, each alive or plain as it is a terminal or not.

Text is written as it comes and never taken back; nothing but the one line of the spinner is ever redrawn.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from agiwod.cli.plain import drawable, without_controls
from agiwod.cli.telling import Note, Piece, Stop, Text, Voice, Waiting

if TYPE_CHECKING:
    from rich.status import Status

_DIM, _RED, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[0m"


class _Lane:
    """One of the two streams, and whether its line is unfinished."""

    def __init__(self, file: TextIO, environ: Mapping[str, str]) -> None:
        self.file = drawable(file)
        self.is_terminal = file.isatty()
        self.is_styled = self.is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self.is_open = False

    def write(self, text: str, style: str = "") -> None:
        if not text:
            return
        self.is_open = not text.endswith("\n")
        shown = without_controls(text) if self.is_terminal else text
        self.file.write(f"{style}{shown}{_PLAIN}" if style and self.is_styled else shown)
        self.file.flush()

    def end_line(self) -> None:
        if self.is_open:
            self.write("\n")


class Screen:
    """Shows pieces of a telling. Enter it, so that a spinner is taken away whatever happens."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._out, self._err = _Lane(out, environ), _Lane(err, environ)
        self._spinner: Status | None = None
        self._held: list[Piece] | None = None

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest()
        self._err.end_line()
        if self._out.is_terminal:
            self._out.end_line()

    def show(self, piece: Piece) -> None:
        """Show one piece, at once, or when it is not held back any more."""
        if self._held is not None:
            self._held.append(piece)
            return
        match piece:
            case Text(voice, text):
                self._speak(voice, text)
            case Stop(voice):
                (self._out if voice is Voice.ANSWER else self._err).end_line()
            case Note(text, is_bad):
                self.note(text, _RED if is_bad else _DIM)
            case Waiting(reason):
                self._wait(reason)

    def note(self, text: str, style: str = "") -> None:
        """A line about the run, on stderr."""
        self._rest()
        self._leave_answer()
        self._err.end_line()
        self._err.write(text, style)
        self._err.write("\n")

    @contextmanager
    def holding(self) -> Generator[None]:
        """Hold back what is shown until the block is over: somebody is being asked. Notes come through."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for piece in held:
                self.show(piece)

    def ask(self, question: str) -> None:
        """Leave a question at the end of a line of its own."""
        self._rest()
        self._leave_answer()
        self._err.end_line()
        self._err.write(question)

    def answered(self) -> None:
        """The person has ended the line."""
        self._err.is_open = False

    def _speak(self, voice: Voice, text: str) -> None:
        self._rest()
        if voice is Voice.ANSWER:
            self._err.end_line()
            self._out.write(text)
        else:
            self._leave_answer()
            self._err.write(text, _DIM)

    def _leave_answer(self) -> None:
        """End the answer's line, but only on a terminal that shows both: in a file the newline would be part of it."""
        if self._out.is_terminal and self._err.is_terminal:
            self._out.end_line()

    def _wait(self, reason: str) -> None:
        if not self._err.is_styled or self._out.is_open or self._err.is_open:
            return
        from rich.text import Text as Words

        if self._spinner is None:
            from rich.console import Console

            self._spinner = Console(file=self._err.file).status("")
        # Not as markup: what a tool says while it works may look like some.
        self._spinner.update(Words(without_controls(reason), style="dim"))
        self._spinner.start()

    def _rest(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
