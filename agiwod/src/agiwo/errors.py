"""What can go wrong in the SDK, named for what the caller may conclude. Knows no wire code.

AgiwoError
├── ConfigError            the caller's settings cannot work; the message says which and what to do
│   └── SchemaInvalid      nothing can be held against this JSON Schema; `path` says where
├── NotFound               no such run, session, state, agent, model, tool, blob, approval
├── Conflict               somebody else was first, or the thing is in another state
│   └── StateConflict      a scheduled agent is not in a state for that; a RuntimeError, too
├── CursorExpired          the reader's position is above the head or of another journal
├── StorageError           the disk refused; retryable, nothing was recorded
│   └── SchemaTooNew       the file was written by a newer version
├── ReplayMismatch         a replay asked for something else than what is recorded
├── Interrupted            (inside a loop) the operation was ended by a recorded interruption
├── EffectFailed           a step's effect failed, and the failure is recorded
├── BudgetExhausted        a limit was reached before the request
├── ModelError             a provider's answer cannot be used; `kind` says why
└── ToolError              a tool cannot be run as asked
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

OUTPUT_INVALID: Final = "output_invalid"
"""The kind of error of a run whose model gave no answer in the form that was asked for."""


class AgiwoError(Exception):
    """Root of all errors that this SDK raises on purpose."""

    retryable: bool = False


class ConfigError(AgiwoError, ValueError):
    """Settings that cannot work, a ValueError too. The message names the setting and says what to do."""


class SchemaInvalid(ConfigError):
    """A JSON Schema that no answer can be held against. `path` is the place in it, `fault` what is wrong there."""

    def __init__(self, path: str, fault: str) -> None:
        place = f"{path[:200]}: " if path else ""
        super().__init__(f"the schema of the output cannot be used: {place}{fault}")
        self.path, self.fault = path, fault


class NotFound(AgiwoError):
    """There is no such thing. `kind` is run, session, state, agent, model, tool, blob or approval."""

    def __init__(self, kind: str, id: str, hint: str = "") -> None:
        super().__init__(f"no {kind} {id!r}" + (f"; {hint}" if hint else ""))
        self.kind, self.id, self.hint = kind, id, hint


class Conflict(AgiwoError):
    """Somebody else was first, or the thing is in another state than the caller expected."""

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StateConflict(Conflict, RuntimeError):
    """A scheduled agent is not in a state in which that could be done."""


class CursorExpired(AgiwoError):
    """A reader's position that this journal cannot serve: above the head, or of another epoch."""

    def __init__(self, run: str, after: int, head: int) -> None:
        super().__init__(f"run {run} has {head} events, so nothing can follow event {after}")
        self.run, self.after, self.head = run, after, head


class StorageError(AgiwoError):
    """The store refused (disk full, I/O error). Nothing of the refused commit was recorded or published."""

    retryable = True


class SchemaTooNew(StorageError):
    """The file was written by a newer version of this program, which must be used to open it."""

    retryable = False


class ReplayMismatch(AgiwoError):
    """A replay asked for something else than what the journal holds under that key."""

    def __init__(self, run: str, key: str) -> None:
        super().__init__(f"run {run}: the recorded step {key!r} was made with other arguments than the replay asks for")
        self.run, self.key = run, key


class Interrupted(AgiwoError):
    """The operation was ended by a recorded interruption of its run.

    `cause` is "cancel" or "timeout"; `items` are the open items of the operation as they stood, so that the loop can
    close each of them with what was said so far.
    """

    def __init__(self, cause: str, reason: str, at: float, items: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(reason or cause)
        self.cause, self.reason, self.at, self.items = cause, reason, at, tuple(items)


class EffectFailed(AgiwoError):
    """A step's effect failed; the failure is recorded, and a replay raises the same."""

    def __init__(
        self, kind: str, message: str, *, retryable: bool = False, detail: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.detail = kind, dict(detail or {})
        self.retryable = retryable


class BudgetExhausted(AgiwoError):
    """A limit of the run was reached before the request was made."""


ModelErrorKind = Literal[
    "no_key",  # no key is configured; nothing was sent
    "auth",  # 401, 403
    "bad_request",  # 400, 422
    "context_length",  # the prompt does not fit
    "not_found",  # 404: no such model or path
    "rate_limited",  # 429
    "overloaded",  # 503, 529, or an overload inside a 200 stream
    "server_error",  # other 5xx
    "connection",  # refused, reset, cut in mid-stream
    "timeout",  # connect, first byte, idle or total
    "stream_incomplete",  # a clean end without the finish marker
    "bad_body",  # not the wire we speak: HTML, bad JSON
    "unavailable",  # the local model cannot be started
    "script",  # the scripted model has no turn left, or its script is wrong
]

RETRYABLE: frozenset[ModelErrorKind] = frozenset(
    {"rate_limited", "overloaded", "server_error", "connection", "timeout", "stream_incomplete", "bad_body"}
)


class ModelError(AgiwoError):
    """A provider's answer that cannot be used.

    `retry_after` is in seconds, when the provider named one. `status` is the HTTP status, when there was one.
    `refused` is a field of the request that the provider does not take and that the next request leaves out. `sent` is
    False when no request was made.
    """

    def __init__(
        self,
        kind: ModelErrorKind,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        refused: str | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.kind: ModelErrorKind = kind
        self.refused, self.sent = refused, sent
        self.provider, self.status, self.retry_after = provider, status, retry_after
        self.retryable = kind in RETRYABLE if retryable is None else retryable


class ToolError(AgiwoError):
    """A tool cannot be run as asked: unknown, bad arguments, timed out."""
