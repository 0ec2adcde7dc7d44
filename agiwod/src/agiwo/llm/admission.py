"""Who may ask a provider now: the limits of one account, shared by all agents of the process. Sends nothing."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from agiwo.errors import ModelError
from agiwo.llm.refusal import Asked

LONGEST_WAIT = 120.0
"""Seconds that a request may be held back on a provider's wish; who is asked for more patience is told so instead."""

_LONGEST_QUEUE = 3600.0
"""Seconds that a request waits for others to end; none takes longer than its own deadline, so this is never reached."""

_LONGEST_PAUSE = 3600.0
"""Seconds that an account is closed at most, whatever a provider asks for: then somebody looks again."""

_FAULTS = 10
"""Failures in a row after which a provider counts as down; more than one call with its retries makes."""

_PAUSES = (1.0, 30.0)
"""Seconds that a provider that is down is left alone: at first, and at most."""

_RESERVE = 100.0
"""Failures that an account may follow up at once; then one a second. A storm of retries ends here at the latest."""


def account_of(name: str) -> "Account":
    """The account of that name in this event loop; whoever names it gets the same one."""
    accounts = _accounts.setdefault(asyncio.get_running_loop(), {})
    found = accounts.get(name)
    if found is None:
        found = accounts[name] = Account()
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    turn: asyncio.Future[bool]
    limit: int
    patience: float


class Account:
    """One key at one address: how many ask at once, how long nobody may, and what may be tried again.

    A Retry-After holds everybody back, and so do `_FAULTS` failures in a row; being told that there were too many
    requests is no failure, for it says that the provider works. After such a pause one request goes alone, and the
    others follow when it is answered.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._open_at = 0.0
        self._why = ""
        self._goes_alone = False
        self._faults = 0
        self._reserve, self._reserve_at = _RESERVE, self._loop.time()

    @asynccontextmanager
    async def turn(self, asked: Asked, *, limit: int, patience: float) -> AsyncGenerator[None]:
        """The right to make one request; given back at the end of the block, whose ModelError counts as its failure.

        Raises:
            ModelError: nobody may ask for longer than `patience` seconds; nothing was sent.
        """
        await self._enter(asked, limit, patience)
        try:
            yield
            self._faults = 0
        except ModelError as error:
            self._failed(error)
            raise
        finally:
            self._under_way -= 1
            self._let_in()

    def answered(self) -> None:
        """The provider has begun to answer: nobody need go alone any more."""
        if self._goes_alone:
            self._goes_alone = False
            self._let_in()

    async def _enter(self, asked: Asked, limit: int, patience: float) -> None:
        if not self._waiting and self._is_free(limit):
            self._under_way += 1
            return
        waiter = _Waiter(self._loop.create_future(), limit, patience)
        self._waiting.append(waiter)
        self._let_in()
        try:
            async with asyncio.timeout(_LONGEST_QUEUE):
                if not await waiter.turn:
                    raise self._refusal(asked)
        except (asyncio.CancelledError, TimeoutError):
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.result():
            self._under_way -= 1  # its turn had come, too late
        self._let_in()

    def _is_free(self, limit: int) -> bool:
        return self._under_way < (1 if self._goes_alone else limit) and self._closed_for() <= 0

    def _closed_for(self) -> float:
        return self._open_at - self._loop.time()

    def _let_in(self) -> None:
        for waiter in [each for each in self._waiting if self._closed_for() > each.patience]:
            self._waiting.remove(waiter)
            _settle(waiter, False)
        while self._waiting and self._is_free(self._waiting[0].limit):
            self._under_way += _settle(self._waiting.popleft(), True)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._closed_for() > 0:
            self._timer = self._loop.call_at(self._open_at, self._let_in)

    def _refusal(self, asked: Asked) -> ModelError:
        remaining = max(0.0, self._closed_for())
        kind = "overloaded" if self._faults >= _FAULTS else "rate_limited"
        message = f"{asked.host}: {self._why}; not asked for {remaining:.0f} s"
        return ModelError(kind, message, provider=asked.provider, retry_after=remaining, sent=False)

    def _failed(self, error: ModelError) -> None:
        if error.retry_after is not None and error.retryable:
            self._close(error.retry_after, "the provider asked for a pause")
        if error.retryable and error.kind != "rate_limited" and error.refused is None:
            self._faults += 1
            if self._faults >= _FAULTS:
                first, longest = _PAUSES
                self._close(min(first * 2 ** (self._faults - _FAULTS), longest), f"{self._faults} failures in a row")
        if error.retryable and not self._may_follow_up():
            error.retryable = False
            error.args = (f"{error} (this account fails too often now to be asked again at once)",)

    def _close(self, seconds: float, why: str) -> None:
        self._goes_alone = True
        until = self._loop.time() + min(seconds, _LONGEST_PAUSE)
        if until > self._open_at:
            self._open_at, self._why = until, why

    def _may_follow_up(self) -> bool:
        now = self._loop.time()
        self._reserve = min(_RESERVE, self._reserve + now - self._reserve_at)
        self._reserve_at = now
        if self._reserve < 1:
            return False
        self._reserve -= 1
        return True


def _settle(waiter: _Waiter, has_turn: bool) -> bool:
    """Tell one who waits; False when it has gone meanwhile."""
    if waiter.turn.done():
        return False
    waiter.turn.set_result(has_turn)
    return True


_accounts: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Account]] = WeakKeyDictionary()
