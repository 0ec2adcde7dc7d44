"""Answers of providers with something wrong in them: what real ones say, spoiled, cut and written oddly. Asks none."""

import json
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, Literal

import fake_messages
import fake_provider
from fake_provider import DONE, FINISH, START, Answer, delta, usage
from fuzz_frames import odd, spoiled

Wire = Literal["chat", "messages"]

_ARGUMENTS: Final = (
    *(["{}"], ['{"path"', ': "x"}'], ['{"path": "/et'], ["[1]"], ["null"], ["{}", "{}"], ['{"a": 1e400}'], ["\0"]),
    *(['{"a":' * 300 + "1" + "}" * 300], ["[" * 5000], ['{"a": ' + "9" * 400 + "}"], ['{"a": "\ud83d"}'], [""]),
)
"""What a call's arguments come as, in pieces."""

_TEXTS: Final = ("he", "llo", "é", "\U0001f600", " ", "\n", "x" * 2000)
_STATUSES: Final = (100, 204, 206, 301, 400, 401, 404, 408, 413, 418, 429, 500, 503, 529, 600, 999)
_TYPES: Final = ("text/html", "application/json", "", "TEXT/EVENT-STREAM; charset=x", "\xff", "text/plain")
_HEADERS: Final = ("retry-after", "retry-after-ms", "content-encoding", "content-length")
_VALUES: Final = ("0", "-1", "nan", "inf", "1e999", "gzip", "br", "identity", "Thu, 99 Foo 2026", "\xff", "")


def wrong_answer(random: Random, wire: Wire) -> Answer:
    """One answer: in most of them one thing or a few are wrong, in some nothing."""
    said = [_data(event) for event in (_chat if wire == "chat" else _messages)(random)]
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        _spoil(random, said)
    body = b"".join(_written(random, each) for each in said)
    if random.random() < 0.1:
        body = b"\xef\xbb\xbf" + body
    if random.random() < 0.1:
        body = _garbled(random, body)
    pieces = _cut(random, body)
    end = random.choices(("clean", "cut", "gone", "stalls"), (90, 12, 4, 1))[0]
    if end == "cut":
        del pieces[random.randrange(len(pieces) + 1) :]
    status = random.choice(_STATUSES) if random.random() < 0.08 else 200
    kind = random.choice(_TYPES) if random.random() < 0.15 else "text/event-stream"
    headers = {random.choice(_HEADERS): random.choice(_VALUES)} if random.random() < 0.04 else {}
    return Answer(pieces, status, kind, {**headers, **({"retry-after": "0"} if status in (429, 503) else {})}, end)


def _chat(random: Random) -> list[bytes]:
    texts = [delta(content=each) for each in random.choices(_TEXTS, k=random.randrange(4))]
    calls = [
        delta(tool_calls=[{"index": place, "id": f"c{place}", "function": {"name": _name(random), "arguments": piece}}])
        for place in range(random.choice((0, 0, 1, 2)))
        for piece in random.choice(_ARGUMENTS)
    ]
    return [START, *texts, *calls, delta("tool_calls") if calls else FINISH, usage(7, 3), DONE]


def _messages(random: Random) -> list[bytes]:
    blocks = [fake_messages.text(0, *random.choices(_TEXTS, k=2))]
    if random.random() < 0.3:
        blocks = [fake_messages.thought(0, "sig", "hm"), fake_messages.text(1, "so")]
    calls = [
        fake_messages.call(len(blocks) + place, f"c{place}", _name(random), *random.choice(_ARGUMENTS))
        for place in range(random.choice((0, 0, 1, 2)))
    ]
    events = [event for block in (*blocks, *calls) for event in block]
    return [fake_messages.start(), *events, *fake_messages.end("tool_use" if calls else "end_turn")]


def _name(random: Random) -> str:
    return random.choice(("record", "record", "no such tool", ""))


def _data(event: bytes) -> Any:
    """What an event says, as JSON or, when it is none, as text."""
    data = next(line for line in event.decode().split("\n") if line.startswith("data: ")).removeprefix("data: ")
    return data if data == "[DONE]" else json.loads(data)


def _spoil(random: Random, said: list[Any]) -> None:
    place, other = random.randrange(len(said)), random.randrange(len(said))
    match random.randrange(8):
        case 0:
            said.insert(place, said[place])
        case 1:
            said[place], said[other] = said[other], said[place]
        case 2:
            said.insert(place, odd(random))
        case 3 if len(said) > 1:
            del said[place]
        case _:
            said[place] = spoiled(random, said[place])


def _written(random: Random, event: Any) -> bytes:
    """One event, as servers write them: with comments, names and ids, in several lines, with either end of a line."""
    text = event if event == "[DONE]" else json.dumps(event)
    blank, end = random.choice((" ", " ", "")), random.choice(("\n", "\n", "\r\n"))
    lines = random.choice(([], [], [], [": a comment"], ["id: 1", "retry: 5"], ["data"]))
    if isinstance(event, dict) and "type" in event:
        lines = [*lines, f"event: {event['type']}"]
    head, comma, rest = text.partition(", ")
    is_split = comma and random.random() < 0.1
    lines = [*lines, *([f"data:{blank}{head},", f"data:{blank}{rest}"] if is_split else [f"data:{blank}{text}"])]
    return (end.join(lines) + 2 * end).encode("utf-8", "surrogatepass")


def _garbled(random: Random, body: bytes) -> bytes:
    made = bytearray(body)
    for _ in range(random.randint(1, 5)):
        made[random.randrange(len(made))] = random.randrange(256)
    return bytes(made)


def _cut(random: Random, body: bytes) -> list[bytes]:
    """The body in pieces that end anywhere, also in the middle of a character."""
    cuts: Sequence[int] = sorted(random.choices(range(1, len(body)), k=random.choice((0, 1, 5, 40))))
    bounds = [0, *cuts, len(body)]
    return [body[start:end] for start, end in pairwise(bounds) if start < end]


def whole_answer(wire: Wire) -> Answer:
    """An answer with nothing wrong in it."""
    return fake_provider.says("fine") if wire == "chat" else fake_messages.says("fine")
