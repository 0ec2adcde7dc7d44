"""The contracts: each once, strict about types, and everything generated from them fresh."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
from agiwo_protocol import agent, contract, errors, run, version
from agiwo_protocol.catalog import CLIENT_METHODS, EVENTS, METHODS, RESOURCES, URGENT
from agiwo_protocol.contract import Empty, Wire
from agiwo_protocol.markdown import markdown
from agiwo_protocol.published import FILES, stale, write
from agiwo_protocol.schema import json_schema, open_rpc, published_name, schema_hash, shapes, summary
from agiwo_protocol.typescript import typescript
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]


def test_every_generated_file_is_what_the_contracts_say() -> None:
    assert stale() == [], "run: uv run python -m agiwo_protocol --write"


def test_one_command_makes_the_generated_files_anew(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path)
    for folder in ("protocol/src/agiwo_protocol", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "protocol" / "pyproject.toml").touch()
    assert write(tmp_path) == list(FILES)
    (tmp_path / "docs" / "protocol.md").write_text("edited by hand")
    assert write(tmp_path) == ["docs/protocol.md"]
    assert stale(tmp_path) == []


def test_the_published_json_schema_is_one() -> None:
    document = json_schema()
    for shape in (*document["$defs"].values(), *document["runEvents"].values()):
        Draft202012Validator.check_schema(shape)
    assert {"run/start", "run/event"} <= {*document["methods"], *document["events"]}


def test_the_first_methods_are_there() -> None:
    early = {name for name, method in METHODS.items() if method.early}
    assert early == {"initialize", "ping", "daemon/status", "rpc/discover"}
    assert {"run/start", "run/attach", "run/events", "session/history", "blob/get", "model/list"} <= set(METHODS)
    assert {"ping", "run/cancel"} <= URGENT
    assert set(EVENTS) >= {"initialized", "exit", "$/cancelRequest", "run/event", "daemon/draining"}


def test_every_contract_of_a_resource_is_in_the_catalog_under_its_own_name() -> None:
    catalog: list[object] = [*METHODS.values(), *CLIENT_METHODS.values(), *EVENTS.values()]
    assert not EVENTS.keys() & {*METHODS, *CLIENT_METHODS}
    for module in RESOURCES:
        declared: list[object] = [
            value
            for value in vars(module).values()
            if type(value) in (contract.Method, contract.ClientMethod, contract.Event)
        ]
        assert declared
        assert [each for each in declared if each not in catalog] == []


def test_every_reference_of_a_document_leads_to_a_shape() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for value in cast("list[Any]", node) for found in references(value)]
        if not isinstance(node, dict):
            return []
        members = cast("dict[str, Any]", node)
        own = [members["$ref"]] if "$ref" in members else []
        return own + [found for value in members.values() for found in references(value)]

    document = json_schema()
    assert {ref.rpartition("/")[2] for ref in references(document)} <= set(shapes())
    assert all(ref.startswith("#/components/schemas/") for ref in references(open_rpc()))
    assert set(open_rpc()["components"]["schemas"]) == set(shapes())


def test_typescript_names_every_method_and_event() -> None:
    text = typescript()
    assert '  "run/start": { params: RunStartParams; result: RunStartResult };' in text
    assert '  "run/event": RunEvent;' in text
    assert "  sessionId?: string;" in text
    assert '  "approval/request": { params: Approval; result: ApprovalReply };' in text
    assert all(f'"{name}"' in text for name in (*METHODS, *CLIENT_METHODS, *EVENTS))
    assert all(f"export interface {name} " in text or f"export type {name} " in text for name in shapes())


@pytest.mark.parametrize("format", ["jsonschema", "openrpc", "typescript", "markdown", "summary"])
def test_the_module_prints_the_catalog(format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agiwo_protocol", "--format", format],
        capture_output=True,
        timeout=60,
        check=True,
        cwd=ROOT / "protocol" / "src",
    )
    printed = done.stdout.decode()
    expected = {"typescript": typescript(), "markdown": markdown(), "summary": summary()}
    if format in expected:
        assert printed == expected[format]
    else:
        assert json.loads(printed) == (json_schema() if format == "jsonschema" else open_rpc())


def test_the_hash_names_the_schema_and_not_the_moment() -> None:
    code = "from agiwo_protocol.schema import schema_hash; print(schema_hash())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=180, check=True, cwd=ROOT / "protocol" / "src"
    )
    assert done.stdout.decode().strip() == schema_hash()


def test_params_are_strict_about_types_and_deaf_to_strangers() -> None:
    params = contract.read_params(run.StartParams, {"agent": "a", "input": "hi", "fromTheFuture": 1})
    assert params == run.StartParams(agent="a", input="hi")
    with pytest.raises(errors.InvalidParams) as refused:
        contract.read_params(run.EventsParams, {"runId": "r", "after": "7", "limit": 0})
    assert refused.value.data["errors"] == [
        {"path": "after", "message": "Input should be a valid integer"},
        {"path": "limit", "message": "Input should be greater than or equal to 1"},
    ]


@pytest.mark.parametrize(
    ("model", "params", "path"),
    [
        (run.StartParams, {"input": "x"}, "agent"),
        (run.StartParams, {"agent": "a", "input": [{"type": "text", "text": "x"}, {"type": "image"}]}, "input.1"),
        (run.StartParams, {"agent": "a", "input": [{"type": "video"}]}, "input.0.type"),
        (run.StartParams, {"agent": "a", "input": [{"type": "text"}]}, "input.0"),
        (run.StartParams, {"agent": "a", "input": "x", "budget": {"tokens": -1}}, "budget.tokens"),
        (run.AttachParams, {"runId": "r", "scope": "tree", "after": {"r": "1"}}, "after.r"),
        (run.AttachParams, {"runId": "r", "after": {"r": 1}}, ""),
        (run.RunParams, {"run_id": "r"}, "runId"),
        (run.RunParams, ["r"], ""),
        (agent.AgentParams, None, "agentId"),
        (contract.Page, {"limit": True}, "limit"),
    ],
)
def test_what_is_wrong_with_params_is_said_by_its_place_on_the_wire(
    model: type[Wire], params: dict[str, Any] | list[Any] | None, path: str
) -> None:
    with pytest.raises(errors.InvalidParams) as refused:
        contract.read_params(model, params)
    assert path in [each["path"] for each in refused.value.data["errors"]]


def test_what_a_client_may_send_has_a_bound_wherever_each_member_of_it_costs() -> None:
    def unbounded(schema: dict[str, Any], place: str) -> list[str]:
        if "$ref" in schema:
            return unbounded(shapes()[schema["$ref"].rpartition("/")[2]], place)
        found = [place] if schema.get("type") == "array" and "maxItems" not in schema else []
        is_map = isinstance(schema.get("additionalProperties"), dict)
        found += [place] if is_map and "maxProperties" not in schema else []
        for branch in schema.get("anyOf", []):
            found += unbounded(branch, place)
        for name, member in schema.get("properties", {}).items():
            found += unbounded(member, f"{place}.{name}")
        return found

    sent = {name: shapes()[published_name(method.params)] for name, method in METHODS.items()}
    sent |= {name: shapes()[published_name(method.result)] for name, method in CLIENT_METHODS.items()}
    assert [place for name, shape in sent.items() for place in unbounded(shape, name)] == []


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (run.StartParams, {"agent": "a", "input": [0] * 300_000}),
        (run.AttachParams, {"runId": "r", "scope": "tree", "after": dict.fromkeys(map(str, range(300_000)), "x")}),
        (run.ListParams, {"statuses": ["x"] * 300_000}),
        (run.AttachParams, {"runId": "r", "scope": "tree", "after": {"x" * 300_000: "x"}}),
        (run.AttachParams, {"runId": "r", "scope": "tree", "after": dict.fromkeys(map(str, range(9_000)), "x")}),
    ],
)
def test_complaints_are_short_and_soon_however_much_is_wrong(model: type[Wire], params: dict[str, Any]) -> None:
    begun = time.process_time()
    with pytest.raises(errors.InvalidParams) as refused:
        contract.read_params(model, params)
    assert time.process_time() - begun < 1.5  # some hundredths; what is wrong is not gone through to its end
    assert len(json.dumps(refused.value.to_error())) < 5000


def test_what_is_none_is_absent_on_the_wire_but_data_is_left_alone() -> None:
    event = run.RunEvent(run_id="r", seq=1, at="t", type="log", data={"a": None})
    assert event.to_wire() == {"runId": "r", "seq": 1, "at": "t", "type": "log", "data": {"a": None}}
    assert Empty().to_wire() == {}


def test_every_code_has_one_class_that_comes_back_from_the_wire() -> None:
    assert len({error.code for error in errors.ERRORS}) == len(errors.ERRORS) == 21
    for error in errors.ERRORS:
        for kind in error.kinds:
            made = error("m", kind=kind, further=1)
            back = errors.from_error(made.to_error())
            assert type(back) is error
            assert back.to_error() == made.to_error()
    assert {error.kinds[0] for error in errors.ERRORS if error.default_retryable} == {
        "deadline_exceeded",
        "overloaded",
        "draining",
    }


def test_a_version_that_is_not_spoken_is_refused_with_those_that_are() -> None:
    assert version.negotiate(version.PROTOCOL_VERSION) == 1
    with pytest.raises(errors.UnsupportedVersion) as refused:
        version.negotiate(2)
    assert (refused.value.code, refused.value.data["supported"]) == (-32009, [1])


@pytest.mark.parametrize("module", ["paths", "framing", "channel", "preface", "jsonrpc", "summary", "limits"])
def test_what_a_byte_pump_needs_does_not_import_pydantic(module: str) -> None:
    code = f"import sys, agiwo_protocol.{module}; sys.exit('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], timeout=180, check=False, cwd=ROOT / "protocol" / "src")
    assert done.returncode == 0
