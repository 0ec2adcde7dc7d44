"""Walls of Linux's Landlock: places that can be read or written, TCP, signals. Knows no namespace.

What this process may not do, whatever it becomes and starts may not either.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

import kernel

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _CONTROL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_MAKE_DEVICES = 1 << 6 | 1 << 11
_CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13)) & ~_MAKE_DEVICES
"""Removing and making whatever a directory can hold, but for devices."""

_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _WRITE_FILE | _CHANGE_DIRECTORY | _REFER | _TRUNCATE
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _CONTROL_DEVICE

_TCP = 0b11
"""To listen, and to connect."""

_SCOPES = 0b11
"""Abstract unix sockets of processes outside, and signals to them."""

_TREES = ("/dev/shm", "/dev/pts", "/dev/mqueue")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")


def version() -> int:
    """Which one the kernel has; 0 for none."""
    return max(0, kernel.LIBC.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION))


def restrict(plan: Mapping[str, Any]) -> None:
    """Raise the walls of the plan around this process, as far as this version has them.

    Raises: kernel.Refused.
    """
    known = version()
    handled = _READ | _WRITE | _MAKE_DEVICES | (_CONTROL_DEVICE if known >= 5 else 0)
    handled &= ~((0 if known >= 2 else _REFER) | (0 if known >= 3 else _TRUNCATE))
    fields = [handled]
    if known >= 4:
        # In a network of its own a command may listen and connect: there is nobody else.
        fields.append(0 if plan["network"] or plan["apart"] else _TCP)
    if known >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack("Q" * len(fields), *fields)
    rules = kernel.LIBC.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    kernel.checked("Landlock", rules)
    for place, rights in _rights(plan):
        _allow(rules, place, rights & handled)
    kernel.control(kernel.NO_NEW_PRIVILEGES, 1)
    kernel.checked("Landlock", kernel.LIBC.syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _rights(plan: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    hidden: list[str] = ["/dev", *(() if plan["apart"] else plan["hidden"])]
    for place in plan["readable"]:
        yield place, _READ_DIR
        for opening in _openings(place, hidden):
            yield opening, _READ
    for place in plan["shown"]:
        yield place, _READ
    own: list[str] = [*plan["writable"], *(plan["scratch"] if plan["apart"] else [plan["temporary"]])]
    for place in (*own, *_TREES):
        yield place, _READ | _WRITE
    for name in _DEVICES:
        yield f"/dev/{name}", _READ_FILE | _WRITE_FILE | _CONTROL_DEVICE


def _openings(place: str, hidden: Sequence[str]) -> Iterator[str]:
    """The place without what is hidden below it. There is no rule that takes away, so what is beside it is named."""
    if any(place == each or place.startswith(f"{each}/") for each in hidden):
        return
    below = [each for each in hidden if each.startswith(place.rstrip("/") + "/")]
    if not below:
        yield place
        return
    try:
        names = os.listdir(place)
    except OSError:
        return
    for name in names:
        yield from _openings(os.path.join(place, name), below)


def _allow(rules: int, place: str, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISDIR(mode):
            rights &= _OF_FILES
        if rights and not stat.S_ISLNK(mode):
            rule = struct.pack("=Qi", rights, descriptor)
            # Some files, such as those of a pipe, take no rule; without one they stay closed.
            kernel.LIBC.syscall(_ADD, rules, _BENEATH, rule, 0)
    finally:
        os.close(descriptor)
