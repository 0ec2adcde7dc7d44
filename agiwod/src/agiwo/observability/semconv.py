"""The names of OpenTelemetry's conventions for generative AI, and what of ours goes under them. The only place of them.

They are in development and still change, so the version is pinned here and kept with each trace, and a test holds every
name against what is written down beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agiwo.observability.trace import Span
from agiwo.schema.run import RunSpec, Usage

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""The version of the conventions: open-telemetry/semantic-conventions-genai, which has no release yet."""

OPERATION: Final = "gen_ai.operation.name"
MODEL: Final = "gen_ai.request.model"
PROVIDER: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL: Final = "gen_ai.tool.name"
ERROR_TYPE: Final = "error.type"
TERMINATION: Final = "agiwo.termination_reason"
COST_USD: Final = "agiwo.cost_usd"

MODEL_DURATION: Final = "gen_ai.client.inference.duration"
FIRST_CHUNK: Final = "gen_ai.client.inference.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.client.inference.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.client.inference.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.client.inference.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.client.inference.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.client.inference.usage.reasoning.output_tokens"
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
"""Names of metrics; what the conventions have none for begins with `agiwo`."""

Attributes = dict[str, Any]


def agent_name(agent: str) -> str:
    """The name of a run's span."""
    return f"invoke_agent {agent}"


def agent(run: str, spec: RunSpec) -> Attributes:
    """What a run's span says from its beginning."""
    model: str | None = spec.plan.get("model")
    found: Attributes = {
        OPERATION: "invoke_agent",
        "gen_ai.agent.id": spec.agent,
        AGENT_NAME: spec.agent,
        **_conversation(spec),
        "agiwo.run.id": run,
    }
    if model:
        found[MODEL] = model
    if spec.user_id:
        found["user.id"] = spec.user_id
    return found


def chat_name(model: str) -> str:
    """The name of a model call's span."""
    return f"chat {model}" if model else "chat"


def chat(spec: RunSpec, step: str, answer: Mapping[str, Any]) -> Attributes:
    """What a model call's span says; `answer` is what is recorded of it, as far as anything is."""
    provider, model = answer.get("provider"), answer.get("modelId") or answer.get("model") or spec.plan.get("model")
    found: Attributes = {OPERATION: "chat", "gen_ai.request.stream": True, **_conversation(spec), "agiwo.step": step}
    if provider:
        found[PROVIDER] = provider
    if model:
        found[MODEL] = model
    if reason := answer.get("finishReason"):
        found["gen_ai.response.finish_reasons"] = [reason]
    started, first = answer.get("startedAt"), answer.get("firstAt")
    if started is not None and first is not None:
        found["gen_ai.response.time_to_first_chunk"] = max(0.0, first - started)
    return found | (_usage(Usage.from_json(answer["usage"])) if "usage" in answer else {})


def model_labels(answer: Mapping[str, Any]) -> tuple[str, str, str]:
    """By what the numbers of a model call are kept apart: operation, provider, model."""
    return "chat", str(answer.get("provider") or ""), str(answer.get("modelId") or answer.get("model") or "")


def _usage(usage: Usage) -> Attributes:
    counts = {
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    found: Attributes = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        **{name: count for name, count in counts.items() if count},
    }
    if usage.cost_usd is not None:
        found |= {COST_USD: usage.cost_usd, "agiwo.cost_basis": usage.cost_basis}
    return found


def tool_name(tool: str) -> str:
    """The name of a tool call's span."""
    return f"execute_tool {tool}"


def tool(spec: RunSpec, step: str, name: str, call: str, told: Mapping[str, Any]) -> Attributes:
    """What a tool call's span says; `told` is what the plan tells of the tool, if it knows it."""
    found: Attributes = {
        OPERATION: "execute_tool",
        TOOL: name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call,
        **_conversation(spec),
        "agiwo.step": step,
        **_mcp(name),
    }
    return found | ({"gen_ai.tool.description": told["description"]} if "description" in told else {})


def _mcp(name: str) -> Attributes:
    """What is said of a tool of an MCP server: its call is no span of its own below that of the tool."""
    server, _, tool = name.removeprefix(_MCP).partition("/")
    if not name.startswith(_MCP) or not tool:
        return {}
    return {"gen_ai.tool.type": "extension", "mcp.method.name": "tools/call", "agiwo.mcp.server": server}


_MCP: Final = "mcp:"
"""How people's names of tools of MCP servers begin: `mcp:files/read_file`."""


def skill(spec: RunSpec, arguments: Mapping[str, Any]) -> Attributes:
    """What the call of the tool for skills says of the one that it read, if the run has it: no other is named."""
    skills: Sequence[Mapping[str, Any]] = spec.plan.get("skills", ())
    read = next((each for each in skills if each["name"] == arguments.get("skill_name")), None)
    return {"gen_ai.skill.name": read["name"], "gen_ai.skill.version": read["version"]} if read else {}


def retry(spec: RunSpec, told: Mapping[str, Any]) -> Attributes:
    """What the span of a pause before another request says."""
    counted = {"agiwo.retry.attempt": told.get("attempt"), "agiwo.retry.delay": told.get("delay")}
    return {**_conversation(spec), **counted, ERROR_TYPE: told.get("kind") or "_OTHER"}


def approval(spec: RunSpec, tool: str) -> Attributes:
    """What the span of a wait for somebody's word says."""
    return {**_conversation(spec), TOOL: tool}


def outcome(told: Mapping[str, Any]) -> Attributes:
    """What is known of such a wait once it is over."""
    answered = {"agiwo.approval.outcome": told.get("outcome"), "agiwo.approval.by": told.get("by")}
    return {name: value for name, value in answered.items() if value}


def sleep(spec: RunSpec) -> Attributes:
    """What the span of a sleep says."""
    return _conversation(spec)


def _conversation(spec: RunSpec) -> Attributes:
    # The second name is older, and what some backends group by.
    return {"gen_ai.conversation.id": spec.session, "session.id": spec.session}


# What was said


def said_by_user(content: str | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A user's message, in the form that the conventions give messages."""
    if isinstance(content, str):
        return {"role": "user", "parts": [{"type": "text", "content": content}]}
    return {"role": "user", "parts": [_part(part) for part in content]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "text", "content": part.get("text", "")}
    return {"type": "uri" if "url" in part else "blob", "modality": part.get("type"), "uri": part.get("url")}


def said_by_tool(call: str, content: Any) -> dict[str, Any]:
    """What a call gave the model."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call, "response": content}]}


def said_by_model(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a model answered."""
    parts: list[dict[str, Any]] = []
    if answer.get("reasoning"):
        parts.append({"type": "reasoning", "content": answer["reasoning"]})
    if answer.get("text"):
        parts.append({"type": "text", "content": answer["text"]})
    calls: Sequence[Mapping[str, Any]] = answer.get("toolCalls") or ()
    parts += [{"type": "tool_call", **{name: call[name] for name in ("id", "name", "arguments")}} for call in calls]
    return {"role": "assistant", "parts": parts, "finish_reason": answer.get("finishReason")}


_CONTENT: Final = {
    "system": "gen_ai.system_instructions",
    "messages": "gen_ai.input.messages",
    "response": "gen_ai.output.messages",
    "args": "gen_ai.tool.call.arguments",
    "output": "gen_ai.tool.call.result",
}
"""Where each detail of a span goes."""


def content(span: Span) -> Attributes:
    """The attributes that hold what was said, of a span that captured it: JSON as text, as spans have it."""
    details = {**(span.llm_details or {}), **(span.tool_details or {})}
    known = {_CONTENT[name]: value for name, value in details.items() if name in _CONTENT}
    return {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in known.items()}
