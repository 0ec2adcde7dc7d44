"""The dispatch by jsonrpcserver: what the library does well is kept, what it does badly does not come through."""

import asyncio
import logging
import subprocess
import sys
from typing import Any, cast

import pytest
from agiwo_protocol.contract import Method, Wire
from agiwo_protocol.errors import Conflict, InternalError, InvalidParams, MethodNotFound
from agiwo_protocol.jsonrpc import Request
from agiwo_protocol.peer import Reply
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import Answer, MethodTable

pytestmark = pytest.mark.anyio

NOBODY = cast("Connection", None)
"""The handlers of these tests ask nothing of their connection."""


class Text(Wire):
    text: str
    context: str | None = None


def table(*handled: str) -> MethodTable:
    methods = MethodTable()

    @methods.on(Method("echo", Text, Text, ""))
    async def echo(connection: Connection, params: Text) -> Text:
        return params

    @methods.on(Method("later", Text, Text, ""))
    async def later(connection: Connection, params: Text) -> Answer[Text]:
        return Answer(params, lambda: None)

    @methods.on(Method("broken", Text, Text, ""))
    async def broken(connection: Connection, params: Text) -> Text:
        raise ZeroDivisionError("the password is hunter2")

    @methods.on(Method("refused", Text, Text, ""))
    async def refused(connection: Connection, params: Text) -> Text:
        raise Conflict("somebody was first", who="them")

    @methods.on(Method("slow", Text, Text, ""))
    async def slow(connection: Connection, params: Text) -> Text:
        await asyncio.Event().wait()
        return params

    return methods


async def dispatch(method: str, params: Any = None) -> Any:
    return await table().dispatch(NOBODY, Request(1, method, params))


async def test_a_result_comes_back_as_it_stands_on_the_wire() -> None:
    assert await dispatch("echo", {"text": "hi"}) == {"text": "hi"}


async def test_what_is_to_follow_the_answer_comes_with_it() -> None:
    reply = await dispatch("later", {"text": "hi"})
    assert isinstance(reply, Reply)
    assert reply.result == {"text": "hi"}


@pytest.mark.parametrize("params", [None, {}, [], ["hi"], {"text": 1}, {"context": "hi"}])
async def test_params_of_another_shape_are_refused_whatever_their_form(params: Any) -> None:
    with pytest.raises(InvalidParams):
        await dispatch("echo", params)


async def test_a_param_may_have_any_name_also_one_that_the_library_uses() -> None:
    assert await dispatch("echo", {"text": "hi", "context": "mine"}) == {"text": "hi", "context": "mine"}


async def test_our_own_fault_is_logged_once_and_told_by_its_id_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(InternalError) as hidden:
        await dispatch("broken", {"text": "hi"})
    assert "hunter2" not in str(hidden.value.to_error())
    assert set(hidden.value.data) == {"kind", "retryable", "errorId"}
    logged = [record for record in caplog.records if record.exc_info]
    assert len(logged) == 1
    assert hidden.value.data["errorId"] in logged[0].getMessage()


async def test_an_error_of_the_wire_keeps_its_code_and_data() -> None:
    with pytest.raises(Conflict) as refused:
        await dispatch("refused", {"text": "hi"})
    assert refused.value.data == {"kind": "conflict", "retryable": False, "who": "them"}


async def test_an_unknown_method_is_told_what_comes_close() -> None:
    with pytest.raises(MethodNotFound) as unknown:
        await dispatch("ecko")
    assert unknown.value.data["near"] == ["echo"]


async def test_a_cancelled_request_is_cancelled_and_nothing_else() -> None:
    task = asyncio.create_task(dispatch("slow", {"text": "hi"}))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_without_assertions_it_answers_the_same() -> None:
    program = (
        "import asyncio; from agiwod.face.rpc.methods import methods; from agiwo_protocol.jsonrpc import Request\n"
        "try: asyncio.run(methods.dispatch(None, Request(1, 'run/get', {})))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", program], capture_output=True, text=True, timeout=180, check=True
    )
    assert done.stdout.strip() == "InvalidParams"
