"""A real daemon whose model runs hostile commands: they get at nothing of the daemon, and it goes on."""

import json
import sys
from pathlib import Path

import pytest
from agiwo.tool.sandbox import walls
from figures import Figures
from terminal_lab import home_at

pytestmark = [pytest.mark.anyio, pytest.mark.security]

CONFIG = """
default_agent = "intruder"

[sandbox]
hidden = ["letters"]

[agents.intruder]
description = "Wants out"
model = "scripted:intruder.json"
tools = ["bash", "read_file", "search_files"]
workspace = "."
approvals = [{tool = "bash", action = "allow"}]
"""

ATTEMPTS = {
    "token": "cat state/token",
    "settings": "grep default_agent config.toml",
    "journal": "cat data/agiwod.db",
    "log": "cat state/agiwod.log",
    "letters": "cat letters/one",
    "socket": f"{sys.executable} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"run/agiwod.sock\")'",
    "client": f"{sys.executable} -m agiwod stop",
    "lock": "rm data/daemon.lock",
    "kill": "kill -9 PID",
    "environment": "grep -z . /proc/PID/environ",
    "root": "cat /proc/PID/root/etc/hostname",
    "memory": "head -c 1 /proc/PID/mem",
}


@pytest.mark.skipif(not walls().has_namespaces, reason="this system cannot hide a daemon from its commands")
async def test_a_command_gets_at_nothing_of_its_daemon(tmp_path: Path, figures: Figures) -> None:
    with home_at(tmp_path / "home", CONFIG) as home:
        (home.path / "letters").mkdir()
        (home.path / "letters" / "one").write_text("Dear you")
        tries = "; ".join(
            f"({command.replace('PID', '$(cat pid)')}) && echo 'GOT {name}'" for name, command in ATTEMPTS.items()
        )
        calls = [
            {"name": "bash", "arguments": {"command": f"{tries}; echo tried > report; echo done"}},
            {"name": "read_file", "arguments": {"path": "config.toml"}},
            {"name": "search_files", "arguments": {"pattern": "Dear|default_agent"}},
        ]
        (home.path / "intruder.json").write_text(json.dumps({"turns": [{"toolCalls": calls}, {"text": "Done."}]}))
        assert home.run("start").code == 0
        pid = str(json.loads(home.run("status", "--json").out)["pid"])
        (home.path / "pid").write_text(pid)
        events = [json.loads(line) for line in home.run("ask", "--json", "Get out.").out.splitlines()]
        items = [event["data"] for event in events if event["type"] == "item/completed"]
        said = [str(item["output"]["content"]) for item in items if item["kind"] == "toolCall"]

        assert len(said) == 3
        assert said[0].endswith("done\n")
        figures("ways into the daemon", said[0].count("GOT "), at_most=0)
        assert not [each for each in said if "Dear you" in each or "default_agent =" in each]
        assert (home.path / "report").read_text() == "tried\n"
        assert str(json.loads(home.run("status", "--json").out)["pid"]) == pid
        assert "commands are confined by" in home.run("doctor").out
