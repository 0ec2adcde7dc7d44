"""`agiwod traces`: what runs did, as a list, as a waterfall, and for other programs."""

import json
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agiwod.cli.failure import CommandFailed, ExitCode
from agiwod.cli.listing import AsJson

if TYPE_CHECKING:
    from agiwo_protocol import trace

    from agiwod.cli.waterfall import Line

traces = typer.Typer(help="What runs did, with times, tokens, cost and errors.", no_args_is_help=True)

_ID = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="A trace or a run, or the beginning of its id; without it, the newest trace."),
]
_WithContent = Annotated[bool, typer.Option("--content", help="With what was said, and the words of errors.")]


class Status(StrEnum):
    """How a trace stands."""

    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


class Form(StrEnum):
    """What an export is written as."""

    OTLP = "otlp"
    NDJSON = "ndjson"


@traces.command("list")
def list_traces(
    agent: Annotated[str | None, typer.Option(help="Those that this agent began.")] = None,
    session: Annotated[str | None, typer.Option(help="Those of this conversation.")] = None,
    user: Annotated[str | None, typer.Option(help="Those of this user.")] = None,
    status: Annotated[Status | None, typer.Option(help="Those that stand so.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begun then or later; 3h is three hours ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Begun then or earlier.")] = None,
    longer: Annotated[
        str | None, typer.Option("--min-duration", metavar="SPAN", help="That took so long or longer, such as 2s.")
    ] = None,
    shorter: Annotated[
        str | None, typer.Option("--max-duration", metavar="SPAN", help="That took so long or less.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many of the newest to leave out.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List traces, newest first."""
    from agiwo_protocol import trace

    from agiwod.cli.table import show_table
    from agiwod.cli.trace_reading import read_list

    asked: dict[str, Any] = {
        "agent_id": agent,
        "session_id": session,
        "user_id": user,
        "status": status and str(status),
        "start_time": _moment(since),
        "end_time": _moment(until),
        "min_duration_ms": _milliseconds(longer),
        "max_duration_ms": _milliseconds(shorter),
    }
    found = read_list(trace.ListParams(**asked, limit=limit), offset)
    if as_json:
        print(json.dumps(found.to_wire()))
        return
    head = ("trace", "agent", "status", "began", "took", "models", "tools", "tokens", "cost")
    show_table(head, [_row(each) for each in found.traces])


def _moment(text: str | None) -> str | None:
    from agiwod.cli.instant import moment_of

    try:
        return None if text is None else moment_of(text, time.time())
    except ValueError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from None


def _milliseconds(text: str | None) -> float | None:
    from agiwod.cli.instant import span_of

    try:
        return None if text is None else 1000 * span_of(text)
    except ValueError as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from None


def _row(each: "trace.Trace") -> tuple[str, ...]:
    from agiwod.cli.instant import took
    from agiwod.cli.waterfall import cost

    tokens = str(each.input_tokens + each.output_tokens)
    calls = str(each.llm_calls), str(each.tool_calls)
    paid = cost({"cost_usd": each.cost_usd, "cost_basis": each.cost_basis})
    return each.trace_id, each.agent_id, each.status, each.start_at[:19], took(each.duration_ms), *calls, tokens, paid


@traces.command("show")
def show_trace(id: _ID = None, content: _WithContent = False, as_json: AsJson = False) -> None:
    """Draw a trace: who called whom, when, for how long, and what it cost."""
    from agiwod.cli.trace_reading import read_trace

    found, spans = read_trace(id, content=content)
    if as_json:
        print(json.dumps({"trace": found.to_wire(), "spans": [span.to_wire() for span in spans]}))
        return
    from rich.console import Console

    from agiwod.cli.waterfall import drawn

    console = Console()
    print("\n".join(_told(found)), end="\n\n")
    _print(drawn(spans, console.width, time.time()), console.is_terminal and not console.no_color)


def _told(found: "trace.Trace") -> list[str]:
    from agiwod.cli.instant import took
    from agiwod.cli.plain import without_controls
    from agiwod.cli.waterfall import cost

    calls = f"{found.llm_calls} model calls, {found.tool_calls} tool calls"
    told = {
        "trace": found.trace_id,
        "run": found.run_id,
        "session": found.session_id,
        "agent": found.agent_id,
        "user": found.user_id,
        "status": found.status,
        "began": found.start_at[:19],
        "took": f"{took(found.duration_ms)}, {calls}",
        "tokens": f"{found.input_tokens} in, {found.output_tokens} out",
        "cost": cost({"cost_usd": found.cost_usd, "cost_basis": found.cost_basis}),
    }
    return [f"{name:<8} {without_controls(str(value))}" for name, value in told.items() if value]


def _print(lines: "list[Line]", is_styled: bool) -> None:
    if not is_styled:
        print("\n".join("".join(piece.text for piece in line).rstrip() for line in lines))
        return
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    ends = Segment("\n")
    segments: list[Segment] = []
    for line in lines:
        segments += [Segment(piece.text, Style.parse(piece.style)) for piece in line]
        segments.append(ends)
    Console().print(Segments(segments), end="")


@traces.command("export")
def export_traces(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Traces or runs; without any, the newest traces.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="OTLP: a line a trace, as collectors read it. NDJSON: a line a span.")
    ] = Form.OTLP,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, when none is named.")] = 20,
    content: _WithContent = False,
) -> None:
    """Write traces to stdout for other programs."""
    from agiwo_protocol import trace

    from agiwod.cli.otlp_json import otlp_line, span_lines
    from agiwod.cli.trace_reading import read_list, read_trace

    wanted = ids or [each.run_id for each in read_list(trace.ListParams(limit=limit), 0).traces]
    for id in wanted:
        found, spans = read_trace(id, content=content)
        lines = [otlp_line(found, spans)] if form is Form.OTLP else span_lines(found, spans)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
