"""The hooks that decide, by the names under which a plan lists them. Calls none."""

from typing import Final

BEFORE_RUN: Final = "on_before_run"
MEMORY_RETRIEVE: Final = "on_memory_retrieve"
BEFORE_TOOL_CALL: Final = "on_before_tool_call"

DECIDING: Final = (BEFORE_RUN, MEMORY_RETRIEVE, BEFORE_TOOL_CALL)
"""Each has steps of its own. `on_before_llm_call` decides too, inside the step of its model call."""
