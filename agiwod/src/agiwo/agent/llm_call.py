"""A model call of a run, for who looks into the run: made again from its records. Asks no model."""

from collections.abc import Mapping
from typing import Any

from agiwo.durable import RunView
from agiwo.loop.asked import messages_asked
from agiwo.loop.history import Message
from agiwo.loop.plan import Plan
from agiwo.schema.llm_call import LLMCallContext
from agiwo.schema.record import Record
from agiwo.schema.skill import SkillEntry
from agiwo.skill.section import skills_section


def system_messages(plan: Mapping[str, Any], prompt: str = "") -> list[Message]:
    """The prompt and the skills of a run's plan; `prompt` stands for that of a plan which has none."""
    skills = skills_section([SkillEntry(**each) for each in plan.get("skills", ())])
    content = "\n\n".join(filter(None, (plan.get("systemPrompt", prompt), skills)))
    return [{"role": "system", "content": content}] if content else []


def llm_call(run: RunView, keyed: Mapping[str, Record], answer: Record) -> LLMCallContext:
    """What the model was asked that gave this answer in the run, whose records by key are `keyed`."""
    value: Mapping[str, Any] = answer.data["value"]
    plan = run.spec.plan
    tools = Plan.from_json(plan).tools.values() if answer.key != "summary/llm" else ()
    return LLMCallContext(
        [*system_messages(plan), *messages_asked(run, keyed, answer)],
        [each.to_openai_schema() for each in tools] or None,
        {"model_id": value.get("modelId"), "model_name": value.get("model"), **value.get("params", {})},
        value.get("finishReason"),
    )
