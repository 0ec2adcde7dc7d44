"""A daemon with a TCP port, from the terminal: told where, guarded by its token, and used from another home."""

import socket
import stat
from pathlib import Path
from typing import Any

import httpx2
import pytest
from terminal_lab import CONFIG, home_at

pytestmark = pytest.mark.soak  # each test starts daemons and commands as processes of their own


def of(findings: list[dict[str, Any]], area: str, words: str) -> list[str]:
    return [each["state"] for each in findings if each["area"] == area and words in each["message"]]


def test_a_port_is_told_by_status_and_used_with_the_token_alone(tmp_path: Path) -> None:
    tcp = '\n[serve]\ntcp = "127.0.0.1:0"\nhttp = "127.0.0.1:0"\n'
    with home_at(tmp_path / "near", CONFIG + tcp) as near, home_at(tmp_path / "far") as far:
        near.run("start")
        status = near.json("status")
        file = Path(status["tokenFile"])
        assert file == near.paths.token_file
        assert httpx2.get(f"http://{status['http']}/healthz").json() == {"status": "ready"}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        token, elsewhere = file.read_text().strip(), {"AGIWOD_ADDRESS": status["tcp"]}
        asked = far.run("ask", "Where?", AGIWOD_TOKEN=token, **elsewhere)
        assert (asked.code, asked.out) == (0, "Paris is the capital.\n")
        assert len(near.json("runs", "list")["runs"]) == 1

        refused = far.run("ask", "Where?", **elsewhere)
        assert (refused.code, "set AGIWOD_TOKEN" in refused.err) == (2, True)
        assert far.run("stop", **elsewhere).code == 3  # which is its own daemon, and there is none
        assert far.pid() is None

        findings = near.json("doctor")["findings"]
        assert of(findings, "token", str(file)) == ["ok"]
        assert token not in near.paths.log_file.read_text()


def test_a_port_that_is_taken_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, home_at(tmp_path / "home") as home:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        home.paths.config_file.write_text(f'{CONFIG}\n[serve]\ntcp = "{address}"\n')
        refused = home.run("start")
        assert refused.code == 2
        assert f"nobody can listen at {address}" in refused.err
        assert f"config.toml:{CONFIG.count(chr(10)) + 3}: " in refused.err
        assert home.run("ask", "Where?", AGIWOD_ADDRESS="nowhere").code == 2
