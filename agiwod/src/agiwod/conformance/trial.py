"""One transcript held against a server, from its first line to its last. Reads no file, and prints nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from agiwod.conformance.line import CannotConnect, Line, NoMessage, Style, Way
from agiwod.conformance.matching import Names, UnknownName, fill, mismatch
from agiwod.conformance.run_events import RunEvents
from agiwod.conformance.shapes import fault_of_message
from agiwod.conformance.transcript import Step, Transcript

_FIRST: Final = "first"
"""What the connection is called that a transcript begins on."""


class Failed(Exception):
    """A server did not do what it has to."""


@dataclass(slots=True)
class _Talk:
    """A connection, and the requests on it that are not answered yet."""

    line: Line
    asked: dict[Any, str] = field(default_factory=dict[Any, str])


class Trial:
    """A transcript on connections of its own. `given` is what is known of the server: such as the agent to ask."""

    def __init__(self, way: Way, style: Style, patience: float, given: Mapping[str, Any]) -> None:
        self._way, self._patience = way, patience
        self._style: Style = style
        self._names: Names = dict(given)
        self._talks: dict[str, _Talk] = {}
        self._talk: _Talk | None = None

    async def hold(self, transcript: Transcript) -> str | None:
        """None when the server does all that it has to; else where it did not, and what came."""
        step: Step | None = None
        try:
            await self._turn_to(_FIRST)
            for step in transcript.steps:
                async with asyncio.timeout(self._patience):
                    await self._take(step)
        except (Failed, CannotConnect, UnknownName) as error:
            fault = str(error)
        except TimeoutError:
            fault = f"nothing that fits came within {self._patience:g} s"
        else:
            return None
        finally:
            for talk in self._talks.values():
                await talk.line.close()
        return f"{transcript.path.name}:{step.line if step else 1}: {fault}"

    @property
    def names(self) -> Mapping[str, Any]:
        """What was kept."""
        return self._names

    async def _take(self, step: Step) -> None:
        match step.verb:
            case "send":
                await self._send(step.what)
            case "raw":
                await self._line.say(step.what.encode())
            case "expect":
                self._check(step.what, await self._hear())
            case "await":
                await self._await(step.what)
            case "follow":
                await self._follow(step.what)
            case "on":
                await self._turn_to(step.what)
            case "hangup":
                await self._hang_up()
            case "oversize":
                await self._line.say_much(int(self._names["limit"]) + 1)
            case _:
                await self._end()

    @property
    def _line(self) -> Line:
        return self._present.line

    @property
    def _present(self) -> _Talk:
        if self._talk is None:
            raise UnknownName("the connection was hung up, and no other one was turned to")
        return self._talk

    async def _turn_to(self, name: str) -> None:
        if name not in self._talks:
            self._talks[name] = _Talk(await self._way.open(self._style))
        self._talk = self._talks[name]

    async def _hang_up(self) -> None:
        name = next(name for name, talk in self._talks.items() if talk is self._present)
        talk, self._talk = self._talks.pop(name), None
        await talk.line.close()

    async def _send(self, what: Any) -> None:
        message = {"jsonrpc": "2.0", **fill(what, self._names)}
        if "id" in message and "method" in message:
            self._present.asked[message["id"]] = message["method"]
        await self._line.say(orjson.dumps(message))

    async def _hear(self) -> dict[str, Any]:
        """The next message, which is right as far as can be said of any."""
        try:
            message = await self._line.hear()
        except NoMessage as error:
            raise Failed(f"what came is no message: {error}") from None
        if message is None:
            raise Failed("the server ended the connection")
        method = None if "method" in message else self._present.asked.pop(message.get("id"), None)
        if fault := fault_of_message(message, method):
            raise Failed(f"{fault}: {orjson.dumps(message)[:500].decode()}")
        return message

    def _check(self, pattern: Any, message: Any) -> None:
        if fault := mismatch(pattern, message, self._names):
            raise Failed(f"{fault}, in {orjson.dumps(message)[:500].decode()}")

    async def _await(self, pattern: Any) -> None:
        """Read on over what is told until a message fits; an answer is told by nobody else, so it has to fit."""
        while True:
            message = await self._hear()
            if "method" not in message or ("id" in message and "method" in pattern):
                return self._check(pattern, message)
            if "method" in pattern and mismatch(pattern, message, self._names) is None:
                return None

    async def _follow(self, what: Mapping[str, Any]) -> None:
        """Read a run's events to its end, with all that holds for every reader."""
        events = RunEvents(fill(what["run"], self._names), fill(what.get("after", 0), self._names))
        while not events.is_over:
            message = await self._hear()
            if message.get("method") == "run/event" and (fault := events.take(message["params"])):
                raise Failed(f"{fault}, in {orjson.dumps(message)[:500].decode()}")
        if fault := events.lacks(what.get("events", ())):
            raise Failed(fault)

    async def _end(self) -> None:
        """Read what is still told, to the end of the connection."""
        try:
            while await self._line.hear() is not None:
                pass
        except NoMessage as error:
            raise Failed(f"what came is no message: {error}") from None
