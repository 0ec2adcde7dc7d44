"""Where a daemon keeps its runs unless it is told otherwise: in a file that each commit is synced to."""

from pathlib import Path

import pytest
from agiwo.journal.sqlite import SqliteJournal
from agiwo_protocol.paths import locate
from agiwod.settings import load_settings
from agiwod.stores import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.security]


async def test_a_daemon_syncs_each_commit_unless_it_is_told_otherwise(tmp_path: Path):
    store = await open_store(load_settings(tmp_path, {}, {}), locate(tmp_path))
    try:
        assert isinstance(store, SqliteJournal)
        assert store.durability == "full"
    finally:
        await store.close()
