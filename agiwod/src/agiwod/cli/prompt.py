"""The place where a person types: lines are edited, completed and remembered. Knows no conversation."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agiwo_protocol.paths import own_directory

if TYPE_CHECKING:
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

_MOST: Final = 1 << 20
"""Bytes of what is remembered; of more, the older half is forgotten."""


class Prompt:
    """Reads one message after the other. Enter ends one; Alt-Enter, or a backslash before Enter, begins another line.

    `commands` are offered to whoever presses Tab behind a `/`, each with what it is for.
    """

    def __init__(self, commands: Mapping[str, str], remembered: Path) -> None:
        # Loaded here: it takes some tenths of a second, and only a person at a terminal needs it.
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.output.vt100 import Vt100_Output

        output = Vt100_Output.from_pty(sys.stdout)
        # The terminal is not asked where its cursor is: its answer could pass for one to a question of ours.
        output.enable_cpr = False
        words = [f"/{name}" for name in commands]
        about = {f"/{name}": text for name, text in commands.items()}
        self._session: PromptSession[str] = PromptSession(
            history=_history(remembered),
            output=output,
            key_bindings=_keys(),
            completer=WordCompleter(words, meta_dict=about, sentence=True),
            complete_while_typing=False,
            multiline=True,
            prompt_continuation="  ",
            enable_open_in_editor=True,
            enable_suspend=True,
        )

    def read(self) -> str | None:
        """What was typed; empty when it was dropped with Ctrl-C, None at the end of all input."""
        try:
            typed = self._session.prompt("> ")
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None
        return typed.encode(errors="replace").decode()  # bytes that are no text cannot go over the wire


def _keys() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def end(event: "KeyPressEvent") -> None:
        if event.current_buffer.document.text_before_cursor.endswith("\\"):
            event.current_buffer.delete_before_cursor()
            event.current_buffer.insert_text("\n")
        else:
            event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def begin_line(event: "KeyPressEvent") -> None:
        event.current_buffer.insert_text("\n")

    _ = end, begin_line
    return keys


def _history(file: Path) -> "History":
    """What was typed in earlier chats, for nobody else to read; where it cannot be kept, that of this one."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        own_directory(file.parent)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        _forget(file)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)


def _forget(file: Path) -> None:
    if file.stat().st_size > _MOST:
        kept = file.read_bytes()[-_MOST // 2 :]
        file.write_bytes(kept[kept.find(b"\n#") + 1 :])  # each message begins with a comment that tells when
