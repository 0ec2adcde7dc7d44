"""What a release of agiwod is made of: is it known to be vulnerable, may we pass it on, and a list of all of it.

`uv run python tests/release/supply_chain.py [FOLDER]` asks pip-audit, holds every licence against those that we take,
and writes a CycloneDX list into the folder (`dist`). It ends with 1 when something is wrong, and with 3 when the
services that know of vulnerabilities could not be asked about everything: no answer is no good news.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final, cast

from licences import is_taken, licence_of

ROOT: Final = Path(__file__).parents[2]

OURS: Final = frozenset({"agiwod", "agiwod-client", "agiwod-protocol"})

EVERYTHING: Final = ("--package", "agiwod", "--all-extras", "--no-dev")
"""What is installed at most: the daemon with all that can be asked for beside it, and nothing that only tests need."""

AUDIT: Final = ("uv", "tool", "run", "--quiet", "pip-audit==2.10.1")

SERVICES: Final = ("pypi", "osv")
"""Who knows of vulnerabilities, as pip-audit names them; the second is asked about what the first does not know."""

PATIENCE: Final = 600.0

ELSEWHERE: Final[Mapping[str, str]] = {
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
}
"""Licences of what is never installed here, because it is for another system; looked up by hand."""

UNASKED: Final = 3


@dataclass(frozen=True)
class Audit:
    """What pip-audit found: who is vulnerable to what, and about whom nobody could be asked."""

    asked: frozenset[str]
    unasked: frozenset[str]
    found: tuple[str, ...]

    def joined(self, other: "Audit") -> "Audit":
        """What both know together."""
        asked = self.asked | other.asked
        return Audit(asked, (self.unasked | other.unasked) - asked, tuple(dict.fromkeys(self.found + other.found)))


def main(folder: Path) -> int:
    """Do all of it, and tell it."""
    bill = bill_of_materials()
    names = {each["name"]: each["version"] for each in bill["components"] if each["name"] not in OURS}
    licences = {name: licence(name, version) for name, version in names.items()}
    refused = [name for name, text in licences.items() if not is_taken(text)]
    print(*(f"{name:40} {names[name]:18} {licences[name]}" for name in sorted(names)), sep="\n")
    print(
        f"licences: {len(names)} packages, {len(refused)} under one that we do not take: {', '.join(refused) or 'none'}"
    )
    place = written(bill, licences, folder)
    print(f"list of materials: {place}, {len(bill['components'])} components")
    audit = audited(names)
    print(*(f"vulnerable: {each}" for each in audit.found), sep="\n", end="\n" * bool(audit.found))
    print(verdict(audit))
    if refused or audit.found:
        return 1
    return UNASKED if audit.unasked else 0


def verdict(audit: Audit) -> str:
    """What can be said of vulnerabilities."""
    every = len(audit.asked | audit.unasked)
    if not audit.asked:
        return f"vulnerabilities: UNKNOWN, because no service could be asked about any of {every} packages"
    known = f"vulnerabilities: {len(audit.found)} known in {len(audit.asked)} of {every} packages"
    return f"{known}; UNKNOWN for {', '.join(sorted(audit.unasked))}" if audit.unasked else known


def bill_of_materials() -> dict[str, Any]:
    """The CycloneDX list of what is installed, by uv from the lock."""
    return json.loads(said("uv", "export", "--quiet", "--format", "cyclonedx1.5", *EVERYTHING))


def licence(name: str, version: str) -> str:
    """What the installed package says of its licence."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "unknown: it is not installed here")
    return (
        licence_of(cast(Message, found))
        if found["Version"] == version
        else f"unknown: {found['Version']} is installed here"
    )


def written(bill: dict[str, Any], licences: Mapping[str, str], folder: Path) -> Path:
    """Write the list with the licences; where it is. Of files it has the names and digests, not from which index."""
    for each in bill["components"]:
        text = licences.get(each["name"], "MIT")
        each["licenses"] = [{"expression": text}] if is_taken(text) else [{"license": {"name": text}}]
        for link in each.get("externalReferences", ()):
            link["url"] = link["url"].rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    version = tomllib.loads((ROOT / "agiwod" / "pyproject.toml").read_text())["project"]["version"]
    place = folder / f"agiwod-{version}.cdx.json"
    place.write_text(json.dumps(bill, indent=1) + "\n")
    return place


def audited(names: Iterable[str]) -> Audit:
    """What the services know of these packages, as they are in the lock with their hashes."""
    result = Audit(frozenset(), frozenset(names), ())
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(said("uv", "export", "--quiet", "--no-emit-workspace", *EVERYTHING))
        for service in SERVICES:
            if result.unasked:
                result = result.joined(read(asked(service, wanted)))
    return result


def asked(service: str, wanted: Path) -> str:
    """The answer of one service as JSON; empty when it could not be reached."""
    how = ("--vulnerability-service", service, "--disable-pip", "--require-hashes", "--progress-spinner", "off")
    command = (*AUDIT, "--requirement", str(wanted), "--format", "json", *how)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if not done.stdout.strip():
        print(f"{service} could not be asked: {(done.stderr.strip().splitlines() or ['no word'])[-1][:300]}")
    return done.stdout


def read(answer: str) -> Audit:
    """What an answer of pip-audit says. A package that it skipped is one about which nobody was asked."""
    told: list[dict[str, Any]] = json.loads(answer)["dependencies"] if answer.strip() else []
    skipped = frozenset(each["name"] for each in told if "skip_reason" in each)
    return Audit(frozenset(each["name"] for each in told) - skipped, skipped, tuple(_found(told)))


def _found(told: list[dict[str, Any]]) -> Iterator[str]:
    for each in told:
        for fault in each.get("vulns", ()):
            mended = ", ".join(fault["fix_versions"]) or "no version"
            yield f"{each['name']} {each['version']}: {fault['id']}, mended in {mended}"


def said(*command: str) -> str:
    """What a command says, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"))
