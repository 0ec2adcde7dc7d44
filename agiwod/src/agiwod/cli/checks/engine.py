"""The Temporal server whose work a daemon shares, and the other daemons over its store. Nothing, where it is alone."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

if TYPE_CHECKING:
    from temporalio.client import Client

    from agiwod.settings import EngineSettings, StorageSettings

_ANSWER: Final = 5.0
"""Seconds for a server to answer."""

_APART: Final = 5.0
"""Seconds that clocks may be apart: what sleeps, and when it was, is told by them."""

_NOT_FOUND: Final = 5
"""The status of gRPC for what is not there."""


def check_engine(patient: Patient) -> Iterator[Finding]:
    """Whether the server answers and has the namespace, who else is there, and whether the clocks agree."""
    from importlib.util import find_spec

    settings = patient.settings
    if settings is None or settings.engine.kind == "embedded":
        return
    if find_spec("temporalio") is not None:
        yield from _server(settings.engine)
    if settings.storage.kind == "mongodb" and find_spec("pymongo") is not None:
        yield from asyncio.run(_others(settings.storage))


def _server(engine: "EngineSettings") -> Iterator[Finding]:
    from agiwo.errors import ConfigError

    from agiwod.engines import temporal_options

    host, _, port = engine.address.rpartition(":")
    try:
        options = temporal_options(engine)
        # Asked first, because the library may crash at the end of a process in which it could not connect.
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except ConfigError as error:
        yield fault("temporal server", str(error), "`agiwod config edit`")
    except OSError as error:
        todo = "start one there (`temporal server start-dev` for a try), or `agiwod config edit`"
        yield fault("temporal server", f"nobody answers at {engine.address}: {error.strerror or error}", todo)
    else:
        yield from asyncio.run(_asked(options, engine))


async def _asked(options: dict[str, Any], engine: "EngineSettings") -> list[Finding]:
    from temporalio.client import Client
    from temporalio.service import RPCError

    try:
        async with asyncio.timeout(_ANSWER):
            client = await Client.connect(**options)
            version = await _version(client)
    except (RuntimeError, RPCError, TimeoutError) as error:
        todo = "look at address, tls and api_key in [engine]: `agiwod config edit`"
        return [fault("temporal server", f"{engine.address} does not let us in: {error or 'no answer'}", todo)]
    answers = ok("temporal server", f"{engine.address} answers, Temporal {version}")
    return [answers, await _namespace(client, engine)]


async def _version(client: "Client") -> str:
    from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

    answer = await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=_timeout())
    return answer.server_version or "of an unknown version"


async def _namespace(client: "Client", engine: "EngineSettings") -> Finding:
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.service import RPCError

    name = engine.namespace
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name), timeout=_timeout())
    except RPCError as error:
        if error.status == _NOT_FOUND:
            create = f"temporal operator namespace create --address {engine.address} --namespace {name}"
            return fault("temporal namespace", f"there is no namespace {name}", create)
        return fault("temporal namespace", f"{name}: {error}", "look at namespace and api_key: `agiwod config edit`")
    return ok("temporal namespace", f"{name}, for work on the task queue {engine.task_queue}")


def _timeout() -> timedelta:
    return timedelta(seconds=_ANSWER)


async def _others(storage: "StorageSettings") -> list[Finding]:
    """How many daemons are at work over the store, and how far each clock is from the database's."""
    from agiwo.errors import AgiwoError
    from agiwo.journal.mongo_server import MongoServer

    from agiwod.peers.mongo_register import clocks, own_clock
    from agiwod.stores import mongo_options

    options = mongo_options(storage)
    server = MongoServer(options["uri"], options["db_name"], _ANSWER)
    try:
        found = {"this machine": await own_clock(server, time.time), **await clocks(server)}
    except AgiwoError:
        return []  # which the check of the journal tells
    finally:
        await server.close()
    return [_told(found)]


def _told(clocks: dict[str, float]) -> Finding:
    count = len(clocks) - 1
    there = f"{count} daemon{'s' if count != 1 else ''} over this store"
    wrong = [f"{name} by {ahead:+.0f} s" for name, ahead in clocks.items() if abs(ahead) > _APART]
    if wrong:
        todo = "let all machines keep their time by NTP (`timedatectl set-ntp true`)"
        return warning("daemons", f"{there}; clocks are wrong beside the database's: {', '.join(wrong)}", todo)
    return ok("daemons", f"{there}; all clocks agree within {_APART:.0f} s")
