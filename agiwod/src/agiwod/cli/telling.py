"""What a reader of a run is told, as pieces of text. Pure: knows neither terminal nor clock, and asks nobody."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, cast

from agiwo_protocol.run import RunEvent

from agiwod.cli.question import OUTCOMES

_LONGEST_ARGUMENT: Final = 40
_LONGEST_CALL: Final = 80
_LONGEST_OUTPUT: Final = 60
"""Characters of what a tool is given and gives; enough to recognise it, and a line stays a line."""

_LONGEST_FAULT: Final = 200
"""Characters of what is wrong with an answer; the end of the run tells all of it."""


class Voice(Enum):
    """Whose text it is."""

    ANSWER = "answer"
    THOUGHT = "thought"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what the model says, or thinks."""

    voice: Voice
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """That voice has said all of this item."""

    voice: Voice


@dataclass(frozen=True, slots=True)
class Note:
    """A line about the run."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing will be said for a while, because of this."""

    reason: str


Piece = Text | Stop | Note | Waiting

THINKING: Final = Waiting("thinking")


@dataclass(slots=True)
class _Stream:
    """The text of an open item as it was shown. `behind` is what a new attempt has not said again so far."""

    attempt: int = 0
    shown: list[str] = field(default_factory=list[str])
    behind: str = ""

    def add(self, attempt: int, text: str) -> tuple[str, bool]:
        """What is new of it, and whether the text begins anew, because this attempt says something else."""
        if attempt > self.attempt:
            self.attempt, self.behind = attempt, "".join(self.shown)
        if self.behind.startswith(text):
            self.behind = self.behind[len(text) :]
            return "", False
        if text.startswith(self.behind):
            new, self.behind = text[len(self.behind) :], ""
            self.shown.append(new)
            return new, False
        shown = "".join(self.shown)
        self.shown, self.behind = [shown[: len(shown) - len(self.behind)] + text], ""
        return self.shown[0], True

    def complete(self, whole: str) -> tuple[str, bool]:
        """What is new in the completed text, and whether it begins anew."""
        shown = "".join(self.shown)
        return (whole[len(shown) :], False) if whole.startswith(shown) else (whole, True)


class Telling:
    """Tells a run event by event. `model` is the one that answers, once the run has begun."""

    def __init__(self) -> None:
        self.model = ""
        self._streams: dict[str, _Stream] = {}
        self._calls: dict[str, _Call] = {}

    def tell(self, event: RunEvent) -> list[Piece]:
        """What to show for that event; nothing for one that only programs care about."""
        item, data = event.item_id or "", event.data
        match event.type:
            case "run/queued":
                return [Waiting("queued")]
            case "run/started":
                self.model = data.get("model", "")
                return [THINKING]
            case "run/resumed":
                return [Note("the daemon was gone; it is back, and the run goes on"), THINKING]
            case "run/retrying":
                return _retrying(data)
            case "output/rejected":
                return [Note(_short(str(data.get("message")), _LONGEST_FAULT), is_bad=True), THINKING]
            case "run/sleeping":
                return _sleeping(data)
            case "run/woken":
                return [THINKING]
            case "item/started":
                return self._opened(item, data)
            case "item/delta":
                return self._delta(item, data)
            case "item/completed":
                return self._completed(item, data)
            case "approval/requested":
                return [Waiting(f"{data['subject']['name']} waits for approval")]
            case "approval/resolved":
                return [_resolved(data), THINKING]
            case "run/completed":
                return self._done(data)
            case "run/cancelled":
                return [Note(f"the run was cancelled: {data.get('reason') or 'no reason given'}", is_bad=True)]
            case "log" if data.get("level") in ("warning", "error"):
                return [Note(str(data.get("message")), is_bad=True)]
            case _:
                return []

    def _opened(self, item: str, data: Mapping[str, Any]) -> list[Piece]:
        if data.get("kind") != "toolCall":
            return []
        self._calls[item] = _Call(data.get("name") or "tool")
        return [Waiting(self._calls[item].name)]

    def _delta(self, item: str, data: Mapping[str, Any]) -> list[Piece]:
        match data.get("kind"):
            case "text":
                return self._spoken(Voice.ANSWER, item, data)
            case "reasoning":
                return self._spoken(Voice.THOUGHT, item, data)
            case "toolArguments" if item in self._calls:
                return self._calls[item].add(data["attempt"], data["text"])
            case "toolOutput" if item in self._calls and data["text"].strip():
                last = data["text"].strip().splitlines()[-1]
                return [Waiting(f"{self._calls[item].name}: {_short(last, _LONGEST_OUTPUT)}")]
            case _:
                return []

    def _spoken(self, voice: Voice, item: str, data: Mapping[str, Any]) -> list[Piece]:
        stream = self._streams.setdefault(item, _Stream())
        return _say(voice, *stream.add(data["attempt"], data["text"]))

    def _completed(self, item: str, data: Mapping[str, Any]) -> list[Piece]:
        match data.get("kind"):
            case "agentMessage":
                return self._whole(Voice.ANSWER, item, data["text"])
            case "reasoning":
                return self._whole(Voice.THOUGHT, item, data["text"])
            case "toolCall":
                self._calls.pop(item, None)
                return [_outcome(data), THINKING]
            case _:
                return []

    def _whole(self, voice: Voice, item: str, text: str) -> list[Piece]:
        stream = self._streams.pop(item, _Stream())
        return [*_say(voice, *stream.complete(text)), Stop(voice)]

    def _done(self, data: Mapping[str, Any]) -> list[Piece]:
        reason = data.get("terminationReason", "completed")
        cut = [] if reason == "completed" else [Note(f"the run was ended by its limit: {reason}", is_bad=True)]
        return [*cut, Note(" · ".join(filter(None, [self.model, *_figures(data)])))]


def summary(item: Mapping[str, Any]) -> str:
    """A completed item in the fewest words that tell what it was; what was said is told whole."""
    match item.get("kind"):
        case "userMessage":
            return f"> {_words(item.get('content') or ())}"
        case "agentMessage":
            return item.get("text", "")
        case "reasoning":
            return f"({item.get('text', '')})"
        case "toolCall":
            return _outcome(item).text
        case "compaction":
            return f"[{item.get('replaced')} older messages, summarised: {item.get('text', '')}]"
        case kind:
            return f"[{kind}]"


def _words(content: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(part.get("text") or f"[{part.get('type')}]" for part in content)


@dataclass(slots=True)
class _Call:
    """A tool call whose arguments arrive."""

    name: str
    attempt: int = 0
    arguments: list[str] = field(default_factory=list[str])

    def add(self, attempt: int, text: str) -> list[Piece]:
        """The line that says that the tool starts, once its arguments are whole."""
        if attempt > self.attempt:
            self.attempt, self.arguments = attempt, []
        self.arguments.append(text)
        if not text.rstrip().endswith("}"):
            return []
        try:
            arguments = json.loads("".join(self.arguments))
        except ValueError:
            return []
        return [Note(f"{_call(self.name, arguments)} …"), Waiting(self.name)]


def _say(voice: Voice, text: str, begins_anew: bool) -> list[Piece]:
    said: list[Piece] = [Text(voice, text)] if text else []
    return [Stop(voice), Note("this was cut off; it begins anew"), *said] if begins_anew else said


def _retrying(data: Mapping[str, Any]) -> list[Piece]:
    delay, reason = data.get("delay", 0), data.get("reason", "the model failed")
    note = Note(f"{reason}; asking again in {delay:.1f} s (request {data.get('attempt', '?')})")
    return [note, Waiting("waiting to ask again")]


def _resolved(data: Mapping[str, Any]) -> Note:
    by = f" by {data['by']}" if data.get("by") else ""
    why = f": {_short(data['reason'], _LONGEST_OUTPUT)}" if data.get("reason") else ""
    outcome = data.get("outcome", "cancelled")
    return Note(f"{data.get('name', 'a call')} was {OUTCOMES.get(outcome, outcome)}{by}{why}")


def _sleeping(data: Mapping[str, Any]) -> list[Piece]:
    reason, seconds = data.get("reason"), data.get("seconds")
    until = f" for {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    return [*([Note(f"{reason}; the run sleeps{until}")] if reason else []), Waiting("sleeping")]


def _outcome(data: Mapping[str, Any]) -> Note:
    output: Mapping[str, Any] = data.get("output") or {}
    is_bad = bool(output.get("isError"))
    call = _call(data.get("name", "tool"), data.get("arguments"))
    seconds = data.get("durationMs", 0) / 1000
    content = output.get("content")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return Note(f"{call} {'error' if is_bad else 'ok'}, {seconds:.1f} s: {_short(text, _LONGEST_OUTPUT)}", is_bad)


def _call(name: str, arguments: object) -> str:
    if isinstance(arguments, Mapping):
        named = cast("Mapping[str, object]", arguments)
        written = [f"{key}={_argument(value)}" for key, value in named.items()]
    else:
        written = [] if arguments is None else [_argument(arguments)]
    return f"{name}({_short(', '.join(written), _LONGEST_CALL)})"


def _argument(value: object) -> str:
    return _short(json.dumps(value, ensure_ascii=False), _LONGEST_ARGUMENT)


def _short(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def cost_of(usage: Mapping[str, Any]) -> list[str]:
    """What it cost in dollars, and how sure that is; nothing when nothing is known, or it was free."""
    cost = usage.get("costUsd")
    if not cost:
        return []
    how = {"estimated": "about ", "lowerBound": "at least "}.get(usage.get("costBasis", ""), "")
    return [f"{how}${cost:.4f}" if cost >= 0.0001 else f"{how}${cost:.2g}"]


def _figures(data: Mapping[str, Any]) -> list[str]:
    usage: Mapping[str, Any] = data.get("usage") or {}
    figures = [f"{usage.get('inputTokens', 0)} tokens in, {usage.get('outputTokens', 0)} out"]
    return [*figures, *cost_of(usage), f"{data.get('durationMs', 0) / 1000:.1f} s"]
