"""A server of MCP that says anything at all, as its seed tells it. Needs no library but the standard one.

Before and between its answers comes noise; a result is spoiled, or is of another shape; tools have names and schemas
that nobody would give them. At times it crashes, at the start or in a call.
"""

import json
import os
import random
import signal
import sys
from typing import Any, cast

RANDOM = random.Random(sys.argv[1])
MILD = "mild" in sys.argv

ODD: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], {}, [1], {"a": []}, 2**70, "\ud800", "\0", "x" * 3000]
NAMES: list[Any] = ["echo", "echo", "", " ", "a/b", "ü", "x" * 300, "tools/../x", "__class__", "\n", "a__b", 5, None]
SCHEMAS: list[Any] = [
    {"type": "object"},
    {"type": "object", "properties": None},
    {"type": "object", "properties": [1]},
    {"type": "string"},
    {"$ref": "#"},
    {"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]},
    {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}},
    {"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}},
    {"type": "object", "required": "x"},
    {"type": "object", "properties": {"x": {"type": "integer", "maximum": 2**70}}},
    {"type": "object", "properties": {"x": {"type": "number", "maximum": float("inf")}}},
    {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/x.json"}}},
    {"type": "object", "patternProperties": {"(a|a)*$": {}}, "additionalProperties": False},
    {"type": ["object", 5]},
    True,
    [],
    "object",
    None,
    {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(300)}},
    {"type": "object", "properties": {"tool_call_id": {}, "x": {"default": "\ud800", "enum": []}}},
    json.loads('{"type":"object","properties":{"a":' + '{"items":' * 150 + "{}" + "}" * 150 + "}}"),
]
NOISE = [
    b"hello\n",
    b"\xff\xfe\n",
    b"[]\n",
    b"{}\n",
    b"null\n",
    b'{"jsonrpc":"2.0"}\n',
    b'{"jsonrpc":"2.0","id":99999,"result":{}}\n',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}\n',
    b'{"jsonrpc":"2.0","id":7,"method":"roots/list"}\n',
    b'{"jsonrpc":"2.0","id":8,"method":"sampling/createMessage","params":{}}\n',
    b'{"jsonrpc":"2.0","id":"x","method":"no/such","params":[1]}\n',
    b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n' * 50,
    b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":"x"}}\n',
    b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"loud","data":[[]]}}\n',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}\n',
    b"[" * 100_000 + b"\n",
    b"x" * 9_000_000 + b"\n",
    b"\r\n\n \n",
]


def is_mild(schema: Any) -> bool:
    """Whether the library takes a list with such a schema in it."""
    if not isinstance(schema, dict):
        return False
    members = cast("dict[str, Any]", schema)
    is_right = isinstance(members.get("properties", {}), dict) and isinstance(members.get("required", []), list)
    return members.get("type") == "object" and is_right


def tools() -> list[Any]:
    made: list[Any] = [{"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object"}}]
    for _ in range(RANDOM.choice((3, 20, 1200))):
        tool = {"name": RANDOM.choice([*NAMES, f"t{RANDOM.random()}"]), "inputSchema": RANDOM.choice(SCHEMAS)}
        made.append({**tool, RANDOM.choice(("description", "annotations", "title", "x")): RANDOM.choice(ODD)})
    if MILD:  # what is no tool at all is left out, so that the others can be called
        made = [each for each in made if isinstance(each["name"], str) and is_mild(each["inputSchema"])]
        made = [{name: each[name] for name in ("name", "inputSchema")} for each in made]
        made = [each for each in made if not any(bad in json.dumps(each) for bad in ("Infinity", "\\ud8"))]
    return made


def result_of(method: str) -> Any:
    if method == "initialize":
        about = {"name": "wild", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}}, "serverInfo": about}
    if method == "tools/list":
        cursor = {"nextCursor": RANDOM.choice(("", "x", "y"))} if RANDOM.random() < 0.1 else {}
        return {"tools": tools(), **cursor}
    if method == "tools/call":
        block = RANDOM.choice(({"type": "text", "text": "said"}, {"type": "image", "data": "!", "mimeType": ""}, {}))
        content = RANDOM.choice(([block], [], [block] * 500, RANDOM.choice(ODD)))
        return {"content": content, RANDOM.choice(("structuredContent", "isError", "_meta")): RANDOM.choice(ODD)}
    return {}


def spoiled(value: Any) -> Any:
    if isinstance(value, dict) and value and RANDOM.random() < 0.8:
        made = {**cast("dict[str, Any]", value)}
        name = RANDOM.choice([*made])
        made[name] = spoiled(made[name])
        return made
    return RANDOM.choice(ODD)


def answer(id: Any, method: str) -> None:
    if RANDOM.random() < 0.3:
        os.write(1, RANDOM.choice(NOISE))
    if RANDOM.random() < (0.02 if method == "tools/call" else 0.0 if MILD else 0.04):
        sys.exit("I have had enough")
    result = result_of(method)
    if RANDOM.random() < (0.3 if method == "tools/call" else 0.0 if MILD else 0.15):
        result = spoiled(result)
    whole: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "result": result}
    if RANDOM.random() < 0.05:
        whole = {"jsonrpc": "2.0", "id": id, "error": RANDOM.choice([{"code": 5, "message": "no"}, *ODD])}
    if method == "tools/call" and RANDOM.random() < 0.1:
        whole["id"] = RANDOM.choice([id, str(id), 10**6, None, [id]])
    sys.stdout.write(json.dumps(whole) + "\n")
    sys.stdout.flush()


signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message: dict[str, Any] = json.loads(line)
    if "id" in message and "method" in message:
        answer(message["id"], message["method"])
