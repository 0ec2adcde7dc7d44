"""The blocks of the page that promised the names of this SDK, each run unchanged.

A prelude defines only what the page leaves undefined, an ending uses what the block made and says what came out. The
provider is on a real socket; base URL and key come from the environment.
"""

import ast
import asyncio
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import fake_messages
import pytest
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, says, usage

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).with_name("seed_page.md").read_text()

MY_TOOL = """
from agiwo import BaseTool, ToolResult

class MyTool(BaseTool):
    def get_name(self): return "my_tool"
    def get_description(self): return "Does something."
    def get_parameters(self): return {"type": "object", "properties": {}}
    def is_concurrency_safe(self): return True
    async def execute(self, parameters, context, abort_signal=None): return ToolResult(content="something")

async def my_hook(user_input, context): print("before:", user_input)
async def my_callback(id, name, args, result): print("called:", name, result.content)
"""

MY_MODEL = """
from agiwo.llm import OpenAIModel

my_model = OpenAIModel(id="gpt-4o-mini", name="gpt-4o-mini")
"""


ORCHESTRATOR = """
from agiwo import Agent, Scheduler, SchedulerConfig
from agiwo.llm import DeepseekModel
from agiwo.scheduler import AgentStateStorageConfig

agent = Agent(
    id="orchestrator",
    description="An orchestrator that can spawn sub-agents",
    model=DeepseekModel(id="deepseek-chat", name="deepseek-chat"),
    system_prompt="You can spawn child agents and sleep until they finish.",
)
config = SchedulerConfig(state_storage=AgentStateStorageConfig("STORE"))
"""


@dataclass(frozen=True)
class Case:
    """A block of the page: what it leaves undefined, what is done with what it made, and what that says."""

    title: str
    prelude: str = ""
    ending: str = ""
    said: str = ""


CASES = [
    Case("Minimal Example", said="4 is the answer\nTell me another"),
    Case(
        "Agent",
        MY_TOOL,
        'print((await agent.run("Use the tool.")).raise_for_error().response)\nawait agent.close()\n',
        "before: Use the tool.\ncalled: my_tool something\nUsed it.\n",
    ),
    Case(
        "Custom Tools",
        ending="""
from agiwo import Agent
from agiwo.llm import OpenAIModel

agent = Agent(id="a", description="A", model=OpenAIModel(id="gpt-4o-mini", name="gpt-4o-mini"), tools=[WeatherTool()])
async for event in agent.run_stream("How is the weather in Oslo?"):
    if event.step and event.step.role == "tool":
        print(event.step.content, "|", event.step.content_for_user)
await agent.close()
""",
        said="Weather in Oslo: 25C, sunny | It's 25C and sunny in Oslo\n",
    ),
    Case(
        "Agent as Tool (Nested Agents)",
        ending="print(result.raise_for_error().response)\nawait orchestrator.close()\n",
        said="The trend is: more qubits.\n",
    ),
    Case("Scheduler (Agent Orchestration)", said="The trend is: more agents.\n"),
    Case(
        "Scheduler: Storage and Limits",
        ORCHESTRATOR.replace("STORE", "memory"),
        "print(state_id, result.raise_for_error().response)\n",
        "orchestrator 4 is the answer\n",
    ),
    *(
        Case(
            "Scheduler: Persistent Roots",
            ORCHESTRATOR.replace("STORE", store),
            "print(result.response)\nprint(result2.response, (result2.session_id == result.session_id))\n",
            "the first answer\nthe second answer True\n",
        )
        for store in ("memory", "sqlite")
    ),
    Case(
        "Persistent Storage",
        MY_MODEL,
        """
first = await agent.run("What is 2 + 2?", session_id="s")
await agent.close()
steps = await agent.run_step_storage.get_steps("s")
print(first.raise_for_error().response, len(steps))
await agent.close()
""",
        "4 is the answer 2\n",
    ),
    Case(
        "LLM Providers",
        ending="""
from agiwo import Agent

agents = [Agent(id=each.provider, description="", model=each, tools=[]) for each in (
    OpenAIModel(id="gpt-4o-mini", name="gpt-4o-mini"),
    AnthropicModel(id="claude-3-5-sonnet-20240620", name="claude-3-5-sonnet"),
    DeepseekModel(id="deepseek-chat", name="deepseek-chat"),
    model,
)]
for agent in agents:
    print(agent.id, (await agent.run("What is 2 + 2?")).raise_for_error().response)
    await agent.close()
""",
        said="openai 4 is the answer\nanthropic 4 is the answer\ndeepseek 4 is the answer\nnvidia 4 is the answer\n",
    ),
]


def execute(*sources: str) -> None:
    """Run the sources one after the other with the same names; a source may await outside of functions."""
    names: dict[str, Any] = {"__name__": "__main__"}
    codes = [compile(source, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for source in sources]

    async def run() -> None:
        for code in codes:
            if awaiting := eval(code, names):
                await awaiting

    if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
        asyncio.run(run())
    else:
        for code in codes:
            exec(code, names)


def block(title: str) -> str:
    """The Python block under this heading."""
    found = re.search(rf"^## {re.escape(title)}\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def call(name: str, arguments: str) -> Answer:
    """An answer that calls a tool."""
    function = {"name": name, "arguments": arguments}
    fragment = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return Answer([START, delta(tool_calls=[fragment]), delta("tool_calls"), usage(7, 3), DONE])


def choose(request: Received) -> Answer:
    """What a model would answer to the page's questions."""
    assert request.headers.get("authorization", request.headers.get("x-api-key", "")).endswith("key-of-the-page")
    text = str(request.body["messages"][-1]["content"])
    is_asked = request.body["messages"][-1]["role"] == "user"
    if request.path.endswith("/messages"):
        return fake_messages.says("4 is ", "the answer")
    if is_asked and "Use the tool" in text:
        return call("my_tool", "{}")
    if is_asked and "weather in Oslo" in text:
        return call("get_weather", '{"city": "Oslo"}')
    if is_asked and text == "Research quantum computing trends":
        return call("researcher", '{"task": "Find the trend of quantum computing"}')
    if is_asked and text == "Research and summarize AI trends":
        return call("spawn_agent", '{"task": "Find the AI trend"}')
    if text.startswith("Started the agent"):
        return call("sleep_and_wait", '{"wake_type": "waitset"}')
    if text.startswith("Woken: 1 of 1"):
        return says("The trend is:" + text.partition("]")[2])
    said = {
        "Find the AI trend": "more agents.",
        "something": "Used it.",
        "Find the trend of quantum computing": "more qubits",
        "more qubits": "The trend is: more qubits.",
        "Tell me a joke": "Tell me another",
        "Initial task": "the first answer",
        "Follow-up task": "the second answer",
    }
    return says(said.get(text, "4 is the answer"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
async def test_a_block_of_the_page_runs_unchanged(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeProvider(choose=choose) as provider:
        for name in ("OPENAI", "ANTHROPIC", "DEEPSEEK", "NVIDIA"):
            monkeypatch.setenv(f"{name}_BASE_URL", provider.base_url)
            monkeypatch.setenv(f"{name}_API_KEY", "key-of-the-page")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        # In a thread, since a block may begin an event loop of its own.
        await anyio.to_thread.run_sync(execute, case.prelude, block(case.title), case.ending)
    assert capsys.readouterr().out == case.said


def test_every_block_that_was_kept_is_run() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == list(dict.fromkeys(case.title for case in CASES))
