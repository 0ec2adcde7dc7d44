"""How an agent runs: its limits, and where its runs are kept. Not what it says or knows."""

from dataclasses import dataclass, fields
from os import PathLike
from types import MappingProxyType
from typing import Any

from agiwo.agent.storage import RunStepStorageConfig, TraceStorageConfig
from agiwo.loop.plan import Limits
from agiwo.schema.budget import Budget
from agiwo.schema.setting import require_above, require_kind, require_whole
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
        if self.__dict__ != _DEFAULTS:  # which those of most agents are, and agents are made often
            self._check()

    def _check(self) -> None:
        require_whole("max_steps", self.max_steps)
        require_above("run_timeout", self.run_timeout, optional=True)
        require_whole("max_output_tokens", self.max_output_tokens)
        require_kind("enable_termination_summary", self.enable_termination_summary, bool)
        require_kind("termination_summary_prompt", self.termination_summary_prompt, str)
        require_kind("approval_policy", self.approval_policy, Policy)
        require_above("approval_timeout", self.approval_timeout, optional=True)
        require_kind("budget", self.budget, Budget, optional=True)
        require_kind("enable_skill", self.enable_skill, bool)
        require_kind("skills_dir", self.skills_dir, str, PathLike)
        require_whole("context_tokens", self.context_tokens, 1000, optional=True)
        require_whole("relevant_memory_max_token", self.relevant_memory_max_token, 0)
        require_above("stream_cleanup_timeout", self.stream_cleanup_timeout)
        require_kind("run_step_storage", self.run_step_storage, RunStepStorageConfig)
        require_kind("trace_storage", self.trace_storage, TraceStorageConfig)

    @property
    def limits(self) -> Limits:
        """The part that the loop decides by."""
        return Limits(
            self.max_steps, self.max_output_tokens, self.enable_termination_summary, self.termination_summary_prompt
        )


_DEFAULTS = {each.name: each.default for each in fields(AgentOptions)}
