"""The agents that the settings name: tables, Python modules, and the words when one cannot be made."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from agiwo.agent import Agent, Budget
from agiwo.config import AgiwoSettings, use_settings
from agiwo.errors import ConfigError, ModelError
from agiwo.journal.memory import MemoryJournal
from agiwo.llm import AnthropicModel, Price, resolve_model
from agiwo.tool.builtin import BUILTINS
from agiwod.offer import find_model, offered_models, secrets
from agiwod.roster import build_agents
from agiwod.runtime.agents import Agents
from agiwod.runtime.daemon import Daemon
from agiwod.runtime.runs import Ask
from agiwod.settings import Settings, load_settings

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """What building agents changes in a process: where modules are found, which are loaded, whose keys hold."""
    path, modules = list(sys.path), set(sys.modules)
    for provider in ("OPENAI", "ANTHROPIC", "DEEPSEEK", "NVIDIA"):
        monkeypatch.delenv(f"{provider}_API_KEY", raising=False)
    use_settings(AgiwoSettings())
    yield
    use_settings(None)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("own_"):
            del sys.modules[name]


def configured(home: Path, text: str, **files: str) -> Settings:
    (home / "config.toml").write_text(text)
    for name, content in files.items():
        (home / f"{name}.py").write_text(content)
    return load_settings(home, environ={})


def ids(agents: Agents) -> list[tuple[str, str]]:
    return [(each.agent.id, each.source) for each in agents.list()]


def test_without_any_agent_there_is_the_assistant_with_what_auto_stands_for(tmp_path: Path) -> None:
    agents = build_agents(configured(tmp_path, ""))
    assert ids(agents) == [("assistant", "builtin")]
    assert agents.default == "assistant"
    assert agents.get("assistant").agent.model.name == resolve_model("auto").name


def test_skills_are_of_the_assistant_and_of_agents_that_name_some(tmp_path: Path) -> None:
    text = """
    [agents.reader]
    skills = ["review-*"]
    [agents.writer]
    """
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assistant = build_agents(configured(tmp_path / "one", "")).get("assistant").agent
    agents = build_agents(configured(tmp_path / "two", text))
    assert "write-skill" in skills_of(assistant)
    assert skills_of(agents.get("reader").agent) == ["review-diff"]
    assert skills_of(agents.get("writer").agent) == []


def skills_of(agent: Agent) -> list[str]:
    return [skill.name for skill in agent.skills.entries()] if agent.skills else []


def test_a_table_becomes_an_agent(tmp_path: Path) -> None:
    text = """
    default_agent = "b"
    [models.lab]
    provider = "openai"
    id = "some-model"
    base_url = "http://127.0.0.1:1/v1"
    [agents.a]
    description = "counts"
    model = "lab"
    system_prompt = "Count."
    tools = ["calc*", "current_time"]
    max_steps = 3
    [agents.b]
    tools = []
    """
    agents = build_agents(configured(tmp_path, text))
    agent = agents.get("a").agent
    assert ids(agents) == [("a", "config"), ("b", "config")]
    assert agents.default == "b"
    assert (agent.description, agent.system_prompt, agent.options.max_steps) == ("counts", "Count.", 3)
    assert (agent.model.name, agent.model.id) == ("lab", "some-model")
    assert list(agent.plan().tools) == ["calculator", "current_time"]
    assert list(agents.get("b").agent.plan().tools) == []
    assert agents.with_model("b", "lab").model.id == "some-model"


def test_a_table_may_give_its_agent_a_budget_and_its_model_a_price(tmp_path: Path) -> None:
    text = """
    [models.lab]
    provider = "openai"
    id = "some-model"
    base_url = "http://127.0.0.1:1/v1"
    price = { input = 0.5, output = 1.5, cached = 0.1 }
    [agents.a]
    model = "lab"
    budget = { cost_usd = 0.5, tokens = 1000, calls = 5, seconds = 30 }
    """
    agent = build_agents(configured(tmp_path, text)).get("a").agent
    assert agent.options.budget == Budget(0.5, 1000, 5, 30)
    assert agent.model.price == Price(0.5, 1.5, 0.1)


def test_a_table_may_give_its_agent_limits_and_its_model_parameters(tmp_path: Path) -> None:
    text = """
    [models.lab]
    provider = "anthropic"
    id = "some-model"
    base_url = "http://127.0.0.1:1/v1"
    temperature = 0.2
    max_tokens = 500
    thinking = 2048
    extra_body = { metadata = { user_id = "lab" } }
    [agents.a]
    model = "lab"
    run_timeout = 30
    max_output_tokens = 2000
    """
    agent = build_agents(configured(tmp_path, text)).get("a").agent
    assert (agent.options.run_timeout, agent.options.max_output_tokens) == (30, 2000)
    assert agent.model == AnthropicModel(
        "some-model",
        "lab",
        base_url="http://127.0.0.1:1/v1",
        temperature=0.2,
        max_tokens=500,
        thinking=2048,
        extra_body={"metadata": {"user_id": "lab"}},
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("budget = { tokens = 0 }", "config.toml:3: 'tokens' in [agents.a.budget] must be"),
        ("budget = { token = 5 }", "did you mean 'tokens'"),
    ],
)
def test_a_budget_that_cannot_work_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, f'[agents.a]\nmodel = "auto"\n{text}')
    assert words in str(caught.value), str(caught.value)


async def test_a_model_whose_key_is_missing_is_there_and_says_so_when_it_is_asked(tmp_path: Path) -> None:
    text = '[models.lab]\nprovider = "openai"\nid = "m"\napi_key_env = "NO_SUCH_KEY"\n[agents.a]\nmodel = "lab"'
    settings = configured(tmp_path, text)
    assert ids(build_agents(settings)) == [("a", "config")]
    with pytest.raises(ModelError, match="NO_SUCH_KEY") as refused:
        _ = [chunk async for chunk in find_model("lab", settings).arun_stream([])]
    assert refused.value.kind == "no_key"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[agents.a]\ntools = ["calculater"]', "config.toml:2: no tool 'calculater' for [agents.a]; did you mean"),
        ('[agents.a]\ntools = ["zzz"]', "there are calculator, current_time"),
        (
            '[agents.critic]\n[agents.a]\ntools = ["agent:critik"]',
            "config.toml:3: no tool 'agent:critik' for [agents.a]; did",
        ),
        ('[agents.a]\ntools = ["agent:a"]', "config.toml:2: no tool 'agent:a' for [agents.a]; there are no others"),
        (
            '[agents.calculator]\n[agents.a]\ntools = ["*", "agent:*"]',
            "config.toml:3: two tools are named 'calculator'",
        ),
        ('default_agent = "c"\n[agents.a]', "default_agent is 'c', and there are a"),
        ('[python]\nagents = ["own_missing:agents"]', "config.toml:2: 'own_missing:agents' cannot be loaded"),
    ],
)
def test_an_agent_that_cannot_be_made_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as fault:
        build_agents(configured(tmp_path, text))
    assert words in str(fault.value)


CIRCLE = """
default_agent = "writer"
[python]
path = ["."]
agents = ["own_agents:one"]
[agents.writer]
tools = ["calculator", "agent:*"]
[agents.critic]
description = "Finds what is wrong with a text"
tools = ["agent:writer"]
"""


def test_a_configured_agent_has_others_behind_its_tools_but_never_itself(tmp_path: Path) -> None:
    agents = build_agents(configured(tmp_path, CIRCLE, own_agents=PYTHON))
    tools = agents.get("writer").agent.plan().tools
    assert [(name, tools[name].description) for name in list(tools)[1:3]] == [
        ("critic", "Finds what is wrong with a text"),
        ("one", "made in Python"),
    ]
    critic = agents.get("critic").agent
    assert list(critic.plan().tools) == ["writer"]
    assert critic.plan().tools["writer"].description == "Asks the agent writer."
    assert {agent.id for agent in critic.family()} == {"writer", "critic", "one"}


def test_every_builtin_tool_is_no_agent(tmp_path: Path) -> None:
    agents = build_agents(configured(tmp_path, '[agents.a]\ntools = ["*"]\n[agents.b]'))
    assert list(agents.get("a").agent.plan().tools) == list(BUILTINS)


SCRIPTED_CIRCLE = """
[agents.writer]
model = "scripted:writer.json"
tools = ["agent:critic"]
[agents.critic]
model = "scripted:critic.json"
tools = ["agent:writer"]
"""


async def test_configured_agents_call_each_other_and_a_circle_ends_with_an_error_for_the_model(tmp_path: Path) -> None:
    for id, other in (("writer", "critic"), ("critic", "writer")):
        call = {"name": other, "arguments": {"task": "Look."}}
        turns = [{"toolCalls": [call]}, {"text": f"{id} is done"}]
        (tmp_path / f"{id}.json").write_text(json.dumps({"turns": turns}))
    daemon = Daemon(MemoryJournal(), build_agents(configured(tmp_path, SCRIPTED_CIRCLE)))
    await daemon.start()
    try:
        run = (await daemon.runs.start(Ask("writer", "Write."))).head.run
        assert await told(daemon, run) == ["critic is done"]
        [below] = await daemon.runs.list(parent=run)
        [refusal] = await told(daemon, below.head.run)
        assert "at work above this call already (writer -> critic -> writer)" in refusal
    finally:
        await daemon.close()


async def told(daemon: Daemon, run: str) -> list[str]:
    """What the calls of a run gave."""
    await daemon.runs.wait(run, 5)
    events, _ = await daemon.runs.page(run, 0, 100)
    return [event.data["output"]["content"] for event in events if event.data.get("kind") == "toolCall"]


PYTHON = """
from agiwo import Agent
from agiwo.testing import ScriptedModel
def made(id): return Agent(id, "made in Python", ScriptedModel(turns=[{"text": id}], repeat=True))
one = made("one")
several = [made("two"), made("three")]
named = {"four": made("four")}
"""


def test_python_agents_are_found_beside_the_config_file_singly_and_in_lists_and_dicts(tmp_path: Path) -> None:
    text = '[python]\npath = ["."]\nagents = ["own_agents:one", "own_agents:several", "own_agents:named"]'
    agents = build_agents(configured(tmp_path, text, own_agents=PYTHON))
    assert ids(agents) == [(id, "python") for id in ("one", "two", "three", "four")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\nagents = undefined\n", ["NameError", "own_bad.py:2"]),
        ("def broken(:\n", ["SyntaxError", "own_bad.py:1"]),
        ("other = 1\n", ["AttributeError", "agents"]),
        ("agents = [1]\n", ["must be an Agent, or a list or dict of them, and holds a int"]),
        ("raise SystemExit(3)\n", ["SystemExit", "own_bad.py:1"]),
    ],
)
def test_a_module_that_cannot_be_used_is_told_with_its_file_and_line(
    tmp_path: Path, code: str, words: list[str]
) -> None:
    text = '[python]\npath = ["."]\nagents = ["own_bad:agents"]'
    with pytest.raises(ConfigError) as fault:
        build_agents(configured(tmp_path, text, own_bad=code))
    assert all(word in str(fault.value) for word in ["config.toml:3", *words]), fault.value


def test_the_models_that_can_be_named_are_listed_with_what_they_lack(tmp_path: Path) -> None:
    text = """
    [models.lab]
    provider = "openai"
    base_url = "http://127.0.0.1:1/v1"
    [models.keyed]
    provider = "openai"
    id = "m"
    api_key_env = "NO_SUCH_KEY"
    [models.script]
    provider = "scripted"
    id = "s.json"
    """
    models = offered_models(configured(tmp_path, text), AgiwoSettings())
    listed = {model.name: model for model in models.list()}
    assert (listed["lab"].is_available, listed["lab"].id) == (True, "gpt-4o-mini")
    assert (listed["keyed"].is_available, listed["keyed"].reason) == (False, "set NO_SUCH_KEY")
    assert listed["script"].reason == f"there is no file {tmp_path / 's.json'}"
    assert listed["openai:gpt-4o-mini"].reason == "set OPENAI_API_KEY"
    assert "local:smollm2-135m" in listed
    auto = resolve_model("auto")
    assert models.auto() == f"{auto.provider}:{auto.id}"


def test_the_keys_of_the_settings_and_of_the_environment_are_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "lab-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "openai-secret")
    settings = configured(tmp_path, '[models.lab]\nprovider = "openai"\nid = "m"\napi_key_env = "LAB_KEY"')
    assert secrets(settings, AgiwoSettings()) == {"LAB_KEY": "lab-secret", "OPENAI_API_KEY": "openai-secret"}
