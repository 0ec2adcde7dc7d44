"""How an agent runs: its limits. Not what it says or knows."""

from dataclasses import dataclass

from agiwo.errors import ConfigError
from agiwo.loop.plan import Limits


@dataclass
class AgentOptions:
    """Limits of each run of an agent.

    `max_steps` counts model calls, `run_timeout` seconds of active time (None: no limit), `max_output_tokens` the
    output of all model calls together. A run that reaches one of them ends with a summary by the model, unless
    `enable_termination_summary` is off; `termination_summary_prompt` may hold `%s`, which becomes the reason.
    """

    max_steps: int = 10
    run_timeout: float | None = 600
    max_output_tokens: int = 8196
    enable_termination_summary: bool = True
    termination_summary_prompt: str = ""

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ConfigError(f"max_steps is {self.max_steps!r}; it must be at least 1")
        if self.run_timeout is not None and self.run_timeout <= 0:
            raise ConfigError(f"run_timeout is {self.run_timeout!r}; it must be above 0, or None for no limit")
        if self.max_output_tokens < 1:
            raise ConfigError(f"max_output_tokens is {self.max_output_tokens!r}; it must be at least 1")

    @property
    def limits(self) -> Limits:
        """The part that the loop decides by."""
        return Limits(
            self.max_steps, self.max_output_tokens, self.enable_termination_summary, self.termination_summary_prompt
        )
