"""LangGraph, by LangChain's `create_agent`, as its users drive it."""
# pyright: basic, reportMissingImports=false
# What this imports is installed in another interpreter, so no type of it is known here.

from drivers.addition import add
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI

GO = {"messages": [{"role": "user", "content": "go"}]}
FAR = {"recursion_limit": 10_000}


class Driver:
    """`ainvoke`, and `astream` of the messages."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._model = self._named("any")
        self._agents = {}

    def _named(self, model: str) -> ChatOpenAI:
        return ChatOpenAI(model=model, api_key="none", base_url=self._base_url, max_retries=0)

    def _agent(self, model: str):
        if model not in self._agents:
            self._agents[model] = create_agent(self._named(model), [add])
        return self._agents[model]

    def first(self) -> object:
        """An agent with a model, and nothing else."""
        return create_agent(self._model, [])

    def construct(self) -> object:
        """An agent with a tool; the model is there."""
        return create_agent(self._model, [add])

    async def run(self, model: str) -> int:
        """How long the answer is."""
        return len((await self._agent(model).ainvoke(GO, FAR))["messages"][-1].content)

    async def stream(self, model: str) -> int:
        """How long the pieces are together."""
        length = 0
        async for message, _ in self._agent(model).astream(GO, FAR, stream_mode="messages"):
            if isinstance(message, AIMessageChunk):
                length += len(message.content)
        return length
