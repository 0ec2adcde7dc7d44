"""Becomes a command that can write in a few places only, by Linux's Landlock. Imports nothing of ours.

What it may not write, its children may not either, and no program gets its user more rights. Reading and the network
are as free as before.
"""

import ctypes
import json
import os
import struct
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
"""The system calls, the same on every architecture; libc has no names for them."""

_NO_NEW_PRIVILEGES = 38
_VERSION = 1
_BENEATH = 1

_WRITE_FILE, _TRUNCATE, _REFER = 1 << 1, 1 << 14, 1 << 13
_CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13))
"""Removing and making whatever a directory can hold."""


def main(writable: str, command: list[str]) -> None:
    """Give up all writing but in these places, and become the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        sys.exit("commands cannot be confined on this system: its kernel has no Landlock")
    rights = _WRITE_FILE | _CHANGE_DIRECTORY | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("Q", rights)
    rules = _checked(libc.syscall(CREATE, attributes, ctypes.c_size_t(len(attributes)), 0))
    for place in json.loads(writable):
        _allow(libc, rules, place, rights)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(libc.syscall(RESTRICT, rules, 0))
    os.execv(command[0], command)


def _allow(libc: ctypes.CDLL, rules: int, place: str, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    if not os.path.isdir(place):
        rights &= _WRITE_FILE | _TRUNCATE
    _checked(libc.syscall(ADD, rules, _BENEATH, struct.pack("=Qi", rights, descriptor), 0))
    os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        sys.exit(f"the command cannot be confined: {os.strerror(ctypes.get_errno())}")
    return result


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
