"""A home whose daemon is killed: what its agents do, a client that never forgets, and what must be true in the end."""

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import crash_agents
import orjson
from figures import Figures
from forked_daemons import PATIENCE
from wire_stream import WireStream


class Gone(Exception):
    """The daemon is not there any more."""


class Refused(Exception):
    """The daemon answered with this error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error


def make_home(home: Path) -> None:
    """A home with those agents."""
    home.mkdir(exist_ok=True)
    shutil.copy(crash_agents.__file__, home)
    (home / "config.toml").write_text('[python]\npath = ["."]\nagents = ["crash_agents:agents"]\n')


class Memory:
    """What a client was told, over all lives of a daemon: what it was promised, and every event of every run."""

    def __init__(self) -> None:
        self.promised: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, WireStream] = {}

    @property
    def runs(self) -> list[str]:
        """Those that were promised."""
        return [promise["runId"] for promise in self.promised.values()]

    def stream(self, run: str) -> WireStream:
        return self.streams.setdefault(run, WireStream(run))

    def frames(self) -> Iterable[Any]:
        return [frame for stream in self.streams.values() for frame in stream.frames]


class Teller:
    """A client's connection to one life of a daemon. What is answered is remembered, and so is what it hears.

    `told` are the types of the daemon's own events.
    """

    def __init__(self, memory: Memory, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.memory = memory
        self._reader, self._writer = reader, writer
        self._last_id = 0
        self._attached: set[str] = set()
        self.told: list[str] = []

    async def ask(self, method: str, **params: Any) -> Any:
        """The result of a request; what else comes meanwhile is heard.

        Raises:
            Gone: the daemon died first.
            Refused: it answered with an error.
        """
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._writer.write(orjson.dumps(message) + b"\n")
        while "id" not in (frame := await self._frame()):
            self._hear(frame)
        if "error" in frame:
            raise Refused(frame["error"])
        return frame["result"]

    async def promise(self, name: str, method: str, **params: Any) -> str:
        """The id of the run that a request makes; the same one, however often it is asked for under this name."""
        answer = await self.ask(method, **params, idempotencyKey=name)
        known = self.memory.promised.setdefault(name, answer)
        assert answer["runId"] == known["runId"], "what was promised once has become another run"
        assert answer.get("deduplicated", False) or known is answer, "what was promised was forgotten"
        return answer["runId"]

    async def follow(self, *runs: str) -> None:
        """Read on, each run from where its reading broke off, until all of them are over."""
        for run in runs:
            if run not in self._attached and not self.memory.stream(run).is_over:
                await self.attach(run)
        while not all(self.memory.stream(run).is_over for run in runs):
            self._hear(await self._frame())

    async def attach(self, run: str) -> None:
        """Read on from what was heard last."""
        before = self.memory.stream(run)
        stream = self.memory.streams[run] = WireStream(run, before.seq)
        stream.frames = [frame for frame in before.frames if "seq" in frame]
        self._attached.add(run)
        await self.ask("run/attach", runId=run, after=before.seq)

    async def hear(self, run: str, *types: str) -> None:
        """Read on until the run's latest frame is of one of these types."""
        while not (frames := self.memory.stream(run).frames) or frames[-1]["type"] not in types:
            self._hear(await self._frame())

    async def listen(self) -> None:
        """Hear one thing more."""
        self._hear(await self._frame())

    async def close(self) -> None:
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _frame(self) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._reader.readline()
        except ConnectionError as error:
            raise Gone from error
        if not line.endswith(b"\n"):
            raise Gone
        return orjson.loads(line)

    def _hear(self, frame: Any) -> None:
        if frame["method"] == "run/event":
            self.memory.stream(frame["params"]["runId"]).take(frame["params"])
        elif frame["method"] == "daemon/event":
            self.told.append(frame["params"]["type"])


@asynccontextmanager
async def telling(home: Path, memory: Memory) -> AsyncGenerator[Teller]:
    """A connection that has shaken hands.

    Raises:
        Gone: nobody is there.
    """
    try:
        ends = await asyncio.open_unix_connection(str(home / "run" / "agiwod.sock"), limit=2**26)
    except OSError as error:
        raise Gone from error
    teller = Teller(memory, *ends)
    try:
        await teller.ask("initialize", protocolVersion=1, clientInfo={"name": "teller"})
        yield teller
    finally:
        await teller.close()


class Rest:
    """What is there of a home's runs when its daemon is gone."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with closing(sqlite3.connect(home / "data" / "agiwod.db")) as database:
            self.runs = dict(database.execute("SELECT id, status FROM run").fetchall())
            self.records = database.execute(
                "SELECT run, position, seq, key, body FROM record ORDER BY run, position"
            ).fetchall()
            self.health = [text for (text,) in database.execute("PRAGMA integrity_check")]

    @property
    def effects(self) -> Counter[str]:
        """How often each call of a tool was made."""
        path = self.home / "effects.txt"
        return Counter(path.read_text().splitlines() if path.exists() else ())

    def hold_against(self, memory: Memory, figures: Figures) -> None:
        """Fail unless nothing that a client was told is lost, and nothing is doubled or has a hole."""
        assert self.health == ["ok"]
        for run in self.runs:
            mine = [record for record in self.records if record[0] == run]
            assert [position for _, position, *_ in mine] == list(range(1, len(mine) + 1)), run
            seqs = [seq for _, _, seq, *_ in mine if seq is not None]
            assert seqs == list(range(1, len(seqs) + 1)), run
        lost = [frame for frame in memory.frames() if not self._has(frame)]
        forgotten = [promise for promise in memory.promised.values() if promise["runId"] not in self.runs]
        figures("acknowledged events and runs that are lost", len(lost) + len(forgotten), at_most=0)
        figures("calls that were made again and may be made once", len(self._again), at_most=0)
        figures("calls that have a result and were never made", len(self._invented), at_most=0)

    def _has(self, frame: Any) -> bool:
        return "seq" not in frame or self._types.get((frame["runId"], frame["seq"])) == frame["type"]

    @cached_property
    def _types(self) -> Mapping[tuple[str, int], str]:
        return {(run, seq): json.loads(body)["type"] for run, _, seq, _, body in self.records if seq is not None}

    @property
    def _again(self) -> list[str]:
        return [line for line, times in self.effects.items() if line.startswith("once") and times > 1]

    @property
    def _invented(self) -> list[str]:
        done = {line.partition(" ")[2] for line in self.effects}
        calls = [f"{run}/{key}" for run, _, _, key, body in self.records if key and '"content":"marked' in body]
        return [call for call in calls if call not in done]
