"""The limits of an account, which all agents of the process share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from agiwo.errors import ModelError, ModelErrorKind
from agiwo.llm import OpenAIModel, Timeouts
from agiwo.llm.admission import Account, account_of
from agiwo.llm.refusal import Asked
from fake_provider import START, Answer, FakeProvider, Received, delta, refuses, says

pytestmark = pytest.mark.anyio

ASKED = Asked("lab", "lab.test")


class Clock:
    """The loop's time, moved by hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time, self.ahead = loop.time, 0.0

    def __call__(self) -> float:
        return self._time() + self.ahead


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock)
    return clock


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def failure(kind: ModelErrorKind = "server_error", retry_after: float | None = None) -> ModelError:
    return ModelError(kind, "oops", retry_after=retry_after)


async def ask(account: Account, error: ModelError | None = None, *, limit: int = 9, patience: float = 60) -> None:
    async with account.turn(ASKED, limit=limit, patience=patience):
        if error is not None:
            raise error
        account.answered()


async def fail(account: Account, error: ModelError) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(account, error)
    assert caught.value is error
    return error


async def refused(account: Account, patience: float = 60) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(account, patience=patience)
    assert not caught.value.sent
    return caught.value


class Request:
    """A request that goes on until it is told to end."""

    def __init__(self, account: Account, limit: int = 9) -> None:
        self.began, self.end = asyncio.Event(), asyncio.Event()
        self.error: ModelError | None = None
        self._account, self._limit = account, limit
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async with self._account.turn(ASKED, limit=self._limit, patience=60):
            self.began.set()
            await self.end.wait()
            if self.error is not None:
                raise self.error

    @property
    def is_under_way(self) -> bool:
        return self.began.is_set()


@pytest.fixture
def begin() -> Iterator[Callable[..., Awaitable[list[Request]]]]:
    requests: list[Request] = []

    async def begin(account: Account, count: int, limit: int = 9) -> list[Request]:
        begun = [Request(account, limit) for _ in range(count)]
        requests.extend(begun)
        await settle()
        return begun

    yield begin
    for request in requests:
        request.task.cancel()


Begin = Callable[..., Awaitable[list[Request]]]


async def test_no_more_than_so_many_are_under_way_and_the_others_follow_in_order(begin: Begin) -> None:
    first, second, third = await begin(account_of("a"), 3, limit=2)
    assert [each.is_under_way for each in (first, second, third)] == [True, True, False]

    second.end.set()
    await settle()
    assert third.is_under_way


async def test_one_who_waits_and_is_cancelled_takes_no_turn(begin: Begin) -> None:
    first, second, third = await begin(account_of("a"), 3, limit=1)
    second.task.cancel()
    first.end.set()
    await settle()
    assert third.is_under_way


async def test_one_who_is_cancelled_as_its_turn_comes_gives_it_back(begin: Begin) -> None:
    account = account_of("a")
    async with account.turn(ASKED, limit=1, patience=60):
        first, second = await begin(account, 2, limit=1)
    first.task.cancel()
    await settle()
    assert (first.is_under_way, second.is_under_way) == (False, True)


async def test_one_who_is_cancelled_before_its_turn_comes_does_not_take_it(begin: Begin) -> None:
    account = account_of("a")
    async with account.turn(ASKED, limit=1, patience=60):
        first, second = await begin(account, 2, limit=1)
        first.task.cancel()
    await settle()
    assert (first.is_under_way, second.is_under_way) == (False, True)


async def test_who_waits_for_others_to_end_waits_however_short_its_patience(begin: Begin) -> None:
    account = account_of("a")
    (first,) = await begin(account, 1, limit=1)
    waiting = asyncio.ensure_future(ask(account, limit=1, patience=0))
    await settle()
    assert not waiting.done()

    first.end.set()
    await waiting


async def test_who_waits_is_told_when_a_pause_is_longer_than_its_patience(clock: Clock, begin: Begin) -> None:
    account = account_of("a")
    (failing,) = await begin(account, 1, limit=1)
    hasty = asyncio.ensure_future(ask(account, limit=1, patience=5))
    (patient,) = await begin(account, 1, limit=1)
    failing.error = failure("rate_limited", 20)
    failing.end.set()
    with pytest.raises(ModelError, match="oops"):
        await failing.task
    with pytest.raises(ModelError, match="not asked for 20 s") as caught:
        await hasty
    assert (caught.value.sent, patient.task.done()) == (False, False)


async def test_accounts_do_not_hold_one_another_up(begin: Begin) -> None:
    await begin(account_of("a"), 1, limit=1)
    await ask(account_of("b"), limit=1)


async def test_a_pause_that_one_was_asked_for_holds_back_all(clock: Clock, begin: Begin) -> None:
    account = account_of("a")
    await fail(account, failure("rate_limited", 20))
    waiting = await begin(account, 3)
    assert not any(each.is_under_way for each in waiting)

    error = await refused(account, patience=5)
    assert (error.kind, round(error.retry_after or 0)) == ("rate_limited", 20)


async def test_after_a_pause_one_goes_alone_and_the_others_when_it_is_answered(begin: Begin) -> None:
    account = account_of("a")
    await fail(account, failure("rate_limited", 0.01))
    waiting = await begin(account, 3)
    await asyncio.wait_for(waiting[0].began.wait(), 60)
    assert [each.is_under_way for each in waiting] == [True, False, False]

    account.answered()
    await settle()
    assert all(each.is_under_way for each in waiting)


async def test_one_who_went_alone_and_left_lets_the_next_one_go(clock: Clock, begin: Begin) -> None:
    account = account_of("a")
    await fail(account, failure("rate_limited", 5))
    clock.ahead += 6
    first, second = await begin(account, 2)
    first.task.cancel()
    await settle()
    assert second.is_under_way


async def test_an_endless_pause_ends(clock: Clock) -> None:
    account = account_of("a")
    await fail(account, failure("rate_limited", 4_294_967))
    clock.ahead += 3601
    await ask(account)


async def test_too_many_failures_in_a_row_give_a_provider_time_and_ever_more(clock: Clock) -> None:
    account = account_of("a")
    for _ in range(10):
        await fail(account, failure("connection"))
    error = await refused(account, patience=0.5)
    assert (error.kind, round(error.retry_after or 0)) == ("overloaded", 1)

    for seconds in (2, 4, 8, 16, 30, 30):
        clock.ahead += 31
        await fail(account, failure("connection"))
        assert round((await refused(account, patience=0.5)).retry_after or 0) == seconds
    clock.ahead += 31
    await ask(account)
    await fail(account, failure("connection"))
    await ask(account)


async def test_too_many_requests_are_no_failures_of_a_provider() -> None:
    account = account_of("a")
    for _ in range(50):
        await fail(account, failure("rate_limited"))
    await ask(account)


async def test_a_request_that_is_wrong_says_nothing_about_the_provider() -> None:
    account = account_of("a")
    for _ in range(50):
        await fail(account, failure("bad_request"))
    await ask(account)


async def test_an_account_that_fails_all_the_time_is_not_followed_up_for_ever(clock: Clock) -> None:
    account = account_of("a")
    tried = [(await fail(account, failure("rate_limited"))).retryable for _ in range(101)]
    assert tried == [*[True] * 100, False]

    clock.ahead += 2
    again = [(await fail(account, failure("rate_limited"))).retryable for _ in range(3)]
    assert again == [True, True, False]


# Through a model.


def model_at(provider: FakeProvider, **options: Any) -> OpenAIModel:
    return OpenAIModel("m", base_url=provider.base_url, **options)


async def said(model: OpenAIModel) -> str:
    chunks = model.arun_stream([{"role": "user", "content": "go"}])
    return "".join([chunk.content or "" async for chunk in chunks])


async def test_models_with_one_key_share_what_a_provider_bears() -> None:
    counts: list[int] = []

    def choose(_: Received) -> Answer:
        counts.append(len(provider.requests))
        return says("x")

    async with FakeProvider(choose=choose) as provider:
        models = [model_at(provider, concurrency=2) for _ in range(10)]
        assert await asyncio.gather(*map(said, models)) == ["x"] * 10
        assert provider.connections == 2


async def test_models_with_different_keys_do_not(begin: Begin) -> None:
    async with FakeProvider(Answer([START, delta(content="x")], end="stalls")) as provider, AsyncExitStack() as open:
        for key in ("a", "b"):
            answer = model_at(provider, api_key=key, concurrency=1, timeouts=Timeouts()).arun_stream([])
            open.push_async_callback(answer.aclose)
            assert (await anext(answer)).content == "x"


async def test_a_pause_that_one_agent_was_asked_for_spares_the_provider_the_requests_of_all() -> None:
    async with FakeProvider(refuses(429, "later", retry_after="300")) as provider:
        for _ in range(5):
            with pytest.raises(ModelError) as caught:
                await said(model_at(provider))
            assert caught.value.retry_after == pytest.approx(300, abs=2)

    assert len(provider.requests) == 1
