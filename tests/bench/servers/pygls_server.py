"""pygls's server over stdio. It answers `echo` at once; `stream` sends so many notifications before it answers."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

import asyncio

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("peer", "1")


@server.feature("echo")
def echo(params):
    """Answer at once."""
    return {"text": params.text}


@server.feature("stream")
async def stream(params):
    """Notify, then answer."""
    told = types.ProgressParams(token="t", value={"kind": "report", "message": params.text})
    for _ in range(params.count):
        await asyncio.sleep(params.pause)
        server.protocol.notify("$/progress", told)
    return {"text": params.text}


server.start_io()
