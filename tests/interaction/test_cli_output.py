"""`agiwod ask --schema` from outside: one object on stdout, or a reason on stderr and exit code 1."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from terminal_lab import Home, home_at

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["name", "population"],
}
PARIS = '{"name": "Paris", "population": 2100000}'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_at(tmp_path_factory.mktemp("output")) as home:
        (home.path / "city.json").write_text(json.dumps(CITY))
        yield home


def asked(home: Home, *turns: Mapping[str, Any], schema: str = "city.json", argv: tuple[str, ...] = ()) -> Any:
    """Ask a model that says these turns."""
    name = f"script{len(list(home.path.glob('script*')))}.json"
    (home.path / name).write_text(json.dumps({"turns": turns}))
    model = f"scripted:{home.path / name}"
    return home.run("ask", "--model", model, "--schema", str(home.path / schema), *argv, "Paris?")


def test_the_object_is_the_only_thing_on_stdout(home: Home):
    call = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "6*7"}}]}
    ran = asked(home, call, {"text": f"Here: ```\n{PARIS}\n```", "deltas": 9})
    assert (ran.code, ran.out) == (0, '{"name":"Paris","population":2100000}\n')
    assert 'calculator(expression="6*7") ok, 0.0 s: 42' in ran.err


def test_a_correction_is_told_on_stderr(home: Home):
    ran = asked(home, {"text": "It is Paris."}, {"text": PARIS})
    assert (ran.code, json.loads(ran.out)) == (0, json.loads(PARIS))
    assert ran.err.startswith("The answer cannot be read: it is not valid JSON")


def test_an_answer_that_does_not_fit_is_exit_code_1_with_a_reason(home: Home):
    ran = asked(home, *[{"text": '{"name": "Paris", "population": "many"}'}] * 3)
    assert (ran.code, ran.out) == (1, "")
    assert 'population: expected integer, and got string "many"' in ran.err
    assert "the model does not keep to the schema; try a simpler one" in ran.err


def test_a_run_without_an_object_is_exit_code_1(home: Home):
    calls = {"toolCalls": [{"name": "calculator", "arguments": {"expression": "1"}}]}
    ran = asked(home, *[calls] * 10, {"text": "I ran out of steps."}, argv=("--json",))
    assert ran.code == 1
    assert ran.err.endswith("agiwod: the run ended without an answer that fits the schema\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": "strin"}', "\n  outputSchema.type: 'strin' is not valid"),
        ('{"type": ', "city.bad.json cannot be read: "),
        ("[]", "city.bad.json is not a JSON object"),
    ],
)
def test_a_schema_that_cannot_be_used_is_exit_code_2(home: Home, text: str, said: str):
    (home.path / "city.bad.json").write_text(text)
    ran = asked(home, {"text": PARIS}, schema="city.bad.json")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
