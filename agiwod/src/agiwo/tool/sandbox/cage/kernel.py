"""System calls of Linux for which Python has no names. Decides nothing, and imports nothing of ours."""

import ctypes
import os
import struct
import sys

PARENT_DIES, NO_NEW_PRIVILEGES, ADOPTS_ORPHANS = 1, 38, 36
"""What Linux calls PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS and PR_SET_CHILD_SUBREAPER."""

_DROP_CAPABILITY = 24
_CAPABILITY_VERSION = 0x20080522
_KEPT = frozenset({0, 1, 3, 4})
"""Capabilities about owners and modes of files, without which root could not even unpack an archive."""

_MOUNT_SETATTR = 442
_READ_ONLY, _RECURSIVE, _HERE = 1, 0x8000, -100

LIBC = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The system does not do that; the text says what."""


def checked(what: str, result: int) -> int:
    """The result of a system call.

    Raises: Refused when it failed.
    """
    if result < 0:
        raise Refused(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def control(option: int, value: int) -> None:
    """Set something of this process, where there is such a thing."""
    if sys.platform == "linux":
        checked("prctl", LIBC.prctl(option, value, 0, 0, 0))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount something.

    Raises: Refused.
    """
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    checked(f"mount at {target}", LIBC.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]))


def set_read_only(target: str, *, on: bool, below: bool = False) -> None:
    """Let nothing be written through a mount, or let it again; with `below` also through those below.

    Raises: Refused.
    """
    attributes = struct.pack("QQQQ", _READ_ONLY if on else 0, 0 if on else _READ_ONLY, 0, 0)
    flags = _RECURSIVE if below else 0
    result = LIBC.syscall(
        _MOUNT_SETATTR, _HERE, os.fsencode(target), flags, attributes, ctypes.c_size_t(len(attributes))
    )
    checked(f"permissions of the mount at {target}", result)


def drop_capabilities() -> None:
    """Give up what root may do besides changing files of its own, for this process and all that it becomes."""
    control(NO_NEW_PRIVILEGES, 1)
    for number in range(64):
        if number not in _KEPT and LIBC.prctl(_DROP_CAPABILITY, number, 0, 0, 0) < 0:
            break  # there are no more of them, or none that could be dropped
    mask = sum(1 << number for number in _KEPT) if os.geteuid() == 0 else 0
    header, data = struct.pack("Ii", _CAPABILITY_VERSION, 0), struct.pack("IIIIII", mask, mask, 0, 0, 0, 0)
    if LIBC.capset(header, data) < 0:
        LIBC.capset(header, bytes(24))
