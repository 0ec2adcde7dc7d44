"""Secrets are put wherever a user may put one, and looked for wherever anything is written, shown, sent or told."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from canary_lab import MARK, SECRETS, betrayed_home, holding
from terminal_lab import Ran

pytestmark = pytest.mark.anyio


@pytest.mark.soak  # forty commands
async def test_no_secret_is_in_a_log_a_database_a_trace_an_error_or_what_any_command_says(tmp_path: Path):
    said: dict[str, Ran] = {}
    async with betrayed_home(tmp_path / "home") as home:

        async def run(*argv: str) -> Ran:
            said[" ".join(argv)] = ran = await asyncio.to_thread(home.run, *argv)
            return ran

        everything = " ".join(SECRETS)
        assert (await run("ask", "--session", "one", f"Tell me of {everything}")).code == 0
        assert (await run("ask", "--json", "Tell me more")).code == 0
        assert (await run("ask", "--agent", "pure", f"Refuse {everything}")).code == 1
        runs = json.loads((await run("runs", "list", "--json")).out)["runs"]
        for each in runs:
            await run("runs", "show", "--json", each["runId"])
            await run("traces", "show", "--json", each["runId"])
        for command in ("doctor", "status", "config show --origin", "sessions show one", "agents list", "models list"):
            await run(*command.split())
        for command in ("logs", "tools list --json", "mcp list --json", "storage stats", "storage export"):
            await run(*command.split())
        await run("stop")

    told = "".join(f"{ran.out}{ran.err}" for ran in said.values())
    named = set(re.findall(r"\[redacted:([^]]+)\]", told))
    assert named >= {"OPENAI_API_KEY", "LAB_KEY", "STORAGE_PASSWORD", "leaky.LEAKY_TOKEN", "leaky.OTHER_TOKEN"}
    assert told.count("[redacted:leaky.LEAKY_TOKEN]") > 20
    assert [command for command, ran in said.items() if MARK in ran.out + ran.err] == []
    assert home.paths.log_file.exists()
    assert (home.paths.data_dir / "agiwod.db").exists()
    assert holding(home.path, home.paths.config_file) == []
