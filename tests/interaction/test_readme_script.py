"""The script of the README's section on the SDK, as a reader would run it: in a process, against a provider."""

import os
import re
import sys
from pathlib import Path

import anyio
import pytest
from fake_provider import DONE, START, Answer, FakeProvider, Received, delta, says, usage

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"
PARIS = '{"name": "Paris", "population": 2100000}'


def script() -> str:
    (found,) = re.findall(r"^```python\n(# agent\.py\n.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    return found


def choose(request: Received) -> Answer:
    """Call the tool first, then give the object in small pieces."""
    if request.body["messages"][-1]["role"] == "tool":
        return says(*(PARIS[at : at + 6] for at in range(0, len(PARIS), 6)))
    function = {"name": "population", "arguments": '{"city": "Paris"}'}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return Answer([START, delta(tool_calls=[call]), delta("tool_calls"), usage(7, 3), DONE])


def test_the_script_has_fifteen_lines() -> None:
    lines = [line for line in script().splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) == 15


async def test_the_script_uses_its_tool_and_shows_an_object_as_it_grows(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(script())
    async with FakeProvider(choose=choose) as provider:
        env = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-of-a-fake", "OPENAI_BASE_URL": provider.base_url}
        with anyio.fail_after(60):
            done = await anyio.run_process(
                [sys.executable, "-W", "error", "agent.py"], cwd=tmp_path, env=env, check=False
            )
    assert done.stderr.decode() == ""
    *grown, last = done.stdout.decode().splitlines()
    assert grown[0] == "{'name': 'Pa'}"
    assert grown[-1] == "{'name': 'Paris', 'population': 2100000}"
    assert last == "name='Paris' population=2100000"
    assert [each.body["messages"][-1]["role"] for each in provider.requests] == ["user", "tool"]
    assert provider.requests[-1].body["messages"][-1]["content"] == "2100000"
    assert provider.requests[0].body["response_format"]["json_schema"]["strict"] is True
