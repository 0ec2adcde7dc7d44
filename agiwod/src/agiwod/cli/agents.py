"""`agiwod agents`: which there are, and what each of them is."""

import json
from typing import Annotated, Any

import typer

agents = typer.Typer(help="The agents that can be asked.")

_JSON = Annotated[bool, typer.Option("--json", help="As JSON.")]


@agents.callback(invoke_without_command=True)
def list_when_nothing_is_said(context: typer.Context, as_json: _JSON = False) -> None:
    """List the agents."""
    if context.invoked_subcommand is None:
        list_agents(as_json=as_json)


@agents.command("list")
def list_agents(as_json: _JSON = False) -> None:
    """List the agents; the star marks the one that answers when none is named."""
    from agiwo_client import Client
    from agiwo_protocol import agent
    from agiwo_protocol.contract import Page

    from agiwod.cli.table import show_table
    from agiwod.cli.talk import talk

    async def ask(client: Client) -> agent.ListResult:
        return await client.call(agent.LIST, Page(limit=1000))

    found = talk(ask)
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    rows = [
        (
            f"{each.agent_id}{' *' if each.agent_id == found.default_agent else ''}",
            each.model,
            ", ".join(each.tools),
            each.source,
            each.description,
        )
        for each in found.agents
    ]
    show_table(("agent", "model", "tools", "from", "description"), rows)


@agents.command("show")
def show_agent(name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")], as_json: _JSON = False) -> None:
    """Tell all about one agent, with its system prompt."""
    from agiwo_client import Client
    from agiwo_protocol import agent

    from agiwod.cli.talk import talk

    async def ask(client: Client) -> agent.Agent:
        return await client.call(agent.GET, agent.AgentParams(agent_id=name))

    found = talk(ask).to_wire()
    print(json.dumps(found) if as_json else "\n".join(_lines(found)))


def _lines(agent: dict[str, Any]) -> list[str]:
    shown = {**agent, "tools": ", ".join(agent["tools"]), "skills": ", ".join(agent["skills"])}
    return [f"{key:<13} {value}" for key, value in shown.items() if value != ""]
