"""A view of the system of a command's own: what is hidden is not there, and nobody else is. Knows no Landlock.

Made by an unprivileged process, in a namespace of users in which it may do so; afterwards that right is given up.
"""

from __future__ import annotations

import fcntl
import os
import struct

import kernel

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_USERS, _MOUNTS, _PROCESSES, _MESSAGES, _NETWORK = 0x10000000, 0x20000, 0x20000000, 0x8000000, 0x40000000

_BIND, _BELOW, _PRIVATE, _READ_ONLY = 4096, 16384, 1 << 18, 1
_NO_PROGRAMS = 8
_PLAIN = 2 | 4 | _NO_PROGRAMS
"""No set-user-id programs, no devices, no programs at all."""

_AT_ONCE = 2

_INTERNET, _DATAGRAMS = 2, 2
_SET_FLAGS, _UP = 0x8914, 1


def enter(*, network: bool) -> None:
    """Move into namespaces of one's own; the next child that is started is the first process of them.

    Raises: kernel.Refused.
    """
    user, group = os.geteuid(), os.getegid()
    flags = _USERS | _MOUNTS | _PROCESSES | _MESSAGES | (0 if network else _NETWORK)
    kernel.checked("namespaces", kernel.LIBC.unshare(flags))
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError as error:
        raise kernel.Refused(f"namespaces: {error}") from error


def furnish(plan: Mapping[str, Any]) -> None:
    """Arrange what can be seen and written, in the first process of the namespaces.

    Raises: kernel.Refused.
    """
    writable: list[str] = plan["writable"]
    kept: list[str] = plan["kept"]
    kernel.mount("none", "/", None, _PRIVATE | _BELOW)
    kernel.mount("proc", "/proc", "proc", _PLAIN | _READ_ONLY)
    held = _held(writable)
    scratch = ["/dev/shm", *(place for place in plan["scratch"] if _has_layer(place, plan))]
    kernel.mount("none", "/dev/shm", "tmpfs", _PLAIN, "mode=1777")
    own = [place for place in writable if place in held]
    for place in sorted(own):  # a mount cannot be moved away, so nothing else can take its place
        _bind(held[place], place)
    pinned: list[str] = plan["pinned"]
    for place in (each for each in pinned if os.path.isdir(each)):
        _bind(place, place)
        own.append(place)
    kernel.set_read_only("/", on=True, below=True)
    for place in ["/"] if "/" in writable else [*own, *scratch]:
        kernel.set_read_only(place, on=False)
    for place in filter(os.path.exists, kept):
        _bind(place, place)
        kernel.set_read_only(place, on=True)
    _hide(plan["hidden"], [*writable, *plan["shown"], plan["cwd"]])
    if not plan["network"]:
        _raise_loopback()


def _held(places: Sequence[str]) -> dict[str, str]:
    """A path to each directory that stays when something is mounted above it."""
    found = sorted({place for place in places if place != "/" and os.path.isdir(place)})
    return {place: f"/proc/self/fd/{os.open(place, os.O_PATH | os.O_CLOEXEC)}" for place in found}


def _has_layer(place: str, plan: Mapping[str, Any]) -> bool:
    """Whether there is a layer over a directory now, which takes what is written, and is gone with the command."""
    below = os.open(place, os.O_PATH | os.O_CLOEXEC)
    size = f"size={plan['limits']['memory'] // 2},mode=1777"
    try:
        kernel.mount("none", place, "tmpfs", _PLAIN & ~_NO_PROGRAMS, size)
        for name in ("upper", "work"):
            os.mkdir(f"{place}/{name}")
        os.chmod(f"{place}/upper", 0o1777)
        layers = f"lowerdir=/proc/self/fd/{below},upperdir={place}/upper,workdir={place}/work"
        kernel.mount("none", place, "overlay", _PLAIN & ~_NO_PROGRAMS, f"{layers},userxattr")
    except kernel.Refused:
        kernel.LIBC.umount2(os.fsencode(place), _AT_ONCE)
        os.putenv("TMPDIR", "/dev/shm")
        return False
    finally:
        os.close(below)
    return True


def _bind(source: str, target: str) -> None:
    kernel.mount(source, target, None, _BIND | _BELOW)


def _hide(hidden: Sequence[str], shown: Sequence[str]) -> None:
    """Put something empty in the place of each; what is to be seen below it is put there again."""
    for place in sorted(hidden, key=len):
        if not os.path.isdir(place):
            if os.path.exists(place):
                _bind("/dev/null", place)
            continue
        # As they are by now: what can be written in them, and what stays as it is.
        inside = _held([each for each in shown if each.startswith(f"{place}/")])
        kernel.mount("none", place, "tmpfs", _PLAIN, "size=64k,mode=0700")
        for inner, held in inside.items():
            os.makedirs(inner, exist_ok=True)
            _bind(held, inner)
        kernel.set_read_only(place, on=True)


def _raise_loopback() -> None:
    """Let the command reach itself, as it would expect to."""
    descriptor = kernel.checked("the network", kernel.LIBC.socket(_INTERNET, _DATAGRAMS, 0))
    fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))
    os.close(descriptor)
