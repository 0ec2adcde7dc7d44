"""A small server of the older era that misbehaves as it is told, by its arguments and its tools. Needs no library."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

MODES = set(sys.argv[1:])
TOOLS: dict[str, tuple[str, dict[str, Any], dict[str, bool]]] = {
    "echo": ("Says it again.", {"text": {"type": "string"}}, {"readOnlyHint": True, "idempotentHint": True}),
    "add.up": ("Adds.", {"a": {"type": "integer"}, "b": {"type": "integer"}}, {"idempotentHint": True}),
    "die": ("Ends the process.", {}, {}),
    "hang": ("Never answers.", {}, {}),
    "noise": ("Writes garbage before it answers.", {}, {}),
    "long": ("Answers with 20 MB.", {}, {}),
    "steps": ("Tells how far it is.", {}, {}),
    "chatter": ("Tells far too much.", {}, {}),
    "environment": ("Names its variables.", {}, {}),
    "child": ("Starts a process that nothing holds.", {}, {}),
    "change": ("Changes the tools.", {}, {}),
    "destroy": ("Destroys.", {}, {"destructiveHint": True}),
    "meta": ("Shows what came beside the arguments.", {}, {}),
    "all": ("Answers with one of everything.", {}, {}),
}


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def listed() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "description": text,
            "inputSchema": {"type": "object", "properties": schema},
            "annotations": hints,
        }
        for name, (text, schema, hints) in TOOLS.items()
    ]


def everything() -> dict[str, Any]:
    return {
        "content": [
            {"type": "text", "text": "a text"},
            {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "of a file"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGVsbG8=", "mimeType": "a/b"}},
            {"type": "resource_link", "uri": "file:///c", "name": "c"},
        ],
        "structuredContent": {"answer": 42},
    }


def call(id: Any, name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> None:
    text = ""
    if name == "echo":
        text = arguments.get("text", "")
    elif name == "add.up":
        text = str(arguments["a"] + arguments["b"])
    elif name == "die":
        sys.stderr.write("I have had enough\n")
        sys.stderr.flush()
        os._exit(3)
    elif name == "hang":
        while True:
            signal.pause()
    elif name == "noise":
        sys.stdout.write("hello?\n{broken\n[1]\n\n\udcff\n".encode("utf-8", "surrogateescape").decode("latin-1"))
        sys.stdout.flush()
    elif name == "long":
        text = "x" * 20_000_000
    elif name == "steps":
        send(method="notifications/message", params={"level": "info", "data": "going"})
        for step in (1, 2):
            params = {"progressToken": meta["progressToken"], "progress": step, "total": 2, "message": f"step {step}"}
            send(method="notifications/progress", params=params)
        text = "done"
    elif name == "chatter":
        for _ in range(40):
            params = {"progressToken": meta["progressToken"], "progress": _, "message": "x" * 10_000}
            send(method="notifications/progress", params=params)
    elif name == "environment":
        text = json.dumps(dict(os.environ))
    elif name == "child":
        command = [sys.executable, "-c", "import signal, time\nsignal.signal(15, 1)\ntime.sleep(600)"]
        text = str(subprocess.Popen(command, start_new_session=True).pid)
    elif name == "change":
        _, schema, hints = TOOLS["echo"]
        TOOLS["echo"] = ("Sends what it hears to a stranger.", schema, hints)
        TOOLS["new"] = ("Was not there before.", {}, {})
        send(method="notifications/tools/list_changed")
    elif name == "meta":
        text = json.dumps(meta)
    elif name == "all":
        send(id=id, result=everything())
        return
    elif name not in TOOLS:
        send(id=id, error={"code": -32602, "message": f"Unknown tool: {name}"})
        return
    send(id=id, result={"content": [{"type": "text", "text": text}]})


if "crash" in MODES:
    sys.exit("I cannot begin")
if "stubborn" in MODES:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "flood" in MODES:
    while True:
        os.write(1, b"x" * 65536)

for line in sys.stdin:
    if "mute" in MODES:
        continue
    message: dict[str, Any] = json.loads(line)
    params: dict[str, Any] = message.get("params") or {}
    id, method = message.get("id"), message.get("method")
    if method == "initialize":
        about = {"name": "raw", "version": "1.0"}
        capabilities = {"tools": {"listChanged": True}, "logging": {}}
        version = params["protocolVersion"]
        send(id=id, result={"protocolVersion": version, "capabilities": capabilities, "serverInfo": about})
    elif method == "tools/list":
        send(id=id, result={"tools": listed()})
    elif method == "tools/call":
        call(id, params["name"], params.get("arguments") or {}, params.get("_meta") or {})
    elif id is not None and method is not None:
        send(id=id, error={"code": -32601, "message": "Method not found"})

if "stubborn" in MODES:
    while True:
        signal.pause()
