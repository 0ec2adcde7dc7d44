"""A program that tries to get out of a sandbox in every way it knows, and tells in JSON where it got through.

`intruder.py PLACES`, which are JSON: a `home`, a place `outside`, a `secret`, a `pid` with its `comm`, ports and
sockets of others; `apart` says that it has a network of its own, `only` names the ways that are tried.
"""

import ctypes
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable

LIBC = ctypes.CDLL(None, use_errno=True)
WAYS: dict[str, Callable[[dict[str, str]], object]] = {}


def way(try_it: Callable[[dict[str, str]], object]) -> Callable[[dict[str, str]], object]:
    WAYS[try_it.__name__] = try_it
    return try_it


def must(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("gone")


def read(path: str) -> None:
    with open(path) as file:
        if "SECRET" not in file.read():
            raise FileNotFoundError(path)


@way
def writes_outside(at: dict[str, str]) -> None:
    write(f"{at['outside']}/new")


@way
def writes_over_what_is_outside(at: dict[str, str]) -> None:
    write(f"{at['outside']}/kept")


@way
def truncates_what_is_outside(at: dict[str, str]) -> None:
    os.truncate(f"{at['outside']}/kept", 0)


@way
def removes_what_is_outside(at: dict[str, str]) -> None:
    os.unlink(f"{at['outside']}/kept")


@way
def makes_a_directory_outside(at: dict[str, str]) -> None:
    os.mkdir(f"{at['outside']}/made")


@way
def writes_through_a_symlink(at: dict[str, str]) -> None:
    os.symlink(at["outside"], "way-out")
    write("way-out/through")


@way
def writes_through_a_hardlink(at: dict[str, str]) -> None:
    os.link(f"{at['outside']}/kept", "twin")
    write("twin")


@way
def moves_something_in(at: dict[str, str]) -> None:
    os.rename(f"{at['outside']}/kept", "taken")


@way
def writes_into_the_home(at: dict[str, str]) -> None:
    with open(f"{at['home']}/.bashrc", "a") as file:
        file.write("gone")


@way
def reads_a_key(at: dict[str, str]) -> None:
    read(at["secret"])


@way
def reads_a_key_by_a_symlink(at: dict[str, str]) -> None:
    os.symlink(at["secret"], "key")
    read("key")


@way
def reads_a_key_by_a_hardlink(at: dict[str, str]) -> None:
    os.link(at["secret"], "twin-of-key")
    read("twin-of-key")


@way
def reads_a_key_by_its_own_root(at: dict[str, str]) -> None:
    read(f"/proc/self/root{at['secret']}")


@way
def reads_a_key_by_the_root_of_another(at: dict[str, str]) -> None:
    read(f"/proc/{at['pid']}/root{at['secret']}")


@way
def reads_a_key_by_the_directory_of_another(at: dict[str, str]) -> None:
    read(f"/proc/{at['pid']}/cwd/{os.path.relpath(at['secret'], at['outside'])}")


@way
def reads_what_is_said_in_a_new_view(at: dict[str, str]) -> None:
    must(LIBC.unshare(0x10000000 | 0x20000))
    must(LIBC.umount2(os.path.dirname(at["secret"]).encode(), 2))
    read(at["secret"])


@way
def reads_the_environment_of_another(at: dict[str, str]) -> None:
    with open(f"/proc/{at['pid']}/environ", "rb") as file:
        if b"SECRET" not in file.read():
            raise FileNotFoundError


@way
def reads_the_memory_of_another(at: dict[str, str]) -> None:
    with open(f"/proc/{at['pid']}/mem", "rb"):
        pass


@way
def reads_what_another_has_open(at: dict[str, str]) -> None:
    if int(at["pid"]) != os.getpid() and "sandbox_test" in os.readlink(f"/proc/{at['pid']}/exe"):
        raise FileNotFoundError


@way
def goes_into_the_namespace_of_another(at: dict[str, str]) -> None:
    must(LIBC.setns(os.open(f"/proc/{at['pid']}/ns/mnt", os.O_RDONLY), 0))


@way
def signals_another(at: dict[str, str]) -> None:
    os.kill(int(at["pid"]), 0)
    with open(f"/proc/{at['pid']}/comm") as file:  # a number may be somebody else's in here
        if file.read() != at["comm"]:
            raise ProcessLookupError


@way
def traces_another(at: dict[str, str]) -> None:
    if LIBC.ptrace(0x4206, int(at["pid"]), 0, 0) < 0:
        raise PermissionError
    LIBC.ptrace(17, int(at["pid"]), 0, 0)


@way
def connects_by_tcp(at: dict[str, str]) -> None:
    socket.create_connection(("127.0.0.1", int(at["tcp"])), 2).close()


@way
def listens_for_others(at: dict[str, str]) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", int(at["free"])))
        listening.listen()
        if at["apart"]:
            raise PermissionError  # of a network of its own nobody hears


@way
def connects_to_a_unix_socket(at: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(at["unix"])


@way
def connects_to_an_abstract_socket(at: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("\0" + at["abstract"])


@way
def plants_a_hook(at: dict[str, str]) -> None:
    write(".git/hooks/pre-commit")


@way
def writes_the_settings_of_git(at: dict[str, str]) -> None:
    with open(".git/config", "a") as file:
        file.write("[core]\nfsmonitor = gone\n")


@way
def replaces_the_settings_of_git(at: dict[str, str]) -> None:
    write("config.new")
    os.replace("config.new", ".git/config")


@way
def leads_git_elsewhere(at: dict[str, str]) -> None:
    write(".git/commondir")


@way
def moves_the_repository_away(at: dict[str, str]) -> None:
    os.rename(".git", "elsewhere")


@way
def writes_the_settings_of_the_project(at: dict[str, str]) -> None:
    write(".agiwod.toml")


@way
def makes_a_device(at: dict[str, str]) -> None:
    os.mknod("device", 0o600 | 0o060000, os.makedev(253, 0))


@way
def mounts_something(at: dict[str, str]) -> None:
    must(LIBC.mount(b"none", os.getcwd().encode(), b"tmpfs", ctypes.c_ulong(0), None))
    must(LIBC.umount2(os.getcwd().encode(), 2))


@way
def tells_the_kernel_what_to_run(at: dict[str, str]) -> None:
    os.close(os.open("/proc/sys/kernel/modprobe", os.O_WRONLY))


@way
def changes_modes_outside(at: dict[str, str]) -> None:
    os.chmod(f"{at['outside']}/kept", 0o777)


def main() -> None:
    at = json.loads(sys.argv[1])
    got: list[str] = []
    ways = {name: try_it for name, try_it in WAYS.items() if not at["only"] or name in at["only"]}
    for name, try_it in ways.items():
        pid = os.fork()
        if not pid:
            try:
                try_it(at)
            except BaseException:
                os._exit(1)
            os._exit(0)
        if os.waitpid(pid, 0)[1] == 0:
            got.append(name)
    for name in ("way-out", "key", "twin", "twin-of-key", "config.new"):
        if os.path.lexists(name):
            os.unlink(name)
    print(json.dumps({"tried": len(ways), "got": got, "bash": shutil.which("bash") is not None}))


if __name__ == "__main__":
    main()
