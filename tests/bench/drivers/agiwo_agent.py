"""Ours: an agent with the options that let it take 200 steps, its journal in memory."""

from agiwo import Agent, AgentOptions
from agiwo.llm import OpenAIModel
from agiwo.schema.stream import EventType
from drivers.addition import add


class Driver:
    """`Agent.run` and `Agent.run_stream`."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._model = self._named("any")
        self._agents = dict[str, Agent]()

    def _named(self, model: str) -> OpenAIModel:
        return OpenAIModel(model, api_key="none", base_url=self._base_url)

    def _agent(self, model: str) -> Agent:
        if model not in self._agents:
            options = AgentOptions(max_steps=1000, max_output_tokens=1_000_000)
            self._agents[model] = Agent("bench", "", self._named(model), tools=[add], options=options)
        return self._agents[model]

    def first(self) -> object:
        """An agent with a model, and nothing else."""
        return Agent("bench", "", self._model)

    def construct(self) -> object:
        """An agent with a tool; the model is there."""
        return Agent("bench", "", self._model, tools=[add])

    async def run(self, model: str) -> int:
        """How long the answer is."""
        return len((await self._agent(model).run("go")).raise_for_error().response or "")

    async def stream(self, model: str) -> int:
        """How long the pieces are together."""
        length = 0
        async for event in self._agent(model).run_stream("go"):
            if event.type is EventType.STEP_DELTA and event.delta is not None:
                length += len(event.delta.content or "")
        return length
