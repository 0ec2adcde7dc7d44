"""JSON in what a model says: the whole value at the end, or as much of it as is there. Holds it against no schema."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agiwo.tool.nesting import write_json

_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)

_BRACES: Final[Mapping[str, str]] = {"object": "{}", "array": "[]"}
"""How the values begin and end that can be found among words."""

_NUMERIC = "0123456789.+-"
"""What is held back at the end of a text that grows: half a word is a part of it, half a number is another number."""

_GROWTH = 20
"""A text is read again when it has grown by this part of it, so a long answer costs its length and not its square."""


def read_json(text: str, kind: str | None) -> Any:
    """The one value of that kind in an answer, which a model may have put into a fence or between words.

    Where text is wanted, it may also come as it is.

    Raises:
        ValueError: there is none; the text is written for the model.
    """
    problem = "it is empty"
    for candidate in _candidates(text.strip(), _BRACES.get(kind or "")):
        try:
            return _value(candidate)
        except ValueError as error:
            problem = str(error)
    if kind == "string" and (said := text.strip()) and not said.startswith(('"', "```")):
        return said
    raise ValueError(problem)


def _value(text: str) -> Any:
    from pydantic_core import from_json  # not before somebody wants an object: it takes a while to load

    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"it is not valid JSON ({error})") from None
    try:
        write_json(value)
    except TypeError as error:
        raise ValueError(f"it is JSON that cannot be kept ({error})") from None
    return value


def _candidates(text: str, braces: str | None) -> Iterator[str]:
    if text:
        yield text
    said = text.rpartition("</think>")[2]  # what servers leave in the answer that know no thoughts
    if fenced := _FENCED.findall(said):
        yield fenced[-1]
    if braces and (found := said[said.find(braces[0]) : said.rfind(braces[1]) + 1]) not in ("", text):
        yield found


class PartialJson:
    """A value while its text comes in. `kind` is what the schema says it is, and where it begins among words."""

    def __init__(self, kind: str | None) -> None:
        self._opening = _BRACES.get(kind or "", "")[:1]
        self._pieces: list[str] = []
        self._length = self._due = 0
        self._value: Any = None

    def feed(self, text: str) -> Any:
        """What of the value is there now; None when that is nothing, or nothing new."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length < self._due:
            return None
        self._due = self._length + max(1, self._length // _GROWTH)
        whole = "".join(self._pieces)
        self._pieces = [whole]
        return self._if_new(whole.rstrip(_NUMERIC))

    def end(self, whole: str) -> Any:
        """The same for the text at its end."""
        return self._if_new(whole)

    def _if_new(self, text: str) -> Any:
        from pydantic_core import from_json

        begin = max(0, text.find(self._opening))
        try:
            value = from_json(text[begin:], allow_inf_nan=False, allow_partial="trailing-strings")
        except ValueError:
            return None
        if not value or value == self._value:
            return None
        self._value = value
        return value
