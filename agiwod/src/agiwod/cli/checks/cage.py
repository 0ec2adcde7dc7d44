"""What keeps the commands of tools from the rest of the machine, and what does not. Runs none of them."""

from collections.abc import Iterator

from agiwod.cli.checks.finding import Finding, Patient, ok, warning


def check_sandbox(patient: Patient) -> Iterator[Finding]:
    """Which walls this system has, where they have gaps, and which agents do without."""
    from agiwo.tool.sandbox import walls

    found = walls()
    if not found:
        todo = "allow namespaces for users, or install bubblewrap; until then look at what you allow"
        message = "this system has no walls (Landlock, namespaces, bubblewrap): commands can do whatever you can"
        yield warning("sandbox", message, todo)
    elif found.gaps:
        todo = "install bubblewrap, or allow namespaces for users"
        yield warning("sandbox", f"{found.names}; commands are not kept from this: {', '.join(found.gaps)}", todo)
    else:
        yield ok("sandbox", f"commands are confined by {found.names}")
    yield from _open(patient)


def _open(patient: Patient) -> Iterator[Finding]:
    if patient.settings is None:
        return
    from agiwod.sandboxes import sandbox_of

    for name, agent in patient.settings.agents.items():
        if "bash" in agent.tools and not sandbox_of(patient.settings, agent).has_walls:
            message = f"[agents.{name}] runs commands that are not confined, as the settings say"
            yield warning("sandbox", message, "leave out `sandbox`, unless you mean it")
