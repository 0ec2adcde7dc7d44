"""`agiwod stdio --standalone`: a daemon for one host, whose handshake is answered before the daemon is there."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_lab import AGIWOD, PATIENCE, Home, home_at

pytestmark = pytest.mark.soak  # many processes, or many lives

HELLO = {"protocolVersion": 1, "clientInfo": {"name": "t", "version": "0"}, "capabilities": {}}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_at(tmp_path / "home") as home:
        yield home


def request(id: int, method: str, params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def lines(*messages: str) -> str:
    return "".join(f"{message}\n" for message in messages)


def answers(out: str) -> dict[int, Any]:
    return {answer["id"]: answer for answer in map(json.loads, out.splitlines())}


def codes(out: str) -> dict[int, int | None]:
    return {id: answer.get("error", {}).get("code") for id, answer in answers(out).items()}


@pytest.mark.parametrize("framing", ["newline", "content-length"])
def test_a_handshake_is_answered_in_either_framing_and_the_end_of_the_words_is_the_end(home: Home, framing: str):
    hello = request(1, "initialize", HELLO)
    if framing == "newline":
        ran = home.run("stdio", "--standalone", stdin=f"{hello}\n")
        answer = json.loads(ran.out)
    else:
        ran = home.run("stdio", "--standalone", stdin=f"Content-Length: {len(hello)}\r\n\r\n{hello}")
        head, _, body = ran.out.partition("\n\n")
        assert head == f"Content-Length: {len(body)}"
        answer = json.loads(body)
    assert (ran.code, ran.err) == (0, "")
    assert answer["id"] == 1
    assert answer["result"]["protocolVersion"] == 1
    assert home.pid() is None


def test_a_last_line_without_its_end_is_answered_too(home: Home):
    ran = home.run("stdio", "--standalone", stdin=request(1, "initialize", HELLO))
    assert (ran.code, codes(ran.out)) == (0, {1: None})


def test_what_comes_behind_the_handshake_is_served_on_the_same_connection_by_the_same_daemon(home: Home):
    hello, status, clients = (
        request(1, "initialize", HELLO),
        request(2, "daemon/status", {}),
        request(3, "client/list", {}),
    )
    ran = home.run("stdio", "--standalone", stdin=lines(hello, status, clients))
    told = {id: answer["result"] for id, answer in answers(ran.out).items()}
    assert [told[1]["daemon"][name] for name in ("id", "pid", "startedAt")] == [
        told[2][name] for name in ("id", "pid", "startedAt")
    ]
    assert [client["connectionId"] for client in told[3]["clients"]] == [told[1]["connectionId"]]


def test_a_handshake_that_came_twice_is_refused_and_one_that_is_wrong_may_be_tried_again(home: Home):
    wrong, hello = request(1, "initialize", {**HELLO, "protocolVersion": 2}), request(2, "initialize", HELLO)
    ran = home.run("stdio", "--standalone", stdin=lines(wrong, hello, request(3, "initialize", HELLO)))
    assert (ran.code, codes(ran.out)) == (0, {1: -32009, 2: None, 3: -32600})


def test_a_handshake_that_attaches_waits_for_the_engine(home: Home):
    hello = request(1, "initialize", {**HELLO, "attach": [{"runId": "run_nobody"}]})
    ran = home.run("stdio", "--standalone", stdin=lines(hello))
    assert answers(ran.out)[1]["result"]["attached"][0]["error"]["code"] == -32004


def test_beside_a_daemon_the_pid_of_who_has_the_data_is_told_and_so_is_whoever_waits(home: Home):
    home.run("start")
    ran = home.run("stdio", "--standalone", stdin=lines(request(1, "initialize", HELLO), request(2, "run/list", {})))
    reason = f"another daemon (pid {home.pid()}) uses {home.paths.data_dir}"
    assert ran.code == 1
    assert ran.err.startswith(f"agiwod: {reason}\n")
    assert codes(ran.out) == {1: None, 2: -32005}
    assert answers(ran.out)[2]["error"]["message"] == reason


def test_settings_that_cannot_work_end_it_with_code_2(home: Home):
    (home.path / "config.toml").write_text("nonsense = 1\n")
    ran = home.run("stdio", "--standalone", stdin=lines(request(1, "initialize", HELLO), request(2, "run/list", {})))
    assert ran.code == 2
    assert "nonsense" in ran.err
    assert codes(ran.out) == {1: None, 2: -32005}


def test_a_host_that_says_nothing_hears_all_the_same_that_there_will_be_no_daemon(home: Home):
    home.run("start")
    with subprocess.Popen(
        [AGIWOD, "stdio", "--standalone"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.env,
    ) as host:
        assert host.wait(PATIENCE) == 1
        assert host.stderr is not None
        assert f"pid {home.pid()}" in host.stderr.read()
