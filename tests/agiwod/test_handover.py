"""Sockets that systemd hands over: which are taken, and which are not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from agiwod.handover import take_listener

_HAND_OVER = """
import os, sys
ours, count, names = sys.argv[1:]
os.dup2(int(ours), 3)
os.dup2(int(ours), 4)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}
if names != "-":
    os.environ["LISTEN_FDNAMES"] = names
from agiwo.errors import ConfigError
from agiwod.handover import take_listener
try:
    taken = take_listener(os.environ)
    print(taken.getsockname(), os.get_inheritable(3), [name for name in os.environ if name.startswith("LISTEN")])
except ConfigError as error:
    print(error)
"""


def handed_over(listener: socket.socket, names: str, count: int = 1) -> str:
    """What a process makes of it that gets the socket as systemd gives it."""
    command = [sys.executable, "-c", _HAND_OVER, str(listener.fileno()), str(count), names]
    done = subprocess.run(command, pass_fds=[listener.fileno()], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def listener(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        yield listener


@pytest.mark.parametrize("names", ["agiwod", "agiwod.socket", "-"])
def test_our_socket_is_taken_and_handed_on_to_nobody(listener: socket.socket, names: str) -> None:
    assert handed_over(listener, names) == f"{listener.getsockname()} False []"


def test_sockets_that_are_not_ours_are_refused_by_their_names(listener: socket.socket) -> None:
    takes = "and the daemon takes one socket with FileDescriptorName=agiwod"
    assert handed_over(listener, "web") == f"systemd hands over 'web', {takes}"
    assert handed_over(listener, "agiwod:web", count=2) == f"systemd hands over 'agiwod', 'web', {takes}"


def test_a_socket_at_which_strangers_could_come_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert handed_over(listener, "agiwod").startswith("systemd hands over a socket that is none of unix streams")


def test_a_socket_that_listens_nowhere_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert handed_over(ours, "agiwod").startswith("systemd hands over a socket that is none of unix streams")


@pytest.mark.parametrize("pid", [str(os.getppid()), "", "me"])
def test_what_was_meant_for_another_process_is_left_alone_and_said_no_more(pid: str) -> None:
    environ = {"LISTEN_PID": pid, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "agiwod"}
    assert take_listener(environ) is None
    assert environ == {}
