"""`agiwod conformance`: holds transcripts of the protocol against a server, ours or anybody's."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agiwod.cli.failure import CommandFailed, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agiwod.conformance.line import Style, Way
    from agiwod.conformance.suite import Result
    from agiwod.conformance.transcript import Transcript

Framing = Literal["both", "newline", "content-length"]


def conformance(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TRANSCRIPT", help="Names of those that come with agiwod, or files; without, all."),
    ] = None,
    stdio: Annotated[
        str | None, typer.Option(metavar="CMD", help="The server is this command, one process a connection.")
    ] = None,
    socket: Annotated[str | None, typer.Option(metavar="PATH", help="The server is at this unix socket.")] = None,
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The server is at this port.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The token for --tcp, said in an opening line.")
    ] = None,
    framing: Annotated[Framing, typer.Option(help="How messages are framed.")] = "both",
    agent: Annotated[str | None, typer.Option(help="Who answers; without it, the default agent.")] = None,
    caller: Annotated[
        str | None, typer.Option(help="An agent that calls `lookup`, a tool of the client, then answers.")
    ] = None,
    asker: Annotated[
        str | None, typer.Option(help="An agent whose first call needs approval, and which answers when it is denied.")
    ] = None,
    single: Annotated[bool, typer.Option("--single", help="The server takes one connection at a time.")] = False,
    patience: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long a step may take.")] = 60.0,
    show: Annotated[bool, typer.Option("--list", help="Only say which transcripts there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Hold transcripts of the protocol against a server: does it speak as every client may expect? Code 1 if not."""
    import asyncio

    transcripts = _chosen(names or [])
    if show:
        _list(transcripts, as_json=as_json)
        return
    way = _way(stdio, socket, tcp, token_file)
    given = {"agent": agent, "caller": caller, "asker": asker, "lines": None if single else True}
    known = {name: value for name, value in given.items() if value is not None}
    styles: tuple[Style, ...] = ("newline", "content-length") if framing == "both" else (framing,)
    results = asyncio.run(_hold(way, transcripts, styles, known, patience, as_json=as_json))
    _sum_up(results, as_json=as_json)


def _chosen(names: "Sequence[str]") -> "Sequence[Transcript]":
    """Those of these names, with or without their numbers, or of these files; without any, all there are."""
    from agiwod.conformance.transcript import BadTranscript, bundled, read_transcript

    try:
        known = {name: each for each in bundled() for name in (each.name, each.name.partition("-")[2])}
        return [known.get(name) or read_transcript(Path(name)) for name in names] or bundled()
    except BadTranscript as error:
        raise CommandFailed(str(error), hint="`agiwod conformance --list` names all", code=ExitCode.USAGE) from None


def _list(transcripts: "Sequence[Transcript]", *, as_json: bool) -> None:
    from agiwod.cli.table import show_table

    if as_json:
        told = [{"name": each.name, "about": each.about, "needs": sorted(each.needs)} for each in transcripts]
        print(json.dumps({"transcripts": told}))
        return
    rows = [(each.name, ", ".join(sorted(each.needs)), each.about) for each in transcripts]
    show_table(("transcript", "needs", "about"), rows)


def _way(stdio: str | None, socket: str | None, tcp: str | None, token_file: Path | None) -> "Way":
    from agiwod.conformance.line import CommandWay, SocketWay, TcpWay

    if sum(each is not None for each in (stdio, socket, tcp)) != 1:
        raise CommandFailed(
            "say which server to try", hint="one of --stdio CMD, --socket PATH, --tcp HOST:PORT", code=ExitCode.USAGE
        )
    if stdio is not None:
        return CommandWay(stdio)
    if socket is not None:
        return SocketWay(socket)
    host, _, port = (tcp or "").rpartition(":")
    if not host or not port.isdecimal():
        raise CommandFailed(f"{tcp!r} is no HOST:PORT", code=ExitCode.USAGE)
    return TcpWay(host.strip("[]"), int(port), _opening(token_file))


def _opening(token_file: Path | None) -> bytes:
    from agiwo_protocol.preface import Preface

    if token_file is None:
        return b""
    return Preface("rpc", {"token": token_file.read_text(encoding="ascii").strip()}).to_line()


async def _hold(
    way: "Way",
    transcripts: "Sequence[Transcript]",
    styles: "Sequence[Style]",
    known: "Mapping[str, object]",
    patience: float,
    *,
    as_json: bool,
) -> "list[Result]":
    from agiwod.conformance.suite import hold

    results: list[Result] = []
    async for result in hold(way, transcripts, styles, known, patience):
        results.append(result)
        if not as_json:
            _show(result)
    return results


def _show(result: "Result") -> None:
    from agiwod.cli.plain import without_controls

    about = f"{result.steps} steps, {result.milliseconds} ms" if result.status == "passed" else result.reason or ""
    word = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}[result.status]
    print(without_controls(f"{word:8}{result.transcript:24}{result.framing:16}{about}"), flush=True)


def _sum_up(results: "Sequence[Result]", *, as_json: bool) -> None:
    counts = {status: sum(each.status == status for each in results) for status in ("passed", "failed", "skipped")}
    if as_json:
        print(json.dumps({**counts, "results": [asdict(each) for each in results]}))
    else:
        print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if counts["failed"]:
        raise typer.Exit(ExitCode.FAILED)
