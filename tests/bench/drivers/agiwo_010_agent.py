"""agiwo 0.1.0 from PyPI, which has the name of ours: an agent as its users drive it, its runs kept in memory."""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false
# pyright: reportAbstractUsage=false, reportAssignmentType=false
# What this imports is installed in another interpreter; under its name this one has another package.

from agiwo.agent import Agent, AgentConfig, AgentOptions, AgentStorageOptions, RunStepStorageConfig, StepDeltaEvent
from agiwo.llm import OpenAIModel
from agiwo.tool import BaseTool, ToolResult
from drivers.addition import add

NUMBERS = {"a": {"type": "integer"}, "b": {"type": "integer"}}


class Add(BaseTool):
    """The tool, as its tools are written."""

    name = "add"
    description = "Add two numbers."

    def get_parameters(self):
        """The schema."""
        return {"type": "object", "properties": NUMBERS, "required": ["a", "b"]}

    async def execute(self, parameters, context, abort_signal=None):
        """Call it."""
        value = await add(parameters["a"], parameters["b"])
        return ToolResult.success("add", str(value), context.tool_call_id, parameters)


class Driver:
    """`Agent.run` and `Agent.run_stream`."""

    def __init__(self, base_url):
        self._base_url = base_url
        self._model = self._named("any")
        self._agents = {}

    def _named(self, model):
        return OpenAIModel(model, api_key="none", base_url=self._base_url)

    def _made(self, model, tools):
        storage = AgentStorageOptions(run_step_storage=RunStepStorageConfig(storage_type="memory"))
        options = AgentOptions(max_steps=1000, storage=storage)
        config = AgentConfig("bench", options=options, allowed_tools=[each.name for each in tools])
        return Agent(config, model=model, tools=tools)

    def _agent(self, model):
        if model not in self._agents:
            self._agents[model] = self._made(self._named(model), [Add()])
        return self._agents[model]

    def first(self):
        """An agent with a model, and nothing else."""
        return self._made(self._model, [])

    def construct(self):
        """An agent with a tool; the model is there."""
        return self._made(self._model, [Add()])

    async def run(self, model):
        """How long the answer is."""
        return len((await self._agent(model).run("go")).response)

    async def stream(self, model):
        """How long the pieces are together."""
        length = 0
        async for event in self._agent(model).run_stream("go"):
            if isinstance(event, StepDeltaEvent):
                length += len(event.delta.content or "")
        return length
