"""pydantic-ai, as its users drive it."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

from drivers.addition import add
from pydantic_ai import Agent, UsageLimits
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

UNLIMITED = UsageLimits(request_limit=None)


class Driver:
    """`Agent.run` and `Agent.run_stream_events`."""

    def __init__(self, base_url: str) -> None:
        self._provider = OpenAIProvider(base_url=base_url, api_key="none")
        self._model = OpenAIChatModel("any", provider=self._provider)
        self._agents = {}

    def _agent(self, model: str) -> Agent:
        if model not in self._agents:
            self._agents[model] = Agent(OpenAIChatModel(model, provider=self._provider), tools=[add])
        return self._agents[model]

    def first(self) -> object:
        """An agent with a model, and nothing else."""
        return Agent(self._model)

    def construct(self) -> object:
        """An agent with a tool; the model is there."""
        return Agent(self._model, tools=[add])

    async def run(self, model: str) -> int:
        """How long the answer is."""
        return len((await self._agent(model).run("go", usage_limits=UNLIMITED)).output)

    async def stream(self, model: str) -> int:
        """How long the pieces are together."""
        length = 0
        async with self._agent(model).run_stream_events("go", usage_limits=UNLIMITED) as events:
            async for event in events:
                match event:
                    case PartStartEvent(part=TextPart(content=text)):
                        length += len(text)
                    case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                        length += len(text)
        return length
