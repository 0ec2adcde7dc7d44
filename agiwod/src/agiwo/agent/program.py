"""An agent as an engine runs it: the loop, and the effects with the agent's own model, tools and hooks behind them."""

from collections.abc import Iterable, Mapping

from agiwo.agent.approver import Approver
from agiwo.agent.carried_tool import CarriedTool
from agiwo.agent.compact_step import CompactStep
from agiwo.agent.hook_step import HookSteps
from agiwo.agent.hooks import AgentHooks
from agiwo.agent.host_step import host
from agiwo.agent.judge_step import JudgeStep
from agiwo.agent.model_step import ModelStep
from agiwo.agent.output_step import OutputStep
from agiwo.agent.prepare_step import PrepareStep
from agiwo.agent.told_step import told
from agiwo.agent.tool_step import ToolStep
from agiwo.durable import DurableContext, Effect, Outcome
from agiwo.llm.base import Model
from agiwo.loop.loop import LOOP_VERSION, AgentLoop
from agiwo.loop.plan import Plan
from agiwo.tool.executor import ToolExecutor


class AgentProgram:
    """The `Program` of one agent. Holds no state of any run. A hook that looks on has `patience` seconds.

    `on_approval` is who can be asked about a call; None: whoever else can.
    """

    version = LOOP_VERSION

    def __init__(
        self,
        model: Model,
        system_prompt: str,
        executor: ToolExecutor,
        hooks: AgentHooks | None = None,
        carried: Iterable[CarriedTool] = (),
        patience: float = 300.0,
        on_approval: Approver | None = None,
    ) -> None:
        self.hooks, self.patience, self.on_approval = hooks or AgentHooks(), patience, on_approval
        steps, output = HookSteps(self.hooks), OutputStep()
        prepare = PrepareStep({tool.name: tool for tool in carried})
        self.output_types = output.types
        # Those of toolsets come and go, so each run is told of the ones in its plan.
        schemas = [definition.to_openai_schema() for definition in executor.definitions.values()]
        self.effects: Mapping[str, Effect] = {
            "model": ModelStep(model, system_prompt, None if executor.toolsets else schemas, steps.before_llm_call),
            "tool": ToolStep(executor),
            "judge": JudgeStep(executor),
            "child": prepare,
            "sleep": prepare,
            "host": host,
            "compact": CompactStep(model),
            "told": told,
            "output": output,
            **steps.effects,
        }

    async def main(self, ctx: DurableContext) -> Outcome:
        """Run the agent to the end, by the plan that is stored with the run."""
        return await AgentLoop(ctx, Plan.from_json(ctx.run.spec.plan)).run()
