"""Server-sent events cut out of a stream of bytes. Sans-IO; knows no JSON, and only the field that models use: data."""

from collections.abc import Sequence

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event. A provider that never ends an event must not fill the memory."""


_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """An event grew past `MAX_EVENT`."""


class SseSplitter:
    """Turns bytes, cut anywhere, into the data of each event. Comments and other fields are dropped.

    Lines end with LF or CR LF; the lone CR that the standard also allows is not used by any provider. A byte order mark
    before the first line is passed over.
    """

    __slots__ = ("_data", "_data_size", "_has_begun", "_line", "_line_size")

    def __init__(self) -> None:
        self._has_begun = False
        self._line: list[bytes] = []  # pieces of a line whose end has not come yet
        self._line_size = 0
        self._data: list[bytes] = []  # lines of an event whose blank line has not come yet
        self._data_size = 0

    def feed(self, block: bytes) -> Sequence[bytes]:
        """The data of every event that these bytes complete, in order."""
        # The usual case, kept short because it is paid for every token: a read holds exactly one event.
        line, _, rest = block.partition(b"\n")
        if rest == b"\n" and line[:6] == b"data: " and not self._line and not self._data:
            return (line[6:],)
        events = [data for line in self._lines(block) if (data := self._take(line)) is not None]
        if self._line_size + self._data_size > MAX_EVENT:
            raise EventTooLarge(f"an event is larger than {MAX_EVENT} bytes")
        return events

    def _lines(self, block: bytes) -> list[bytes]:
        end = block.rfind(b"\n") + 1
        whole = b"".join((*self._line, block[:end])) if end else b""
        if end:
            self._line.clear()
            self._line_size = 0
        if end < len(block):
            self._line.append(block[end:])
            self._line_size += len(block) - end
        return whole.split(b"\n")[:-1]

    def _take(self, line: bytes) -> bytes | None:
        line = line.removesuffix(b"\r")
        if not line:
            return self._complete()
        field, _, value = line.partition(b":")
        if not self._has_begun:
            field, self._has_begun = field.removeprefix(_BOM), True
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_size += len(line)
        return None

    def _complete(self) -> bytes | None:
        if not self._data:
            return None
        data = b"\n".join(self._data)
        self._data.clear()
        self._data_size = 0
        return data
