"""Traces as the daemon tells them, page by page, for the commands that show them."""

import re

from agiwo_client import Client, RpcError
from agiwo_protocol import run, trace

from agiwod.cli.failure import CommandFailed
from agiwod.cli.talk import talk

_PAGE = 1000
"""Spans that are asked for at once; with what was said in them fewer may come."""

_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)

TraceWithSpans = tuple[trace.Trace, list[trace.Span]]


def read_list(params: trace.ListParams, offset: int) -> trace.ListResult:
    """The traces that fit behind the first `offset`."""
    return talk(lambda client: _list(client, params, offset))


async def _list(client: Client, params: trace.ListParams, offset: int) -> trace.ListResult:
    found: list[trace.Trace] = []
    cursor: str | None = None
    while True:
        limit = min(500, offset + params.limit - len(found))
        page = await client.call(trace.LIST, params.model_copy(update={"cursor": cursor, "limit": limit}))
        found, cursor = [*found, *page.traces], page.next_cursor
        if cursor is None or len(found) >= offset + params.limit:
            return trace.ListResult(traces=found[offset:], next_cursor=cursor)


def read_trace(id: str | None, *, content: bool) -> TraceWithSpans:
    """A trace by its id, or that of a run, by the id of either or by the beginning of one; of None the newest.

    Raises:
        CommandFailed: there is none, or several begin so.
    """
    return talk(lambda client: _read(client, id, content))


async def _read(client: Client, id: str | None, content: bool) -> TraceWithSpans:
    try:
        return await _pages(client, await _named(client, id), content)
    except RpcError as error:
        if error.kind == "not_found":
            raise CommandFailed(f"no trace or run {id!r}", hint="`agiwod traces list` shows which there are") from None
        raise


async def _named(client: Client, id: str | None) -> dict[str, str]:
    """The params that name the trace."""
    if id is None:
        newest = (await client.call(trace.LIST, trace.ListParams(limit=1))).traces
        if not newest:
            raise CommandFailed("there is no trace yet", hint='try: agiwod ask "…"')
        return {"run_id": newest[0].run_id}
    if _TRACE_ID.fullmatch(id):
        return {"trace_id": id.lower()}
    return {"run_id": (await client.call(run.FIND, run.FindParams(id=id))).run_id}


async def _pages(client: Client, named: dict[str, str], content: bool) -> TraceWithSpans:
    spans: list[trace.Span] = []
    while True:
        params = trace.GetParams.model_validate({**named, "content": content, "after": len(spans), "limit": _PAGE})
        page = await client.call(trace.GET, params)
        spans += page.spans
        if not page.spans or len(spans) >= page.total:
            return page.trace, spans
