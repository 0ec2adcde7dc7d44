"""openai-agents over chat completions, as its users drive it, its tracing off."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from drivers.addition import add
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent

TURNS = 1000
set_tracing_disabled(True)


class Driver:
    """`Runner.run` and `Runner.run_streamed`."""

    def __init__(self, base_url: str) -> None:
        self._client = AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)
        self._model = OpenAIChatCompletionsModel("any", self._client)
        self._agents = {}

    def _agent(self, model: str) -> Agent:
        if model not in self._agents:
            named = OpenAIChatCompletionsModel(model, self._client)
            self._agents[model] = Agent(name="bench", model=named, tools=[function_tool(add)])
        return self._agents[model]

    def first(self) -> object:
        """An agent with a model, and nothing else."""
        return Agent(name="bench", model=self._model)

    def construct(self) -> object:
        """An agent with a tool; the model is there."""
        return Agent(name="bench", model=self._model, tools=[function_tool(add)])

    async def run(self, model: str) -> int:
        """How long the answer is."""
        return len((await Runner.run(self._agent(model), "go", max_turns=TURNS)).final_output)

    async def stream(self, model: str) -> int:
        """How long the pieces are together."""
        length = 0
        async for event in Runner.run_streamed(self._agent(model), "go", max_turns=TURNS).stream_events():
            if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
                length += len(event.data.delta)
        return length
