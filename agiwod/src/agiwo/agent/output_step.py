"""The effect that reads a run's last answer. Users' own checks run in here, so a replay does not run them again."""

from collections.abc import Mapping
from typing import Any

from agiwo.agent.json_answer import read_json
from agiwo.agent.model_step import STEER
from agiwo.agent.output_schema import OutputSchema
from agiwo.agent.output_type import OutputTypes
from agiwo.durable import StepResult, StepScope
from agiwo.schema.event import OUTPUT_REJECTED, NewEvent
from agiwo.tool.thread import in_thread

_CORRECTION = "{fault}\nGive the whole answer again, corrected, in the form that was asked for."


class OutputStep:
    """Reads answers in the forms that one agent's runs are asked for."""

    def __init__(self) -> None:
        self.types = OutputTypes()

    async def __call__(self, scope: StepScope, arg: Any) -> StepResult:
        """The value that the text in `arg` is; or its fault, and the correction that the model is told.

        Of a refusal there is the fault alone, and it `isFinal`: the model is asked no more.
        With a value no more messages are taken, unless some wait: then there is `more`.
        """
        output = self.types.find(scope.run.spec.plan["output"])
        try:
            value = read_json(arg["text"], output.schema.get("type"))
        except ValueError as error:
            return _refused(arg) if arg["finishReason"] == "content_filter" else _rejected(_unreadable(arg, error))
        if isinstance(output, OutputSchema):
            faults = await in_thread(lambda: output.faults(value))
        else:
            faults = output.faults(value)
        if faults:
            return _rejected("The answer does not fit:" + "".join(f"\n- {fault}" for fault in faults))
        return StepResult({"value": value, "more": not await scope.close(STEER)})


def _unreadable(arg: Mapping[str, Any], error: ValueError) -> str:
    if arg["finishReason"] == "length":
        return "The answer cannot be read: it was cut off at the limit of its tokens (max_tokens)."
    return f"The answer cannot be read: {error}."


def _refused(arg: Mapping[str, Any]) -> StepResult:
    """The end: who refuses once is not asked again."""
    said = f": {arg['text']}" if arg["text"].strip() else ""
    fault = f"There is no answer to be read: the model refused, or its provider stopped it (content_filter){said}"
    return StepResult({"fault": fault, "isFinal": True}, [NewEvent(OUTPUT_REJECTED, {"message": fault})])


def _rejected(fault: str) -> StepResult:
    value = {"fault": fault, "correction": _CORRECTION.format(fault=fault)}
    return StepResult(value, [NewEvent(OUTPUT_REJECTED, {"message": fault})])
