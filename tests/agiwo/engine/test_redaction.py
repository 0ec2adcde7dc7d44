"""Known secrets in what is recorded and streamed, and items that are too long for an event."""

from typing import Any

import pytest
from agiwo.durable import DurableContext, StepResult, StepScope
from agiwo.engine.redact import RedactedStream, Redactor
from agiwo.errors import EffectFailed
from agiwo.schema.event import ITEM_COMPLETED, NewEvent
from engine_lab import Lab
from engine_stream import text_of
from hypothesis import given
from hypothesis import strategies as st

KEY = "sk-abcdefgh12345678"

SECRETS = {"LAB_KEY": KEY, "TOKEN": "token-of-the-lab"}

with_secrets = pytest.mark.parametrize("engine_options", [{"secrets": SECRETS}])


@with_secrets
@pytest.mark.anyio
async def test_no_record_and_no_event_holds_a_secret(lab: Lab) -> None:
    async def leak(scope: StepScope, arg: Any) -> StepResult:
        item = f"{scope.run.id}.item"
        scope.open(item, "agentMessage", name=f"with {KEY}")
        for piece in ("the key is sk-abc", "defgh123", "45678 and the ", "token-of-the-", "lab; ", "sk-abcd not one"):
            scope.delta(item, "text", piece)
        scope.notice("log", {"text": KEY})
        text = f"the key is {KEY} and the token-of-the-lab; sk-abcd not one"
        return StepResult({"text": text, KEY: 1}, [NewEvent(ITEM_COMPLETED, {"kind": "x", "text": text}, item)])

    async def loop(ctx: DurableContext) -> Any:
        ctx.emit("told", NewEvent("milestone", {"text": KEY}))
        message = await ctx.receive("mail", "mail")
        return [ctx.run.spec.input, message and message.data, await ctx.step("one", "leak", None)]

    lab.program(loop, leak=leak)
    run = await lab.submit(input=f"use {KEY}")
    await lab.send(run, "mail", {"text": [KEY]}, "m1")
    result = await lab.result(run)
    clean = "the key is [redacted:LAB_KEY] and the [redacted:TOKEN]; sk-abcd not one"
    assert result.output == ["use [redacted:LAB_KEY]", {"text": ["[redacted:LAB_KEY]"]}, _of(clean)]
    events = await lab.events(run)
    assert text_of(events, f"{run}.item") == clean
    for secret in SECRETS.values():
        assert secret not in repr(events)
        assert secret not in repr(await lab.records(run))
        assert secret not in repr(lab.tape.taken)


def _of(text: str) -> dict[str, Any]:
    return {"text": text, "[redacted:LAB_KEY]": 1}


@with_secrets
@pytest.mark.anyio
async def test_a_failure_is_recorded_without_secrets(lab: Lab) -> None:
    async def fail(scope: StepScope, arg: Any) -> StepResult:
        raise EffectFailed("auth", f"{KEY} is refused", detail={"url": f"https://lab/?key={KEY}"})

    async def loop(ctx: DurableContext) -> Any:
        try:
            await ctx.step("one", "fail", None)
        except EffectFailed as error:
            return [str(error), error.detail]

    lab.program(loop, fail=fail)
    text = "[redacted:LAB_KEY]"
    assert (await lab.run()).output == [f"{text} is refused", {"url": f"https://lab/?key={text}"}]


@pytest.mark.anyio
async def test_an_item_above_a_mebibyte_becomes_a_blob_and_the_loop_still_has_all_of_it(lab: Lab) -> None:
    text = "ä" * (600 * 1024)

    async def shout(scope: StepScope, arg: Any) -> StepResult:
        data = {"kind": "toolCall", "output": {"content": text, "isError": False}}
        return StepResult({"content": text}, [NewEvent(ITEM_COMPLETED, data, "item")])

    async def loop(ctx: DurableContext) -> Any:
        return len((await ctx.step("one", "shout", None))["content"])

    lab.program(loop, shout=shout)
    run = await lab.submit()
    assert (await lab.result(run)).output == len(text)
    item = next(event for event in await lab.events(run) if event.item == "item")
    content = item.data["output"]["content"]
    assert content["size"] == 2 * len(text)
    assert (content["head"], content["tail"]) == (text[:2048], text[-2048:])
    assert (await lab.tape.journal.get_blob(content["blob"]))[0] == text.encode()


_LETTERS = st.text("ab1", min_size=8, max_size=12)


@given(secrets=st.lists(_LETTERS, min_size=1, max_size=4, unique=True), pieces=st.lists(st.text("ab1x", max_size=9)))
def test_a_stream_in_pieces_is_redacted_as_the_whole_text_is(secrets: list[str], pieces: list[str]) -> None:
    planted = [secrets[0][:5], secrets[0][5:], *pieces, secrets[-1]]
    redactor = Redactor({f"S{number}": secret for number, secret in enumerate(secrets)})
    stream = RedactedStream(redactor)
    assert "".join([*(stream.feed(piece) for piece in planted), stream.end()]) == redactor.text("".join(planted))


def test_a_stream_holds_back_nothing_that_cannot_become_a_secret() -> None:
    stream = RedactedStream(Redactor({"KEY": KEY}))
    assert [stream.feed(piece) for piece in ("hello ", "sk-", "ipped", " sk-abc")] == ["hello ", "", "sk-ipped", " "]
    assert stream.end() == "sk-abc"


def test_short_values_are_words_and_not_secrets() -> None:
    assert not Redactor({"SHORT": "agent"})
    assert Redactor({"SHORT": "agent"}).text("an agent") == "an agent"
