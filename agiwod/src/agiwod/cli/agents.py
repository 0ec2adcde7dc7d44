"""`agiwod agents`: which there are, and what each of them is."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agiwod.cli.listing import MOST, AsJson, group_that_lists, show_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agiwo_protocol import agent


def list_agents(as_json: AsJson = False) -> None:
    """List the agents; the star marks the one that answers when none is named."""
    from agiwo_protocol import agent
    from agiwo_protocol.contract import Page

    head = ("agent", "model", "tools", "from", "description")
    show_answer(agent.LIST, Page(limit=MOST), head, _rows, as_json=as_json, works_here=True)


def _rows(found: "agent.ListResult") -> "Iterator[tuple[str, ...]]":
    for each in found.agents:
        star = " *" if each.agent_id == found.default_agent else ""
        yield f"{each.agent_id}{star}", each.model, ", ".join(each.tools), each.source, each.description


agents = group_that_lists("The agents that can be asked.", list_agents)
agents.command("list")(list_agents)


@agents.command("show")
def show_agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")], as_json: AsJson = False
) -> None:
    """Tell all about one agent, with its system prompt."""
    from agiwo_protocol import agent

    from agiwod.cli.talk import talk

    found = talk(lambda client: client.call(agent.GET, agent.AgentParams(agent_id=name)), works_here=True).to_wire()
    print(json.dumps(found) if as_json else "\n".join(_lines(found)))


def _lines(agent: dict[str, Any]) -> list[str]:
    shown = {**agent, "tools": ", ".join(agent["tools"]), "skills": ", ".join(agent["skills"])}
    return [f"{key:<13} {value}" for key, value in shown.items() if value != ""]
