"""What a project wants, line by line for people: none of a stranger's words can pass for one of ours. Asks nobody."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agiwod.cli.plain import visible

_MOST: Final = 50
"""Skills that are named; whoever has more is told how many."""


def wanted_lines(wanted: Mapping[str, Any]) -> list[str]:
    """Each agent, server and directory of skills with all that could do harm."""
    lines = [*_agents(wanted["agents"]), *_servers(wanted["servers"]), *_skills(wanted)]
    return [f"  {visible(line)}" for line in lines or ["nothing so far"]]


def _agents(agents: Mapping[str, Any]) -> Iterator[str]:
    for name, each in agents.items():
        tools = ", ".join(each["tools"]) or "none"
        whose = f"agent {name}" + (", in the place of yours" if each["isYours"] else "")
        yield f"{whose}: model {each['model']}, tools {tools}, works in {each['workspace']}"
        if each["systemPrompt"]:
            yield f"  is told: {each['systemPrompt']}"
        for rule in each["approvals"]:
            about = "".join(f", {key} {value}" for key, value in rule["arguments"].items())
            yield f"  {rule['action']}: {rule['tool']}{about}"


def _servers(servers: Mapping[str, Any]) -> Iterator[str]:
    for name, each in servers.items():
        if "command" in each:
            yield f"MCP server {name}: {shlex.join(each['command'])}, in {each['cwd']}"
        else:
            yield f"MCP server {name}: {each['url']}"
        if each["given"]:
            yield f"  is given: {', '.join(f'{key}={value}' for key, value in each['given'].items())}"
        if each["variables"]:
            yield f"  gets of your environment: {', '.join(each['variables'])}"


def _skills(wanted: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"the skills in {path}" for path in wanted["skills"])
    for what, names in (("named", wanted["skillNames"]), ("in the place of yours", wanted["skillsReplaced"])):
        if names:
            more = f", and {len(names) - _MOST} more" if len(names) > _MOST else ""
            yield f"  {what}: {', '.join(names[:_MOST])}{more}"
