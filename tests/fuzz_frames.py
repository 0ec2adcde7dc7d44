"""Frames as no client should send them: a grammar of the catalogue, and what can be wrong with each. Sends none.

A frame is made of its method, its kind and a number, so whoever has these three has the same frame again.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, cast

import orjson
from agiwo_protocol.catalog import METHODS
from agiwo_protocol.schema import published_name, shapes

Json = Any

PATHS: Final = (
    "/no/such",
    "relative",
    "/\0",
    "/" + "x" * 300,
    "/x" * 2000,
    "~nobody/x",
    "/dev/full",
    "/\ud800",
    "/etc/passwd",
)

NAMES: Final[Mapping[str, Sequence[str]]] = {
    "agent": ["quick", "none", "fuzz_a"],
    "agentId": ["quick", "fuzz_a", "fuzz_b"],
    "cronId": ["fuzz_c"],
    "cron": ["0 0 1 1 *", "* * *", "0 0 30 2 *", "99 * * * *"],
    "idempotencyKey": ["fuzz_k"],
    "cwd": PATHS,
    "model": ["scripted:quick.json", "no:such", "scripted:", "openai:x", *(f"scripted:{path}" for path in PATHS)],
    "name": ["calculator", "current_time", "review-diff", "echo"],
    "newSessionId": ["fuzz_s", "fuzz_t"],
    "path": PATHS,
    "runId": ["run_x", "fuzz_r"],
    "sessionId": ["fuzz_s", "fuzz_t"],
    "stateId": ["fuzz_u", "fuzz_v"],
    "timezone": ["Europe/Berlin", "Mars/Base", "../../etc/passwd"],
    "tools": ["calculator", "mcp:*", "agent:quick", "["],
    "workspace": PATHS,
}
"""What members are called in daemons that are fuzzed: few names, so that what is made is made again and not added."""

TEXTS: Final[Sequence[Json]] = (
    *("", "x", " ", "\0", "\n", "\r\n", "../../etc/passwd", "/", "%00", "é", "\U0001f600", "\ud800", "a\udfff"),
    *("\x7f\x80", "\u2028", "\ufeff", "run_", "null", "NaN", "{}", "-1", "1e999", "__class__", "$ref", "x" * 300),
    "y" * 5000,
)
NUMBERS: Final[Sequence[Json]] = (
    *(0, 1, -1, 2, 7, 255, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400),
    *(0.0, -0.0, 0.5, 1.0, 1e-300, 1e308, math.nan, math.inf, -math.inf),
)
OTHERS: Final[Sequence[Json]] = (None, True, False, [], {}, [[]], [None], {"": {}}, {"x": [1]}, {"$ref": "#"})

IDS: Final[Sequence[Json]] = (
    *(None, True, False, 1.5, 1.0, -0.0, math.nan, [], [1], {}, {"id": 1}, 2**64, 10**40, -(2**63) - 1),
    *("", "1", "null", "\0", "\ud800", "x" * 3000, 0, -1, 2**63, 2**64 - 1, -(2**63), 2**53 + 1),
)
"""Ids of every type, of which the later ones are some."""

GARBAGE: Final = (
    *(b"hello", b"\x00", b"\xff\xfe", b"{", b"}", b"[", b"]", b'"', b"\\", b"null", b"true", b"42", b'"ping"', b"[]"),
    *(b"{}", b"[{}]", b"[[]]", b"\xef\xbb\xbf{}", b"GET / HTTP/1.1", b"Content-Length: 9", b"AGIWOD/1 face=rpc"),
    *(b"\xed\xa0\x80", b"\xc0\xaf", b"{'id':1}", b'{"jsonrpc":"2.0"}', b"NaN", b"-", b"0x1", b"01", b"1e999"),
)
PIECES: Final = (b"\n", b"\r\n\r\n", b"{", b"[", b"}", b"]", b'"', b"\\", b"\x00", b",", b":", b"\\ud800", b"1e999")

ENDING: Final = frozenset({"shutdown", "exit", "daemon/stop", "daemon/drain"})
"""What would end the conversation or the daemon, which other tests do."""
_ENDING_WORDS: Final = tuple(word.encode() for word in ENDING)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a frame is made of."""

    kind: str
    method: str
    number: int

    def frame(self) -> bytes:
        """The bytes, without what frames them. Never a message that ends what listens."""
        made = KINDS[self.kind](Random(self.number), self.method)
        return PING if any(map(is_an_end, (made, *made.split(b"\n")))) else made


def any_recipe(random: Random) -> Recipe:
    """One of all that there are."""
    kind = random.choices(_KIND_NAMES, _KIND_WEIGHTS)[0]
    return Recipe(kind, random.choice(METHOD_NAMES), random.getrandbits(32))


def is_an_end(line: bytes) -> bool:
    """Whether a daemon that understands this line may stop to listen."""
    if b"\\u" not in line and not any(word in line for word in _ENDING_WORDS):
        return False
    try:
        message: Json = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(message, dict):
        return False
    method, params = (cast("dict[str, Json]", message).get(member) for member in ("method", "params"))
    return isinstance(method, str) and method in ENDING and not _is_refused(method, params)


def _is_refused(method: str, params: Json) -> bool:
    """Whether a request that would end something has params that it cannot have."""
    if method == "exit":
        return False  # nobody looks at what a notification carries
    seconds: Json = cast("dict[str, Json]", params).get("seconds") if isinstance(params, dict) else None
    return isinstance(params, list) or isinstance(seconds, str | list | dict)


def envelope(random: Random, method: Json, params: Json, **members: Json) -> dict[str, Json]:
    """A request in order, but for the params and what `members` say of it."""
    return {"jsonrpc": "2.0", "id": random.randrange(100), "method": method, "params": params, **members}


def text_of(value: Json, *, ascii: bool = True) -> bytes:
    """JSON as the standard library writes it: with NaN, and with halves of surrogate pairs."""
    return json.dumps(value, ensure_ascii=ascii, separators=(",", ":")).encode("utf-8", "surrogatepass")


def params_of(random: Random, method: str) -> dict[str, Json]:
    """Params that fit a method of the catalogue."""
    return fitting(random, shapes()[published_name(METHODS[method].params)], "")


def fitting(random: Random, schema: Mapping[str, Json], member: str) -> Json:
    """A value that fits a schema of the catalogue, as the value of a member of that name."""
    if "$ref" in schema:
        return fitting(random, shapes()[schema["$ref"].rpartition("/")[2]], member)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return fitting(random, random.choice(choices), member)
    if "const" in schema or "enum" in schema:
        return random.choice(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "object":
            return _object(random, schema)
        case "array":
            least = schema.get("minItems", 0)
            return [fitting(random, schema["items"], member) for _ in range(random.randint(least, least + 2))]
        case "string":
            return random.choice(NAMES[member] if member in NAMES and random.random() < 0.8 else TEXTS[:12])
        case "integer" | "number":
            return _number(random, schema)
        case "boolean":
            return random.random() < 0.5
        case _:
            return odd(random)


def _object(random: Random, schema: Mapping[str, Json]) -> dict[str, Json]:
    required, members = schema.get("required", ()), schema.get("properties", {})
    made = {
        name: fitting(random, each, name) for name, each in members.items() if name in required or random.random() < 0.3
    }
    more: Json = schema.get("additionalProperties")
    if isinstance(more, dict) and random.random() < 0.5:
        made[random.choice(TEXTS[:6])] = fitting(random, cast("dict[str, Json]", more), "")
    return made


def _number(random: Random, schema: Mapping[str, Json]) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    most = min(schema.get("maximum", 1000), 1000)
    return random.choice([least, most, random.randint(least, max(least, most))])


def odd(random: Random) -> Json:
    """A value that is hardly ever meant."""
    return random.choice(random.choice((TEXTS, NUMBERS, OTHERS)))


def spoiled(random: Random, value: Json) -> Json:
    """The value with one thing about it, wherever in it, otherwise."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        return _spoiled_object(random, {**cast("dict[str, Json]", value)})
    if isinstance(value, list) and value and random.random() < 0.7:
        items = [*cast("list[Json]", value)]
        place = random.randrange(len(items))
        items[place] = spoiled(random, items[place])
        return items
    return odd(random)


def _spoiled_object(random: Random, made: dict[str, Json]) -> dict[str, Json]:
    name = random.choice([*made])
    match random.randrange(7):
        case 0:
            del made[name]
        case 1:
            made[random.choice(TEXTS)] = odd(random)
        case 2:
            made[random.choice([name.lower(), name.upper(), f"{name} ", f"_{name}"])] = made.pop(name)
        case 3:
            made[name] = deep(random.choice([3, 60, 300, 900]))
        case _:
            made[name] = spoiled(random, made[name])
    return made


def deep(levels: int) -> Json:
    """Lists in lists."""
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


def _call(random: Random, method: str) -> bytes:
    return text_of(envelope(random, method, params_of(random, method)), ascii=random.random() < 0.5)


def _wrong_params(random: Random, method: str) -> bytes:
    params: Json = params_of(random, method)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        params = spoiled(random, params) if params or random.random() < 0.5 else {random.choice(TEXTS): odd(random)}
    return text_of(envelope(random, method, params), ascii=random.random() < 0.8)


def _wrong_envelope(random: Random, method: str) -> bytes:
    made: Json = envelope(random, method, {}, id=random.choice(IDS))
    if random.random() < 0.6:
        made = spoiled(random, made)
    return text_of(made)


def _mutated(random: Random, method: str) -> bytes:
    made = bytearray(random.choice((_call, _wrong_params, _wrong_envelope))(random, method))
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(made) + 1)
        end = min(len(made), place + random.randrange(12))
        match random.randrange(5):
            case 0:
                made[place : place + 1] = random.randbytes(1)
            case 1:
                del made[place:end]
            case 2:
                made[place:place] = made[place:end]
            case 3:
                del made[place:]
            case _:
                made[place:place] = random.choice(PIECES)
    return bytes(made) or b"x"


def _garbage(random: Random, method: str) -> bytes:
    if random.random() < 0.5:
        return random.choice(GARBAGE)
    return random.randbytes(random.choice((1, 8, 200))).replace(b"\n", b"") or b"\0"


def _batch(random: Random, method: str) -> bytes:
    members = [_call(random, method), *random.choices(GARBAGE, k=random.randrange(3))]
    return b"[" + b",".join(members) + b"]"


def _twice(random: Random, method: str) -> bytes:
    """A member of the envelope that comes again, of which the last counts; at times with other white space."""
    again = random.choice(("id", "jsonrpc", "method", "params"))
    values: Sequence[Json] = ("2.0", method, "1.0", 1, None, {}, *IDS[:8])
    value = random.choice(values)
    blank = random.choice((b"", b" ", b"\t", b" \r "))
    return blank + _call(random, method)[:-1] + b"," + text_of(again) + blank + b":" + text_of(value) + b"}" + blank


def _notification(random: Random, method: str) -> bytes:
    name = random.choice((method, "initialized", "$/cancelRequest", "no/such", ""))
    params = random.choice(({"id": random.randrange(100)}, {}, None, [1], {"id": random.choice(IDS)}))
    return text_of({"jsonrpc": "2.0", "method": name, "params": params})


def _answer(random: Random, method: str) -> bytes:
    made: dict[str, Json] = {"jsonrpc": random.choice(("2.0", 1, None)), "id": random.choice((1, *IDS))}
    made[random.choice(("result", "error"))] = odd(random)
    return text_of(made)


def _large(random: Random, method: str) -> bytes:
    """More of something than anybody needs; rarely as much as a frame of this grammar may have of it."""
    size = random.choice((1000, 20_000, 100_000)) if random.random() < 0.98 else LARGEST
    return _of_size(random.randrange(100), method, random.choice(_SIZED)(size))


def largest_frames() -> list[bytes]:
    """The frames that need the most memory: who has read them once has grown as far as any frame can have it grow."""
    return [_of_size(0, "run/list", params(LARGEST)) for params in _SIZED]


def _of_size(id: int, method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (id, text_of(method), params)


def _ping(random: Random, method: str) -> bytes:
    return PING


LARGEST: Final = 1_000_000
_SIZED: Final[Sequence[Callable[[int], bytes]]] = (
    lambda size: text_of({"x": "x" * size}),
    lambda size: text_of(dict.fromkeys(map(str, range(size // 10)), 0)),
    lambda size: b"[" * size + b"]" * size,
    lambda size: b'{"a":' * size + b"1" + b"}" * size,
    lambda size: b"9" * size,
    lambda size: text_of(["é\U0001f600" * (size // 40)]),
    lambda size: text_of([0] * (size // 2)),
)
"""Params that are large, each in another way."""

PING: Final = b'{"jsonrpc":"2.0","id":"p","method":"ping"}'

KINDS: Final[Mapping[str, Callable[[Random, str], bytes]]] = {
    "ping": _ping,
    "call": _call,
    "wrong params": _wrong_params,
    "wrong envelope": _wrong_envelope,
    "mutated": _mutated,
    "garbage": _garbage,
    "batch": _batch,
    "twice": _twice,
    "notification": _notification,
    "answer": _answer,
    "large": _large,
}
"""How frames are made. The earlier ones are the simpler ones."""

_WEIGHTS: Final = {"call": 8, "wrong params": 40, "mutated": 25, "wrong envelope": 12, "large": 0.3}
_KIND_NAMES: Final = tuple(KINDS)
_KIND_WEIGHTS: Final = tuple(_WEIGHTS.get(kind, 3) for kind in KINDS)
METHOD_NAMES: Final = tuple(METHODS)
