"""A model call as it was asked: what somebody who looks into a run wants to see. Not how one is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LLMCallContext:
    """What a model was asked, and why it stopped: `messages` and `tools` in the form of OpenAI's chat completions.

    `request_params` are `model_id`, `model_name` and those of `temperature`, `top_p` and `max_tokens` that it has.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] | None
    request_params: Mapping[str, Any]
    finish_reason: str | None
