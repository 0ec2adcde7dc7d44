"""The names that the SDK has promised, and what asking for them loads."""

import subprocess
import sys
from importlib import import_module

import pytest

PROMISED = {
    "agiwo": [
        *["Agent", "AgentHooks", "AgentOptions", "AgentTool", "BaseTool", "InMemoryRunStepStorage", "RunOutput"],
        *["RunStepStorage", "RunStepStorageConfig", "StreamEvent", "TerminationReason", "ToolResult"],
        *["TraceStorageConfig", "as_tool", "AbortSignal", "RunHandle", "tool", "Scheduler", "SchedulerConfig"],
    ],
    "agiwo.agent": [
        *["Agent", "AgentHooks", "AgentOptions", "AgentTool", "InMemoryRunStepStorage", "RunOutput", "RunStepStorage"],
        *["RunStepStorageConfig", "StreamEvent", "TerminationReason", "TraceStorageConfig", "as_tool"],
        *["ContentPart", "ContentType", "UserInput", "EventType", "MessageRole", "Run", "RunMetrics", "RunStatus"],
        *["StepDelta", "StepMetrics", "StepRecord", "MemoryRecord", "ExecutionContext", "AbortSignal"],
    ],
    "agiwo.llm": ["Model", "StreamChunk", "OpenAIModel", "AnthropicModel", "DeepseekModel", "NvidiaModel"],
    "agiwo.observability": [
        *["BaseTraceStorage", "InMemoryTraceStorage", "SQLiteTraceStorage", "TraceCollector", "TraceQuery"],
        *["Trace", "Span", "MongoTraceStorage"],
    ],
    "agiwo.tool": ["BaseTool", "ToolDefinition", "ToolResult", "AgentTool", "as_tool"],
    "agiwo.scheduler": [
        *["AgentState", "AgentStateStatus", "AgentStateStorage", "AgentStateStorageConfig", "Scheduler"],
        *["SchedulerConfig", "TaskGuard", "TaskLimits", "TimeUnit", "WaitMode", "WakeCondition", "WakeType"],
    ],
    "agiwo.skill": [
        *["SkillError", "SkillNotFoundError", "SkillParseError", "SkillMetadata", "SkillRegistry", "SkillContent"],
        *["SkillLoader", "SkillTool", "SkillManager"],
    ],
}

A_FIRST_AGENT = """
from agiwo import Agent, AgentHooks, as_tool
from agiwo.llm import OpenAIModel
Agent("writer", "", OpenAIModel("m", api_key="none", base_url="http://127.0.0.1:9/v1"))
"""

UNUSED = {
    *["sqlite3", "aiosqlite", "httpx2", "opentelemetry", "mcp", "yaml", "watchfiles"],
    *["agiwo.journal.sqlite", "agiwo.llm.openai", "agiwo.skill.manager"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in PROMISED for name in PROMISED[module]])
def test_a_promised_name_can_be_imported(module: str, name: str) -> None:
    assert getattr(import_module(module), name)


@pytest.mark.parametrize("first", ["from agiwo import tool", "import agiwo.tool", "import agiwo.tool as tools"])
def test_the_decorator_and_the_package_of_its_name_are_both_there(first: str) -> None:
    program = f"""
{first}
import agiwo.tool.builtin as builtin, agiwo.tool as package
from agiwo import tool
@tool
def double(number: int) -> int: return 2 * number
@tool(name="half", effect="read")
def halve(number: int) -> float: return number / 2
print(double.name, halve.name, halve.effect, issubclass(type(double), package.BaseTool), "bash" in builtin.BUILTINS)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "double half read True True\n"


def test_the_root_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="Nobody"):
        import_module("agiwo").Nobody  # noqa: B018 - asking is what is tested


def test_an_import_prints_nothing_and_leaves_the_logging_of_its_user_alone() -> None:
    program = "import logging, agiwo.agent, agiwo.llm, agiwo.tool; print(logging.root.handlers, logging.root.level)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] 30\n", "")


@pytest.mark.parametrize("program", ["import agiwo", "from agiwo import Agent, AgentHooks, as_tool"])
def test_an_import_loads_no_provider_no_exporter_and_no_store_on_disk(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert UNUSED & set(done.stdout.split()) == set()


def test_an_agent_that_has_not_run_has_loaded_no_http_client_no_settings_and_no_engine() -> None:
    program = f"import sys; before = set(sys.modules)\n{A_FIRST_AGENT}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"agiwo.engine", "agiwo.loop.loop"} & loaded == set()
    foreign = {name.partition(".")[0] for name in loaded if not name.startswith("_")} - sys.stdlib_module_names
    assert foreign == {"agiwo", "orjson"}
