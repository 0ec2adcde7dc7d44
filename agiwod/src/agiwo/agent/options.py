"""How an agent runs: its limits, and where its runs are kept. Not what it says or knows."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from agiwo.agent.storage import RunStepStorageConfig, TraceStorageConfig
from agiwo.errors import ConfigError
from agiwo.loop.plan import Limits
from agiwo.schema.budget import Budget
from agiwo.tool.policy import Policy

# Whoever says nothing shares these: making them anew would be the larger part of making options.
_NO_RULES = Policy()
_IN_MEMORY = RunStepStorageConfig(config=MappingProxyType[str, Any]({}))
_UNTRACED = TraceStorageConfig(config=MappingProxyType[str, Any]({}))


@dataclass
class AgentOptions:
    """Limits of each run of an agent.

    `max_steps` counts model calls, `run_timeout` seconds of active time (None: no limit), `max_output_tokens` the
    output of all model calls together. A run that reaches one of them ends with a summary by the model, unless
    `enable_termination_summary` is off; `termination_summary_prompt` may hold `%s`, which becomes the reason.

    Those limits count from the run's start or from the last time that it woke. `budget` is for the whole of it, and for
    the agents that work for it.

    `approval_policy` says by tool and arguments which calls run, which never do, and about which somebody is asked, who
    has `approval_timeout` seconds to answer (None: no limit); a call that no rule is about is judged by its tool.

    `context_tokens` is how much the model can be sent: before a conversation fills it, its older part gives way to a
    summary by the model (None: when the model refuses it as too long). What was replaced stays in the store.

    With `enable_skill` the agent has the skills below `skills_dir`, and below what `AGIWO_SKILLS_DIRS` names: it is
    told which there are, and reads one when a task is for it.

    `relevant_memory_max_token` bounds what memories add to a message. `stream_cleanup_timeout` is how many seconds one
    call of a hook that looks on may take. `run_step_storage` is where runs are kept: agents of one process that name
    the same file share it.
    """

    max_steps: int = 10
    run_timeout: float | None = 600
    max_output_tokens: int = 8196
    enable_termination_summary: bool = True
    termination_summary_prompt: str = ""
    approval_policy: Policy = _NO_RULES
    approval_timeout: float | None = None
    budget: Budget | None = None
    enable_skill: bool = False
    skills_dir: str = "~/.agent/skills"
    context_tokens: int | None = None
    relevant_memory_max_token: int = 2048
    stream_cleanup_timeout: float = 300.0
    run_step_storage: RunStepStorageConfig = _IN_MEMORY
    trace_storage: TraceStorageConfig = _UNTRACED

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ConfigError(f"max_steps is {self.max_steps!r}; it must be at least 1")
        if self.run_timeout is not None and self.run_timeout <= 0:
            raise ConfigError(f"run_timeout is {self.run_timeout!r}; it must be above 0 or None")
        if self.max_output_tokens < 1:
            raise ConfigError(f"max_output_tokens is {self.max_output_tokens!r}; it must be at least 1")
        if self.context_tokens is not None and self.context_tokens < 1000:
            raise ConfigError(f"context_tokens is {self.context_tokens!r}; it must be at least 1000 or None")
        if self.relevant_memory_max_token < 0:
            raise ConfigError(f"relevant_memory_max_token is {self.relevant_memory_max_token!r}; it must be at least 0")
        if self.approval_timeout is not None and self.approval_timeout <= 0:
            raise ConfigError(f"approval_timeout is {self.approval_timeout!r}; it must be above 0 or None")
        if self.stream_cleanup_timeout <= 0:
            raise ConfigError(f"stream_cleanup_timeout is {self.stream_cleanup_timeout!r}; it must be above 0")

    @property
    def limits(self) -> Limits:
        """The part that the loop decides by."""
        return Limits(
            self.max_steps, self.max_output_tokens, self.enable_termination_summary, self.termination_summary_prompt
        )
