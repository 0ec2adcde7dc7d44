"""Messages for a model, made from what is recorded: of the run itself and of the session's earlier runs. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from agiwo.durable import INTERRUPTED, SPEC, STEP, STEP_FAILED
from agiwo.schema.growing import Growing
from agiwo.schema.past import Past
from agiwo.schema.record import Record

Message = dict[str, Any]
"""One message in the form of OpenAI's chat completions."""

CUT_OFF = "The run was interrupted before this call gave a result."

BEFORE_RUN = "input/before"
"""Key of the step in which a hook may put something in the place of what the user said."""

_AUDIO = {"audio/mpeg": "mp3", "audio/x-wav": "wav"}
"""What a format is called that is not called as its MIME type ends."""

_MODEL_KEY = re.compile(r"(\d+|summary)/llm")
_COMPACT_KEY = re.compile(r"\d+/compact")
_GOES_ON = re.compile(r"(\d+|summary)/llm|\d+/compact")
_OUTPUT_KEY = re.compile(r"\d+/output")
_TOOL_KEY = re.compile(r"(\d+)\.(\d+)/run")


def user_message(content: str | Sequence[Mapping[str, Any]]) -> Message:
    """What the user said. Text parts alone become a plain string."""
    if isinstance(content, str):
        return {"role": "user", "content": content}
    if all(part.get("type") == "text" for part in content):
        return {"role": "user", "content": "\n".join(part.get("text", "") for part in content)}
    return {"role": "user", "content": [_content_part(part) for part in content]}


def _content_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "text", "text": part.get("text", "")}
    kind, mime = part.get("type"), part.get("mimeType", "application/octet-stream")
    url = part.get("url") or f"data:{mime};base64,{part.get('data', '')}"
    if kind == "image":
        detail = {"detail": part["detail"]} if "detail" in part else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if kind == "audio":
        sound = {"url": part["url"]} if "url" in part else {"data": part.get("data", "")}
        return {"type": "input_audio", "input_audio": {**sound, "format": _AUDIO.get(mime, mime.partition("/")[2])}}
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url}}


def assistant_message(answer: Mapping[str, Any]) -> Message:
    """What the model said, as a provider takes it back: arguments that are not JSON never go out again."""
    message: Message = {"role": "assistant", "content": answer["text"]}
    if answer.get("reasoning"):
        message["reasoning_content"] = answer["reasoning"]
    if answer.get("signature"):
        message["reasoning_signature"] = answer["signature"]
    if answer["toolCalls"]:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"] if call["valid"] else "{}"},
            }
            for call in answer["toolCalls"]
        ]
    return message


def tool_message(call: str, content: str) -> Message:
    """The result of the call with that id."""
    return {"role": "tool", "tool_call_id": call, "content": content}


def past_messages(past: Past) -> Growing[Message]:
    """The conversation of a session's earlier runs, valid for every provider: each tool call has one result."""
    return past.fold(with_run, Growing[Message]).copy()


def with_run(
    messages: Growing[Message], records: Sequence[Record], said: Message | None = None, until: str | None = None
) -> Growing[Message]:
    """The messages with those of one run behind them, up to the model call with the key `until`.

    `said` may be what the user said, as the model was told it.
    """
    keyed = {record.key: record for record in records if record.key}
    last = next((key for key in reversed(keyed) if _MODEL_KEY.fullmatch(key)), None)
    correction: str | None = None
    for record in takewhile(lambda each: each.key != until, records) if until else records:
        if correction and _GOES_ON.fullmatch(record.key or ""):  # only now it is known that the model was asked again
            messages.append(user_message(correction))
            correction = None
        if record.type == SPEC:
            messages.append(said or user_message(asked(record, records)))
        elif record.key and record.type == STEP and _COMPACT_KEY.fullmatch(record.key):
            messages = compacted(messages, record.data["value"])
        elif record.key and (model := _MODEL_KEY.fullmatch(record.key)):
            if record.type == STEP:
                messages.extend(_turn_messages(model[1], record.data["value"], keyed))
            elif record.key == last and (partial := partial_text(record)):  # else the run went on, and said it anew
                messages.append({"role": "assistant", "content": partial})
        elif record.key and record.type == STEP and _OUTPUT_KEY.fullmatch(record.key):
            correction = record.data["value"].get("correction")
    if until and correction:
        messages.append(user_message(correction))
    return messages


def compacted(messages: Growing[Message], value: Mapping[str, Any]) -> Growing[Message]:
    """The messages with the summary in the place of those that it replaces."""
    text = f"This conversation began earlier. Its older part, summarised:\n\n{value['summary']}"
    return Growing([user_message(text), *messages[value["replaced"] :]])


def asked(spec: Record, records: Sequence[Record]) -> Any:
    """What the user said, or what a hook put in its place."""
    before = next((record for record in records if record.key == BEFORE_RUN and record.type == STEP), None)
    replaced = before and before.data["value"]
    return spec.data["spec"]["input"] if replaced is None else replaced


def _turn_messages(turn: str, answer: Mapping[str, Any], keyed: Mapping[str, Record]) -> Iterator[Message]:
    yield from (user_message(steering["content"]) for steering in answer["steering"])
    yield assistant_message(answer)
    for index, call in enumerate(answer["toolCalls"]):
        yield tool_message(call["id"], _result_text(keyed.get(f"{turn}.{index}/run")))


def _result_text(record: Record | None) -> str:
    if record is None or record.type == INTERRUPTED:
        return CUT_OFF
    if record.type == STEP_FAILED:
        return failed_call_text(record.data["error"]["kind"], record.data["error"]["message"])
    return record.data["value"]["content"]


def is_unseen(record: Record) -> bool:
    """Whether a model call was recorded without an event: it gave nothing but calls, which are told when they end.

    So was one that was cut off, for what it had said by then is told with what follows.
    """
    if not (record.key and _MODEL_KEY.fullmatch(record.key)):
        return False
    if record.type != STEP:
        return True
    value = record.data["value"]
    return bool(value["toolCalls"]) and not (value["text"] or value["reasoning"] or value["steering"])


def partial_text(record: Record) -> str:
    """What a model had said when its call failed or was interrupted."""
    items = record.data["items"] if record.type == INTERRUPTED else record.data["error"]["detail"].get("items", ())
    return "".join(item["streams"].get("text", "") for item in items if item["kind"] == "agentMessage")


def failed_call_text(kind: str, message: str) -> str:
    """What the model is told of a tool call whose step failed."""
    if kind == "outcome_unknown":
        return (
            "Outcome unknown: the process ended while this call was under way. It may or may not have taken effect, "
            "and it was not run again. Find out before you repeat it."
        )
    return f"Error: {message}"
