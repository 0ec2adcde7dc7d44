"""The sandbox that the settings give an agent: its own table, then that for all. Raises no wall."""

from agiwo.tool.sandbox import Limits, Sandbox

from agiwod.settings import AgentSettings, SandboxSettings, Settings


def sandbox_of(settings: Settings, agent: AgentSettings | None = None) -> Sandbox:
    """How far the tools of an agent reach, or those that belong to none."""
    table = _merged(settings.sandbox, agent.sandbox if agent else None)
    memory = {} if table.memory_mb is None else {"memory": table.memory_mb}
    return Sandbox(
        mode=table.mode,
        network=table.network,
        writable=tuple(map(str, table.writable)),
        hidden=tuple(map(str, (*table.hidden, *settings.private_places))),
        shown=tuple(map(str, settings.shown_places)),
        env=table.env,
        limits=Limits(processes=table.processes, file=table.file_mb, **memory),
        must_hold=table.required,
    )


def _merged(usual: SandboxSettings, own: SandboxSettings | None) -> SandboxSettings:
    if own is None:
        return usual
    return usual.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
