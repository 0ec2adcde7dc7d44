"""Takes one check after the other away from a copy of the tree, and sees whether a test notices each time.

    uv run python tests/mutations.py [WORD ...]

prints each mutation with the test that fails, and ends with 1 when one survives, or when its text is not there
any more. With words, only the mutations in whose names one of them stands.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

_PARTS: Final = ("agiwod", "protocol", "client_py", "tests", "skills", "docs", "pyproject.toml", "README.md")
"""What of the tree tests read."""

_PACKAGES: Final = ("agiwod/src", "protocol/src", "client_py/src")

_PATIENCE: Final = 300.0
"""Seconds that the tests of one mutation may take."""

_SOME_FAILED: Final = 1
"""What pytest ends with when tests ran and failed; with anything else it is in trouble itself."""


@dataclass(frozen=True)
class Mutation:
    """A check that is taken away, and the tests of which at least one must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def mutated(self, text: str) -> str:
        """The text without the check.

        Raises:
            ValueError: it does not stand there exactly once.
        """
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


_IN_AGIWO: Final = "agiwod/src/agiwo"
_IN_AGIWOD: Final = "agiwod/src/agiwod"
_JOURNAL: Final = "tests/agiwo/journal/test_journal_contract.py"
_GATE: Final = "tests/security/test_http_gate.py"
_PLACES: Final = "tests/security/test_places.py"
_STRANGERS: Final = "tests/security/test_strangers.py"
_MATRIX: Final = (
    f"{_GATE}::test_only_who_asks_under_a_name_of_ours_from_no_foreign_page_with_the_token_has_anything_done"
)
_IN_CONSTANT_TIME: Final = "tests/security/test_secrets_compared.py"

MUTATIONS: Final = (
    Mutation(
        "fsync: a commit is not synced to the disk",
        f"{_IN_AGIWO}/journal/schema.py",
        'f"PRAGMA synchronous = {durability.upper()}"',
        '"PRAGMA synchronous = NORMAL"',
        ("tests/chaos/test_power_cut.py::test_a_power_cut_loses_nothing_that_was_acknowledged_with_full[40]",),
    ),
    Mutation(
        "fsync: commits are not synced unless the user asks for it",
        f"{_IN_AGIWOD}/settings/tables.py",
        'durability: Literal["full", "normal"] = "full"',
        'durability: Literal["full", "normal"] = "normal"',
        ("tests/security/test_default_store.py",),
    ),
    Mutation(
        "fsync: an agent that a client defines",
        f"{_IN_AGIWOD}/in_place.py",
        "        os.fsync(written.fileno())\n",
        "",
        ("tests/security/test_files_synced.py",),
    ),
    Mutation(
        "fsync: the directory in which a file has got its name",
        f"{_IN_AGIWOD}/in_place.py",
        "os.fsync(directory)",
        "pass",
        ("tests/security/test_files_synced.py",),
    ),
    Mutation(
        "fsync: a file that a tool writes",
        f"{_IN_AGIWO}/tool/workspace.py",
        "        os.fsync(file.fileno())\n",
        "",
        ("tests/security/test_files_synced.py",),
    ),
    Mutation(
        "compare and set: the status that an append expects",
        f"{_IN_AGIWO}/journal/ledger.py",
        "if batch.expect is not None and known.head.status not in batch.expect:",
        "if False:",
        (f"{_JOURNAL}::test_an_append_expects_the_run_in_one_of_the_states_it_names",),
    ),
    Mutation(
        "compare and set: a key that exists already",
        f"{_IN_AGIWO}/journal/ledger.py",
        "if key in self._ledger.keys or key in self.keys:",
        "if False:",
        (f"{_JOURNAL}::test_a_key_can_be_used_once_in_a_run",),
    ),
    Mutation(
        "compare and set: a run that exists already",
        f"{_IN_AGIWO}/journal/ledger.py",
        "            if known is not None:\n                raise Conflict",
        "            if False:\n                raise Conflict",
        (f"{_JOURNAL}::test_creating_a_run_that_exists_is_a_conflict",),
    ),
    Mutation(
        "compare and set: the version of a state",
        f"{_IN_AGIWO}/journal/ledger.py",
        "if version != change.expect:",
        "if False:",
        (f"{_JOURNAL}::test_of_many_who_change_a_state_at_once_one_is_first",),
    ),
    Mutation(
        "lock: two daemons on the same data",
        f"{_IN_AGIWOD}/data_lock.py",
        "        lock.acquire()\n",
        "        pass\n",
        ("tests/agiwod/test_data_lock.py",),
    ),
    Mutation(
        "user: whose process is at the other end of the socket",
        f"{_IN_AGIWOD}/transport/unix.py",
        "peer.uid in (self._owner, 0)",
        "peer.uid >= 0",
        (f"{_PLACES}::test_a_process_of_another_user_hears_nothing[user]",),
    ),
    Mutation(
        "user: whose file the token is in",
        f"{_IN_AGIWOD}/token.py",
        "if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():",
        "if not stat.S_ISREG(found.st_mode):",
        ("tests/agiwod/test_token.py",),
    ),
    Mutation(
        "user: whose file a project's settings are in",
        f"{_IN_AGIWOD}/settings/project.py",
        "if found.st_uid != os.geteuid():",
        "if False:",
        ("tests/agiwod/settings/test_project.py",),
    ),
    Mutation(
        "mode: the socket",
        f"{_IN_AGIWOD}/transport/unix.py",
        "os.umask(0o177)",
        "os.umask(0o000)",
        (f"{_PLACES}::test_the_socket_and_its_directories_are_their_owners_whatever_the_umask",),
    ),
    Mutation(
        "mode: the directory of the socket",
        "protocol/src/agiwo_protocol/paths.py",
        "        directory.chmod(0o700)\n        return self.socket\n",
        "        return self.socket\n",
        ("tests/protocol/test_paths.py",),
    ),
    Mutation(
        "mode: the token's file",
        f"{_IN_AGIWOD}/token.py",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600",
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644",
        ("tests/agiwod/test_token.py",),
    ),
    Mutation(
        "mode: a token that others may read is used",
        f"{_IN_AGIWOD}/token.py",
        "if stat.S_IMODE(found.st_mode) & 0o077:",
        "if False:",
        ("tests/agiwod/test_token.py",),
    ),
    Mutation(
        "place: a directory that is a link or somebody else's",
        "protocol/src/agiwo_protocol/paths.py",
        "if not stat.S_ISDIR(found.st_mode) or found.st_uid != _uid():",
        "if False:",
        ("tests/protocol/test_paths.py",),
    ),
    Mutation(
        "place: a directory in which others may write",
        "protocol/src/agiwo_protocol/paths.py",
        "if stat.S_IMODE(found.st_mode) & 0o022:",
        "if False:",
        ("tests/protocol/test_paths.py",),
    ),
    Mutation(
        "origin: pages of other places",
        f"{_IN_AGIWOD}/face/gate.py",
        'if not self._is_from_here(headers.getlist("origin")):',
        "if False:",
        (_MATRIX,),
    ),
    Mutation(
        "origin: null",
        f"{_IN_AGIWOD}/face/gate.py",
        "for origin in origins]",
        'for origin in origins if origin != "null"]',
        (_MATRIX,),
    ),
    Mutation(
        "host: names that are not ours",
        f"{_IN_AGIWOD}/face/gate.py",
        "return found is not None and found[1].lower() in self._names",
        "return found is not None",
        (_MATRIX,),
    ),
    Mutation(
        "host: what stands before or behind the name",
        f"{_IN_AGIWOD}/face/gate.py",
        "_HOST.fullmatch(host)",
        "_HOST.search(host)",
        (_MATRIX,),
    ),
    Mutation(
        "origin, host: what mcp looks at itself",
        f"{_IN_AGIWOD}/face/mcp/web.py",
        "enable_dns_rebinding_protection=True",
        "enable_dns_rebinding_protection=False",
        (f"{_GATE}::test_mcp_refuses_names_and_pages_also_where_no_gate_stands_before_it",),
    ),
    Mutation(
        "token: one route more without it",
        f"{_IN_AGIWOD}/face/site.py",
        'FREE: Final = ("/healthz",)',
        'FREE: Final = ("/healthz", "/metrics")',
        (f"{_GATE}::test_every_route_and_every_path_that_is_none_asks_for_the_token_whatever_the_method",),
    ),
    Mutation(
        "token: any over HTTP",
        f"{_IN_AGIWOD}/face/gate.py",
        'hmac.compare_digest(token.strip().encode("latin-1"), self._token)',
        "bool(token.strip())",
        (_MATRIX,),
    ),
    Mutation(
        "token: any over TCP",
        f"{_IN_AGIWOD}/face/lock.py",
        "hmac.compare_digest(said.encode(), self._token)",
        "bool(said)",
        ("tests/agiwod/face/test_lock.py::test_a_wrong_token_is_told_and_ends_the_connection",),
    ),
    Mutation(
        "token: none over TCP",
        f"{_IN_AGIWOD}/face/lock.py",
        "return preface if is_open else None",
        "return preface",
        ("tests/agiwod/face/test_lock.py::test_a_wrong_token_is_told_and_ends_the_connection",),
    ),
    Mutation(
        "token: compared so that its beginning can be guessed",
        f"{_IN_AGIWOD}/face/lock.py",
        "hmac.compare_digest(said.encode(), self._token)",
        "said.encode() == self._token",
        (_IN_CONSTANT_TIME,),
    ),
    Mutation(
        "consent: addresses that other machines reach",
        f"{_IN_AGIWOD}/entrance.py",
        "if not settings.serve.allow_remote:",
        "if False:",
        (f"{_STRANGERS}::test_other_machines_come_in_only_where_the_user_has_said_so",),
    ),
    Mutation(
        "strangers: they may wait for ever",
        f"{_IN_AGIWOD}/strangers.py",
        "loop().call_later(self._patience,",
        "loop().call_later(1e6,",
        ("tests/agiwod/face/test_lock.py::test_a_stranger_has_not_long_to_say_the_token",),
    ),
    Mutation(
        "strangers: any number of them",
        f"{_IN_AGIWOD}/strangers.py",
        "while len(self._waiting) >= self.most:",
        "while False:",
        (f"{_STRANGERS}::test_of_many_who_do_not_say_the_token_few_are_kept_and_who_says_it_is_served",),
    ),
    Mutation(
        "strangers: they take the places of others",
        f"{_IN_AGIWOD}/transport/http.py",
        "limit_concurrency=_CONNECTIONS + self._strangers.most,",
        "limit_concurrency=_CONNECTIONS,",
        (f"{_STRANGERS}::test_as_many_as_may_wait_keep_nobody_out",),
    ),
    Mutation(
        "redaction: secrets in what is recorded and streamed",
        f"{_IN_AGIWO}/engine/redact.py",
        "        if self._pattern is None or not self._is_in(text):\n            return text",
        "        if True:\n            return text",
        ("tests/agiwo/engine/test_redaction.py",),
    ),
    Mutation(
        "trust: a project that has changed since",
        f"{_IN_AGIWOD}/trust.py",
        '"trusted" if digest == project.digest else "changed"',
        '"trusted"',
        ("tests/agiwod/test_trust.py",),
    ),
    Mutation(
        "trust: a project of which nobody has said anything",
        f"{_IN_AGIWOD}/trust.py",
        'return Standing(project, "unknown")',
        'return Standing(project, "trusted")',
        ("tests/agiwod/test_trust.py",),
    ),
    Mutation(
        "drain: a stop does not wait for runs",
        f"{_IN_AGIWOD}/runtime/daemon.py",
        "                await self._idle()\n",
        "",
        ("tests/agiwod/runtime/test_daemon.py::test_a_stop_waits_for_the_runs_at_work",),
    ),
)


class Copy:
    """A copy of the tree in which things may be broken."""

    def __init__(self, directory: Path) -> None:
        self._root = directory
        for part in _PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, directory / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, directory / part)

    def failing(self, tests: Sequence[str]) -> str | None:
        """The first of the tests that fails, None when all pass.

        Raises:
            RuntimeError: they cannot be run at all.
        """
        paths = os.pathsep.join(str(self._root / each) for each in (*_PACKAGES, "tests"))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-m", "", "-p", "no:cacheprovider", *tests],
            cwd=self._root,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode not in (0, _SOME_FAILED):
            raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        return (found[1] if found else "a test") if done.returncode else None

    def noticed(self, mutation: Mutation) -> str | None:
        """The test that fails without the check; None when it is not missed."""
        place = self._root / mutation.file
        sound = place.read_text(encoding="utf-8")
        place.write_text(mutation.mutated(sound), encoding="utf-8")
        try:
            return self.failing(mutation.tests)
        finally:
            place.write_text(sound, encoding="utf-8")


def survivors(mutations: Sequence[Mutation], tell: Callable[[str], None]) -> list[str]:
    """The names of those that no test notices. `tell` gets a line for each mutation.

    Raises:
        RuntimeError: a test fails with all checks in place, or the tests cannot be run.
        ValueError: a text to mutate is not there any more.
    """
    survived: list[str] = []
    with tempfile.TemporaryDirectory(prefix="agiwod-mutations-") as directory:
        copy = Copy(Path(directory))
        if failing := copy.failing(sorted({test for mutation in mutations for test in mutation.tests})):
            raise RuntimeError(f"{failing} fails with all checks in place")
        for mutation in mutations:
            test = copy.noticed(mutation)
            tell(f"{mutation.name} -> {test or 'NO TEST FAILS'}")
            if test is None:
                survived.append(mutation.name)
    return survived


def main(words: Sequence[str]) -> int:
    """Try those in whose names one of the words stands, all when there is none; return the exit code."""
    chosen = [each for each in MUTATIONS if not words or any(word in each.name for word in words)]
    try:
        survived = survivors(chosen, partial(print, flush=True))
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(chosen)} mutations, {len(survived)} that no test notices")
    return 1 if survived or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
