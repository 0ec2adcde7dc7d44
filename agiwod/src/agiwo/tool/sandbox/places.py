"""Places that commands and file tools do not get at: where secrets are, and what is run later. Reads none."""

import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from agiwo.child_environment import plain_environment

_SECRETS: Final = (
    *(".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".password-store", ".vault-token", ".terraform.d"),
    *(".netrc", ".pgpass", ".my.cnf", ".pypirc", ".npmrc", ".yarnrc.yml", ".git-credentials", ".gem/credentials"),
    *(".cargo/credentials", ".cargo/credentials.toml", ".m2/settings.xml", ".gradle/gradle.properties"),
    *(".config/gcloud", ".config/gh", ".config/hub", ".config/git/credentials", ".config/op", ".config/sops"),
    *(".config/google-chrome", ".config/chromium", ".mozilla", ".thunderbird", ".local/share/keyrings"),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history", ".node_repl_history"),
    *(".config/agiwod", ".local/share/agiwod", ".local/state/agiwod", "Library/Keychains"),
    *("Library/Application Support/agiwod", "Library/Application Support/Google/Chrome"),
)
"""What a home has that is nobody else's business."""

_SHOWN: Final = (".config/agiwod/skills", "Library/Application Support/agiwod/skills")
"""What is shown all the same: skills have scripts, which commands run."""

_OF_SYSTEM: Final = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh")

_OWN: Final = (".agiwod.toml", ".agiwo", ".agents", ".mcp.json")
"""Files of ours in a project, which say what is started and what agents are told."""

_OF_GIT: Final = ("hooks", "config", "config.worktree", "commondir")
"""What tells git to run programs."""

_GIT: Final = ".git"

_NOT_SEARCHED: Final = frozenset({"node_modules", ".venv", "__pycache__", ".tox"})
_DEPTH, _LOOKED_AT = 3, 2000
"""How far repositories are looked for below a root: directories down, and entries in all."""


def hidden_places() -> tuple[str, ...]:
    """Where secrets are on this machine, whether or not there are any."""
    own = [os.path.join(home, name) for home in _homes() for name in _SECRETS]
    return (*own, *_OF_SYSTEM, f"/tmp/agiwod-{_user()}", *_runtime())


def shown_places() -> tuple[str, ...]:
    """What can be seen although it is in a hidden place."""
    return tuple(os.path.join(home, name) for home in _homes() for name in _SHOWN)


def listening_sockets() -> list[str]:
    """The unix sockets that somebody listens at: behind each is a program that might do what a command may not."""
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return []
    paths = (line.split(maxsplit=7)[7] for line in lines if line.count(" /"))
    return sorted({path for path in paths if path.startswith("/") and os.path.exists(path)})


def kept_places(roots: Sequence[str]) -> list[str]:
    """What stays as it is below places that can be written. What is not there is not kept."""
    own = [os.path.join(root, name) for root in roots for name in _OWN]
    git = [os.path.join(place, name) for place in repositories(roots) for name in _OF_GIT]
    return [os.path.realpath(place) for place in (*own, *git) if os.path.exists(place)]


def absent_places(roots: Sequence[str]) -> list[str]:
    """What is not there in repositories, and would tell git to run programs if a command put it there."""
    found = (os.path.join(place, name) for place in repositories(roots) for name in _OF_GIT)
    return [place for place in found if not os.path.lexists(place)]


def repositories(roots: Sequence[str]) -> list[str]:
    """The directories of git below the roots, as far as one looks."""
    left = [_LOOKED_AT]
    return [found for root in roots for found in _repositories(root, _DEPTH, left)]


def is_kept(parts: Sequence[str]) -> bool:
    """Whether a place stays as it is, told by its path below the root; also where a system sees two names as one."""
    names = list(map(folded, parts))
    if names and names[0] in _OWN:
        return True
    for at, name in enumerate(names):
        if name == _GIT and (at + 1 == len(names) or any(each in _OF_GIT for each in names[at + 1 :])):
            return True
    return False


def folded(name: str) -> str:
    """What a name may be to a system that tells neither case nor look-alikes apart."""
    text = unicodedata.normalize("NFKC", name)
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", visible.casefold())


def _repositories(directory: str, depth: int, left: list[int]) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            below = [entry for entry in islice(entries, left[0]) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in below:
        left[0] = max(0, left[0] - 1)
        if entry.name == _GIT:
            yield entry.path
            yield from _modules(entry.path)
        elif depth and left[0] > 0 and entry.name not in _NOT_SEARCHED:
            yield from _repositories(entry.path, depth - 1, left)


def _modules(git: str) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(git, "modules")) as entries:
            yield from (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return


def _homes() -> list[str]:
    """The home as the environment has it, and as the system does."""
    found = [os.path.expanduser("~")]
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):
            found.append(pwd.getpwuid(os.getuid()).pw_dir)
    return list(dict.fromkeys(home for home in found if os.path.isabs(home) and home != "/"))


def _runtime() -> tuple[str, ...]:
    runtime = plain_environment().get("XDG_RUNTIME_DIR", "")
    return (os.path.join(runtime, "agiwod"),) if os.path.isabs(runtime) else ()


def _user() -> int:
    return os.getuid() if sys.platform != "win32" else 0
