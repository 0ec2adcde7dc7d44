"""A Neovim that needs no root: the one on the machine, else Debian's, unpacked into this user's cache."""

import shutil
from dataclasses import dataclass, field

from debian import libraries, unpacked


@dataclass(frozen=True)
class Neovim:
    """The program, and the variables with which it finds what it came with."""

    program: str
    env: dict[str, str] = field(default_factory=dict[str, str])


def neovim() -> Neovim:
    """A Neovim. Where none can be had, the test is skipped."""
    found = shutil.which("nvim")
    if found:
        return Neovim(found)
    home = unpacked("neovim")
    runtime = home / "usr" / "share" / "nvim" / "runtime"
    return Neovim(str(home / "usr" / "bin" / "nvim"), {"LD_LIBRARY_PATH": libraries(home), "VIMRUNTIME": str(runtime)})
