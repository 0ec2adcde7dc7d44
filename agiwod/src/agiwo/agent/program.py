"""An agent as an engine runs it: the loop, and the effects with the agent's own model and tools behind them."""

from collections.abc import Mapping

from agiwo.agent.model_step import ModelStep
from agiwo.agent.tool_step import ToolStep
from agiwo.durable import DurableContext, Effect, Outcome
from agiwo.llm.base import Model
from agiwo.loop.loop import LOOP_VERSION, AgentLoop
from agiwo.loop.plan import Plan
from agiwo.tool.executor import ToolExecutor


class AgentProgram:
    """The `Program` of one agent. Holds no state of any run."""

    version = LOOP_VERSION

    def __init__(self, model: Model, system_prompt: str, executor: ToolExecutor) -> None:
        schemas = [definition.to_openai_schema() for definition in executor.definitions.values()]
        self.effects: Mapping[str, Effect] = {
            "model": ModelStep(model, system_prompt, schemas),
            "tool": ToolStep(executor),
        }

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run the agent to the end, by the plan that is stored with the run."""
        return await AgentLoop(ctx, Plan.from_json(ctx.run.spec.plan)).run()
