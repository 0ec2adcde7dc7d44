"""What the doctor says of a Temporal server, and of the other daemons over the store."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo_protocol.paths import locate
from agiwod.cli.checks.engine import check_engine
from agiwod.cli.checks.finding import Finding, Patient
from agiwod.settings import load_settings
from mongo_lab import shared_server
from pymongo import MongoClient
from temporal_server import dev_server


def found(home: Path, engine: str, store: str = "") -> list[Finding]:
    (home / "config.toml").write_text(f'[engine]\nkind = "temporal"\n{engine}\n{store}')
    settings = load_settings(home, environ={})
    return list(check_engine(Patient(locate(home), None, None, settings)))


def said(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.area, each.state) for each in findings]


def test_a_daemon_that_is_alone_has_no_server(tmp_path: Path) -> None:
    assert list(check_engine(Patient(locate(tmp_path), None, None, load_settings(tmp_path, environ={})))) == []


def test_a_server_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert found(tmp_path, 'address = "127.0.0.1:9"') == [
        Finding(
            "temporal server",
            "fault",
            "nobody answers at 127.0.0.1:9: Connection refused",
            "start one there (`temporal server start-dev` for a try), or `agiwod config edit`",
        )
    ]


def test_a_certificate_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (refused,) = found(tmp_path, 'address = "127.0.0.1:9"\ntls_ca = "ca.pem"')
    assert refused.message == f"{tmp_path}/ca.pem cannot be read: No such file or directory"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with dev_server() as address:
        yield address


@pytest.mark.temporal
def test_a_server_that_answers_is_told_with_its_version_and_namespace(tmp_path: Path, address: str) -> None:
    server, namespace = found(tmp_path, f'address = "{address}"\ntask_queue = "mine"')
    assert server.message.startswith(f"{address} answers, Temporal 1.")
    assert (namespace.state, namespace.message) == ("ok", "default, for work on the task queue mine")


@pytest.mark.temporal
def test_a_namespace_that_is_missing_is_a_fault_with_the_command_that_makes_it(tmp_path: Path, address: str) -> None:
    server, namespace = found(tmp_path, f'address = "{address}"\nnamespace = "mine"')
    assert server.state == "ok"
    assert (namespace.state, namespace.message) == ("fault", "there is no namespace mine")
    assert namespace.todo == f"temporal operator namespace create --address {address} --namespace mine"


@pytest.mark.temporal
def test_a_server_that_speaks_otherwise_is_a_fault(tmp_path: Path, address: str) -> None:
    (server,) = found(tmp_path, f'address = "{address}"\ntls = true')
    assert server.state == "fault"
    assert server.message.startswith(f"{address} does not let us in: ")


@pytest.mark.mongo
def test_daemons_are_counted_and_their_clocks_are_compared(tmp_path: Path) -> None:
    server = shared_server()
    store = f'[storage]\nkind = "mongodb"\nuri = "{server.uri}"\n'
    with MongoClient[dict[str, Any]](server.uri, tz_aware=True) as client:
        daemons = client["agiwod"]["daemons"]
        try:
            for name, ahead in (("daemon_right", 0.0), ("daemon_fast", 60.0)):
                clock = {"$set": {"clock": time.time() + ahead, "seen": "$$NOW"}}
                daemons.update_one({"_id": name}, [clock], upsert=True)
            (told,) = found(tmp_path, 'address = "127.0.0.1:9"', store)[1:]
            assert (told.state, told.message) == (
                "warning",
                "2 daemons over this store; clocks are wrong beside the database's: daemon_fast by +60 s",
            )
            daemons.delete_one({"_id": "daemon_fast"})
            (told,) = found(tmp_path, 'address = "127.0.0.1:9"', store)[1:]
            assert (told.state, told.message) == ("ok", "1 daemon over this store; all clocks agree within 5 s")
        finally:
            client.drop_database("agiwod")
