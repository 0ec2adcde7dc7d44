"""A server whose one tool never answers. It writes into the file that it is given what it was asked and told."""

import json
import sys
from typing import Any

INPUT = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
INFO: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "patient", "version": "1"},
}


def answer(id: Any, result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}) + "\n")
    sys.stdout.flush()


with open(sys.argv[1], "a", buffering=1) as told:
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                answer(message["id"], INFO)
            case "tools/list":
                answer(message["id"], {"tools": [{"name": "rest", "description": "Rests.", "inputSchema": INPUT}]})
            case "tools/call":
                told.write(f"called {message['id']} {message['params']['arguments']['key']}\n")
            case "notifications/cancelled":
                told.write(f"cancelled {message['params']['requestId']}\n")
            case "ping":
                answer(message["id"], {})
            case _ if "id" in message:
                error = {"code": -32601, "message": "no such method"}
                sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}) + "\n")
                sys.stdout.flush()
            case _:
                continue
