"""`agiwod doctor`: looks at everything that may be wrong, says how it is, and what to do. Mends nothing."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer
from agiwo_protocol.paths import Paths, locate

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson

if TYPE_CHECKING:
    from agiwod.cli.checks.finding import Check, Finding, Patient

_WIDTH: Final = 24


def doctor(
    as_json: AsJson = False,
    reads_weights: Annotated[bool, typer.Option("--hash", help="Also read the local weights whole.")] = False,
) -> None:
    """Look for what is wrong, and say what to do. Code 1 when something does not work. Shows no secret."""
    patient = _meet(locate(), reads_weights=reads_weights)
    findings = [_redacted(patient, finding) for finding in _examine(patient)]
    has_fault = any(each.state == "fault" for each in findings)
    if as_json:
        from dataclasses import asdict

        print(json.dumps({"ok": not has_fault, "findings": [asdict(each) for each in findings]}))
    else:
        print("\n".join(_line(each) for each in findings))
        print(_verdict(findings))
    raise typer.Exit(ExitCode.FAILED if has_fault else ExitCode.OK)


def _meet(paths: Paths, *, reads_weights: bool) -> "Patient":
    from agiwo.errors import ConfigError

    from agiwod.cli.checks.finding import Patient
    from agiwod.cli.probe import found_daemon
    from agiwod.settings import load_settings

    try:
        status, silence = found_daemon(paths), None
    except CommandFailed as failure:
        status, silence = None, failure.message
    try:
        settings, errors = load_settings(paths.home), ()
    except ConfigError as error:
        settings, errors = None, tuple(str(error).splitlines())
    return Patient(paths, status, silence, settings, errors, reads_weights)


def _examine(patient: "Patient") -> "Iterator[Finding]":
    from agiwod.cli.checks.finding import fault

    for area, check in _checks():
        try:
            yield from check(patient)
        except OSError as error:
            yield fault(area, f"cannot be looked at: {error}", "put the file right that is named")


def _checks() -> "Iterator[tuple[str, Check]]":
    from agiwod.cli.checks import cage, choices, engine, foreign, places, process, project, shelf, software, store

    yield "versions", software.check_software
    yield "places", places.check_places
    yield "disk", places.check_room
    yield "daemon", process.check_daemon
    yield "lock", process.check_lock
    yield "socket", process.check_socket
    yield "log", process.check_log
    yield "journal", store.check_journal
    yield "config", choices.check_config
    yield "engine", engine.check_engine
    yield "project", project.check_project
    yield "sandbox", cage.check_sandbox
    yield "skills", shelf.check_skills
    yield "MCP servers", foreign.check_servers
    yield "models", choices.check_models
    yield "local model", choices.check_local_model


def _redacted(patient: "Patient", finding: "Finding") -> "Finding":
    """Without the keys that we know, wherever one may have come in."""
    from dataclasses import replace

    from agiwo.config import AgiwoSettings
    from agiwo.engine.redact import Redactor
    from agiwo.secret_shapes import without_shapes

    from agiwod.offer import secrets
    from agiwod.settings import Settings

    redactor = Redactor(secrets(patient.settings or Settings(), AgiwoSettings()))
    return replace(finding, message=without_shapes(redactor.text(finding.message)))


def _line(finding: "Finding") -> str:
    todo = f"\n{'':<8} {'':<{_WIDTH}} -> {finding.todo}" if finding.todo else ""
    return f"{finding.state:<8} {finding.area:<{_WIDTH}} {finding.message}{todo}"


def _verdict(findings: "list[Finding]") -> str:
    faults, warnings = (sum(each.state == state for each in findings) for state in ("fault", "warning"))
    if not faults and not warnings:
        return "all is well"
    counted = [(faults, "fault"), (warnings, "warning")]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counted if count)
