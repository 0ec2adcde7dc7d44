"""What the daemon writes about itself: JSON lines in a rotated file, without secrets. Never stdout, which is a wire.

The standard library's logging, because every library below already speaks it.
"""

import json
import logging
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, cast

from agiwo.engine.redact import Redactor
from agiwo.secret_shapes import without_shapes
from agiwo_protocol.paths import own_directory

_FILE_BYTES: Final = 10 * 1024 * 1024
_OLDER_FILES: Final = 4
"""With the current one five files, so that a log never takes more than 50 MB."""

_SECRET_WORDS: Final = ("api_key", "apikey", "authorization", "cookie", "password", "secret", "token")
_COUNTS: Final = ("tokens",)
"""What looks like a secret's name and counts a model's words instead."""

_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; anything else came in by `extra=`."""


class JsonLines(logging.Formatter):
    """One record as one line: `at`, `level`, `logger`, `event`, then its fields, then the error it came with."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line end."""
        fields = {key: value for key, value in vars(record).items() if key not in _OWN_FIELDS}
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **cast(dict[str, Any], _without_secrets(fields)),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        # Made JSON first, so that a secret is found in every object's text, and not in its escaped form.
        return json.dumps(_without_shapes(self._redactor.data(json.loads(json.dumps(line, default=str)))))


@contextmanager
def logging_to(file: Path, level: str = "info", redactor: Redactor | None = None) -> "Generator[LogFile]":
    """Let everything that is logged in this process, warnings too, go to that file until the block ends."""
    own_directory(file.parent)
    handler = _PrivateFile(file, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(JsonLines(redactor or Redactor()))
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    try:
        yield LogFile(handler)
    finally:
        logging.captureWarnings(False)
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


class LogFile:
    """The file that is written to, in the hands of whoever opened it."""

    def __init__(self, handler: "_PrivateFile") -> None:
        self._handler = handler

    def reopen(self) -> None:
        """Go on in the file that has the name now: somebody may have moved the one that is open."""
        self._handler.let_go()

    def set_level(self, level: str) -> None:
        """Write what is that grave or graver from now on."""
        logging.getLogger().setLevel(level.upper())


class _PrivateFile(RotatingFileHandler):
    """Files that only their owner can read: they tell what was asked and done.

    What the disk has no room for is left out, whole lines of it, and how many those were is told when there is room.
    """

    _lost = 0
    _whole: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, after a line about those that could not be written before it."""
        lost, self._lost = self._lost, 0
        if lost:
            text = f"{lost} lines are missing here: they could not be written"
            missing = {"msg": text, "levelno": logging.WARNING, "levelname": "WARNING", "name": __name__}
            super().emit(logging.makeLogRecord({**missing, "missing": lost}))
        super().emit(record)

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Whether the file is full, before the record is written."""
        self._whole = None
        if self.stream is None:
            self.stream = self._open()
        self._whole = os.fstat(self.stream.fileno()).st_size
        return bool(super().shouldRollover(record))

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave out what the disk refuses, whole. Told on stderr, as is usual, a record could tell secrets."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)
            return
        self._lost += getattr(record, "missing", 1)
        with suppress(OSError):
            self.let_go()
        if self._whole is not None:
            with suppress(OSError):
                os.truncate(self.baseFilename, self._whole)

    def let_go(self) -> None:
        """Close the file; the next record opens it anew."""
        with self.lock or nullcontext():
            stream, self.stream = self.stream, None
            if stream is not None:
                stream.close()

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return open(descriptor, "a", encoding=self.encoding, errors=self.errors)


def _without_secrets(value: object) -> object:
    """The value with everything blanked that stands under a secret's name."""
    if isinstance(value, Mapping):
        fields = cast(Mapping[object, object], value)
        return {
            str(key): "[redacted]" if _is_secret(str(key)) else _without_secrets(inner) for key, inner in fields.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(inner) for inner in cast(list[object], value)]
    return value


def _without_shapes(value: Any) -> Any:
    """The value without what looks like a secret: what others say of an error may hold one that nobody named."""
    if isinstance(value, str):
        return without_shapes(value)
    if isinstance(value, dict):
        return {name: _without_shapes(inner) for name, inner in cast(dict[str, Any], value).items()}
    return [_without_shapes(inner) for inner in cast(list[Any], value)] if isinstance(value, list) else value


def _is_secret(key: str) -> bool:
    key = key.lower().replace("-", "_")
    return any(word in key for word in _SECRET_WORDS) and not key.endswith(_COUNTS)
