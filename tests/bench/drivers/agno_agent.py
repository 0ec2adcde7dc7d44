"""agno, as its users drive it, its telemetry off."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from drivers.addition import add


class Driver:
    """`Agent.arun`, with its events when it streams."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._model = self._named("any")
        self._agents = {}

    def _named(self, model: str) -> OpenAIChat:
        return OpenAIChat(id=model, api_key="none", base_url=self._base_url)

    def _agent(self, model: str) -> Agent:
        if model not in self._agents:
            self._agents[model] = Agent(model=self._named(model), tools=[add], telemetry=False)
        return self._agents[model]

    def first(self) -> object:
        """An agent with a model, and nothing else."""
        return Agent(model=self._model, telemetry=False)

    def construct(self) -> object:
        """An agent with a tool; the model is there."""
        return Agent(model=self._model, tools=[add], telemetry=False)

    async def run(self, model: str) -> int:
        """How long the answer is."""
        return len((await self._agent(model).arun("go")).content)

    async def stream(self, model: str) -> int:
        """How long the pieces are together."""
        length = 0
        async for event in self._agent(model).arun("go", stream=True, stream_events=True):
            if event.event == "RunContent":
                length += len(event.content or "")
        return length
