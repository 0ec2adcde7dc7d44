"""What goes on as a picture: whole pictures at 80 columns, and what is left where there is less room."""

from pathlib import Path
from typing import Any

import pytest
from agiwo_protocol.daemon import Activity
from agiwod.cli.dashboard import Speed, Speeds, picture, sparkline
from rich.cells import cell_len

AT = "2023-11-14T22:13:20Z"


def run(id: str, above: str | None = None, status: str = "running", **members: Any) -> dict[str, Any]:
    known = {
        "runId": f"run_{id}",
        "parentRunId": above and f"run_{above}",
        "sessionId": "s",
        "agentId": "critic",
        "status": status,
        "createdAt": AT,
        "elapsedMs": 61_000.0,
        "inputTokens": 900,
        "outputTokens": 100,
        "costUsd": 0.0,
    }
    return {**known, **members}


def client(id: str, pid: int | None, **members: Any) -> dict[str, Any]:
    return {"connectionId": id, "name": "agiwod", "connectedAt": "2023-11-14T22:13:15Z", "pid": pid, **members}


def activity(runs: Any = (), clients: Any = (), **members: Any) -> Activity:
    counts = {"running": 2, "waiting": 1, "sleeping": 1}
    known: dict[str, Any] = {
        "at": AT,
        "state": "ready",
        "version": "1.2.3",
        "uptimeSeconds": 3661.0,
        "inputTokens": 2700,
        "outputTokens": 300,
        "costUsd": 0.0123,
        "counts": counts,
        "runs": list(runs),
        "omitted": 0,
        "clients": list(clients),
    }
    return Activity.model_validate({**known, **members})


SCENE = activity(
    [
        run("deep00000000000000", "kid100000000000000", doing="mcp:files/read_file"),
        run("kid200000000000000", "boss00000000000000", "sleeping"),
        run("kid100000000000000", "boss00000000000000", "waiting", doing="critic"),
        run("boss00000000000000", agentId="orchestrator", stateId="nightly", doing="answers"),
    ],
    [
        client("a", 7, runs=["run_boss"], lag=3),
        client("b", 7, runs=["run_kid1"]),
        client("c", None, title="An \x1b[2Jeditor"),
    ],
)
SPEED = Speed(23.75, {"run_boss00000000000000": 23.75})


def text(found: Activity, width: int = 80, height: int | None = None, speed: Speed = SPEED) -> list[str]:
    return [
        "".join(piece.text for piece in line).rstrip()
        for line in picture(found, speed, (0.0, 12.0, 24.0), width, height)
    ]


def test_everything_that_goes_on_is_seen_at_eighty_columns() -> None:
    assert text(SCENE) == Path(__file__).with_name("dashboard_80.txt").read_text().splitlines()


def test_nothing_goes_on_is_said_in_words() -> None:
    assert text(activity(counts={}))[2:] == ["", "no run", "", "no client"]


@pytest.mark.parametrize(("width", "height"), [(30, 8), (50, 10), (80, 10), (120, 40)])
def test_the_picture_stays_inside_the_screen(width: int, height: int) -> None:
    many = activity(
        [run(f"{each:020}", agentId="読書" * 9, doing="x" * 50) for each in range(60)], SCENE.to_wire()["clients"] * 9
    )
    lines = text(many, width, height)
    assert (max(map(cell_len, lines)) <= width, len(lines) <= height) == (True, True)
    assert any("more" in line for line in lines)


def test_more_runs_than_were_told_are_counted() -> None:
    assert "… and at least 1 more" in text(activity([run("a")], omitted=1))


def test_speed_is_what_came_between_two_looks() -> None:
    speeds = Speeds()
    first = activity([run("a", outputTokens=10)], outputTokens=10, uptimeSeconds=1.0)
    assert speeds.take(first) == Speed()
    later = activity([run("a", outputTokens=30), run("b", outputTokens=4)], outputTokens=34, uptimeSeconds=3.0)
    assert speeds.take(later) == Speed(12.0, {"run_a": 10.0, "run_b": 2.0})
    less = activity([run("a", outputTokens=20)], outputTokens=20, uptimeSeconds=4.0)
    assert speeds.take(less) == Speed(0.0, {"run_a": 0.0})
    assert speeds.take(activity(uptimeSeconds=0.5)) == Speed()  # another daemon
    assert list(speeds.history) == [12.0, 0.0]


def test_a_sparkline_shows_each_number_beside_the_largest() -> None:
    assert (sparkline([]), sparkline([0, 0]), sparkline([0, 4, 8])) == ("", "", "▁▅█")
