"""What must be there after a power cut is synced to the disk when it is whole, and only then gets its name."""

import os
from pathlib import Path

import pytest
from agiwo.tool.workspace import Workspace
from agiwod.definer import DefinitionFile

pytestmark = [pytest.mark.anyio, pytest.mark.security]

Synced = dict[int, int]
"""By inode, how large a file was when it was synced."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """What is synced from now on; it is synced as always."""
    seen, sync = Synced(), os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        found = os.fstat(descriptor)
        seen[found.st_ino] = found.st_size

    monkeypatch.setattr(os, "fsync", noted)
    return seen


async def test_an_agent_that_a_client_defines_is_synced_before_it_holds(tmp_path: Path, synced: Synced):
    file = tmp_path / "agents.json"
    await DefinitionFile(file).write("keeper", {"model": "scripted:keeper.json"})
    found = file.stat()
    assert (synced.get(found.st_ino), found.st_size > 0) == (found.st_size, True)
    assert file.parent.stat().st_ino in synced, "after a power cut the directory may have the old file"


def test_a_file_that_a_tool_writes_is_synced_before_it_has_its_name(tmp_path: Path, synced: Synced):
    Workspace(tmp_path).replace("notes.txt", b"what was said")
    found = (tmp_path / "notes.txt").stat()
    assert synced.get(found.st_ino) == len(b"what was said")
