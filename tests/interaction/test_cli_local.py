"""What a fresh clone does first: a real language model's answer, in a home where nothing is configured."""

from pathlib import Path

import pytest
from terminal_lab import events_of, home_at


@pytest.mark.local_llm
def test_the_first_question_on_a_machine_without_any_key_is_answered_by_the_local_model(tmp_path: Path):
    with home_at(tmp_path / "home", "") as home:
        ran = home.run("ask", "--json", "What is the capital of France?")
    events = events_of(ran)
    assert ran.code == 0
    assert next(event for event in events if event["type"] == "run/started")["data"]["model"] == "smollm2-135m"
    assert "Paris" in events[-1]["data"]["response"]
