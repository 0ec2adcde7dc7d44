"""Words of strangers on a terminal: they are only words, and none of them steers it. Standard library only.

What is printed to a terminal goes through `Plain`, so no command can forget it. What draws asks for the terminal itself
with `drawable`; rich does so by the name `rich_proxied_file`.
"""

import unicodedata
from typing import Any, Final, TextIO, cast

_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that show others in another order than they are in."""


def without_controls(text: str) -> str:
    """The text without what would steer a terminal, or show something else than there is."""
    if text.isprintable():
        return text
    return "".join(each for each in text if each in "\n\t" or not _is_control(each))


def visible(text: str) -> str:
    """The text with a backslash and a code for each character that would not be seen, or would change what is."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _is_control(each: str) -> bool:
    return unicodedata.category(each) == "Cc" or each in _TURNING


class Plain:
    """A terminal that is given no commands. All but `write` is the terminal's own."""

    def __init__(self, terminal: TextIO) -> None:
        self.rich_proxied_file = terminal

    def write(self, text: str) -> int:
        """Write the text without what would steer the terminal; the length of all of it."""
        self.rich_proxied_file.write(without_controls(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """As `write`, one after the other."""
        for each in lines:
            self.write(each)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def plain(stream: TextIO) -> TextIO:
    """The stream as strangers' words may be printed to it: only a terminal can be steered."""
    return cast(TextIO, Plain(stream)) if stream.isatty() else stream


def drawable(stream: TextIO) -> TextIO:
    """The terminal behind a stream that was made plain, for who draws on it."""
    return getattr(stream, "rich_proxied_file", stream)
