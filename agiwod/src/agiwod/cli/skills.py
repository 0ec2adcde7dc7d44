"""`agiwod skills`: which there are, what one says, and what is wrong with those that somebody writes."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import MOST, AsJson, group_that_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agiwo.skill.check import Checked
    from agiwo_protocol import skill


def list_skills(as_json: AsJson = False) -> None:
    """List the skills that agents may be given; on stderr, what is wrong with them, and what was left out."""
    from agiwo_protocol import skill
    from agiwo_protocol.contract import Page

    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(skill.LIST, Page(limit=MOST)), works_here=True)
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    show_table(("skill", "from", "version", "description"), list(_rows(found)))
    _say(_complaints(found))


def _rows(found: "skill.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.skills:
        yield each.name, each.source, each.version[:8], each.description


def _complaints(found: "skill.ListResult") -> "Iterator[str]":
    for each in found.skills:
        for told in each.diagnostics:
            yield f"{_place(each.path, told.line)}: {told.severity}: {told.message}"
    for left in found.skipped:
        yield f"{_place(left.path, left.line)}: left out: {left.reason}"
    warned = sum(bool(each.diagnostics) for each in found.skills)
    if warned or found.skipped:
        yield f"{len(found.skills)} loaded, {warned} with something to say of them, {len(found.skipped)} left out"


def _place(path: str, line: int | None) -> str:
    return path if line is None else f"{path}:{line}"


def _say(lines: "Iterator[str]") -> None:
    from agiwod.cli.plain import without_controls

    for line in lines:
        print(without_controls(line), file=sys.stderr)


skills = group_that_lists("The skills that agents read when a task is for one of them.", list_skills)
skills.command("list")(list_skills)


@skills.command("show")
def show_skill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")], as_json: AsJson = False
) -> None:
    """Show one skill: what it says of itself, its files, and its text."""
    from agiwo_protocol import skill

    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(skill.GET, skill.SkillParams(name=name)), works_here=True).to_wire()
    print(json.dumps(found) if as_json else _shown(found))


def _shown(found: dict[str, Any]) -> str:
    from agiwod.cli.plain import without_controls

    told = [f"{_place(found['path'], each.get('line'))}: {each['message']}" for each in found.pop("diagnostics")]
    body, resources, metadata = found.pop("body"), found.pop("resources"), found.pop("metadata")
    facts = {**found, **metadata, "files": ", ".join(resources), "wrong": "; ".join(told)}
    lines = [f"{key:<13} {value}" for key, value in facts.items() if value]
    return without_controls("\n".join([*lines, "", body]))


@skills.command("reload")
def reload_skills(as_json: AsJson = False) -> None:
    """Have the daemon look at all skills now. It does so by itself when a file changes."""
    from agiwo_protocol import skill
    from agiwo_protocol.contract import Empty

    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(skill.RELOAD, Empty()), works_here=True).to_wire()
    if as_json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{kind}: {', '.join(names)}" for kind, names in found.items() if names) or "nothing changed")


@skills.command("check")
def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A skill, or a directory with skills in it.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Hold skills against the specification. Code 1 when one breaks a rule of it. Needs no daemon."""
    from agiwo.skill.check import check_skills

    if not path.exists():
        raise CommandFailed(f"there is no {path}", code=ExitCode.USAGE)
    checked = check_skills(path)
    is_good = all(each.is_good for each in checked)
    if as_json:
        print(json.dumps({"ok": is_good, "results": [_result(each) for each in checked]}))
    else:
        _report(checked)
    raise typer.Exit(ExitCode.OK if is_good else ExitCode.FAILED)


def _result(checked: "Checked") -> dict[str, Any]:
    told = [
        {"severity": each.strict_severity, "message": each.message} | ({"line": each.line} if each.line else {})
        for each in checked.findings
    ]
    name = {"name": checked.name} if checked.name else {}
    return {"path": str(checked.path), **name, "diagnostics": told}


def _report(checked: "Sequence[Checked]") -> None:
    from agiwod.cli.plain import without_controls

    for each in checked:
        if not each.findings:
            print(without_controls(f"{each.path}: good"))
        for finding in each.findings:
            place = _place(str(each.path), finding.line)
            print(without_controls(f"{place}: {finding.strict_severity}: {finding.message}"))
