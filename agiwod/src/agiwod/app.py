"""The composition root: makes every part of the daemon, joins them, and takes them apart again. Contains no feature."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from agiwo.config import AgiwoSettings, use_settings
from agiwo.engine.redact import Redactor
from agiwo.mcp import McpServers
from agiwo.scheduler.config import SchedulerConfig, TaskLimits
from agiwo.skill import SkillManager
from agiwo.tool.sandbox import walls
from agiwo.tool.sweep import sweep_orphans
from agiwo.tool.thread import in_thread
from agiwo_protocol.paths import Paths

from agiwod import __version__
from agiwod.console_door import console_door
from agiwod.data_lock import data_lock
from agiwod.definer import Definer, DefinitionFile
from agiwod.descriptors import descriptors_for
from agiwod.engines import engine_of
from agiwod.entrance import Entrances, Places, entrances
from agiwod.face.door import Door
from agiwod.face.lock import Lock
from agiwod.face.rpc.greeting import Greeting
from agiwod.foreign import foreign_servers
from agiwod.handover import take_listener
from agiwod.logs import logging_to
from agiwod.memory import give_memory_back
from agiwod.notify import Notify, take_notify
from agiwod.offer import offered_models, secrets
from agiwod.opening import Opening
from agiwod.peers.joining import joined
from agiwod.projects import ReadSettings, TrustedProjects
from agiwod.reload import Reload
from agiwod.retention import forgetting
from agiwod.roster import build_agents
from agiwod.runtime.daemon import Daemon, Facts, State
from agiwod.runtime.engines import MakeEngine
from agiwod.runtime.exposure import Exposure
from agiwod.runtime.identity import Identity
from agiwod.runtime.projects import Finder
from agiwod.runtime.traffic import Bounds
from agiwod.sandboxes import sandbox_of
from agiwod.settings import LimitsSettings, SchedulerSettings, Settings
from agiwod.shelf import skill_sources
from agiwod.stores import open_store, retention_of
from agiwod.telemetry import Sending, measuring, metric_options, sending, telemetry_options
from agiwod.told_settings import told_settings
from agiwod.transport.base import Converse
from agiwod.transport.stdio import StdioTransport
from agiwod.watchdog import watched
from agiwod.web import serve_web

log = logging.getLogger(__name__)


def serve(read: ReadSettings, paths: Paths, ready: Callable[[Places], None] = lambda _: None) -> None:
    """Run the daemon in the foreground until it is told to stop. `ready` is told where, once clients can connect.

    SIGTERM and SIGINT drain, a second one ends at once; either way unfinished runs go on at the next start. SIGHUP
    opens the log anew and takes the settings that `read` gives then. Where systemd has started this process, its socket
    is taken over, and it is told how things are.

    Raises:
        Conflict: another daemon uses the data directory; the error has its pid.
        ConfigError: the settings cannot work.
        StorageError: the journal cannot be opened.
    """
    notify = take_notify()
    listener = take_listener()

    def tell(places: Places) -> None:
        ready(places)
        notify.ready(str(places.socket))

    _run(read, paths, lambda settings: entrances(settings, paths, tell, listener), notify=notify)


def serve_stdio(read: ReadSettings, paths: Paths, opening: Opening) -> None:
    """Go on with a conversation, with a daemon of this process alone, which ends with it.

    Raises: as `serve`.
    """
    transport = StdioTransport(opening.source, opening.sink, opening.framing, opening.frames)
    _run(read, paths, lambda _: nullcontext(Entrances(((transport, None),))), opening)


def _run(
    read: ReadSettings,
    paths: Paths,
    enter: Callable[[Settings], AbstractContextManager[Entrances]],
    opening: Opening | None = None,
    notify: Notify | None = None,
) -> None:
    give_memory_back()
    settings, keys = read(), AgiwoSettings()
    use_settings(keys)
    redactor = Redactor(secrets(settings, keys))
    with (
        data_lock(paths.data_dir),
        logging_to(paths.log_file, settings.log_level, redactor) as file,
        enter(settings) as entered,
    ):
        redactor.learn(entered.secrets)

        defined = DefinitionFile(paths.data_dir / "agents.json")

        def reloading(daemon: Daemon) -> Reload:
            return Reload(daemon, settings, read, keys=keys, defined=defined, file=file, redactor=redactor)

        finder = TrustedProjects(paths, read, defined)
        asyncio.run(_serve(settings, paths, keys, entered, reloading, finder, defined, opening, notify or Notify()))


async def _serve(
    settings: Settings,
    paths: Paths,
    keys: AgiwoSettings,
    entered: Entrances,
    reloading: Callable[[Daemon], Reload],
    finder: Finder,
    defined: DefinitionFile,
    opening: Opening | None,
    notify: Notify,
) -> None:
    identity = opening.identity if opening else None
    options = telemetry_options(settings, keys)
    async with (
        sending(options, paths.data_dir / "traces-sent") as sender,
        _daemon(settings, paths, keys, entered, sender, finder, defined, identity, engine_of(settings)) as daemon,
        joined(settings, paths, entered.places, daemon),
        measuring(metric_options(options, settings), daemon.metrics.read),
        watched(notify, daemon.journal),
    ):
        reload = reloading(daemon)
        daemon.definitions.definer = Definer(daemon, defined, lambda: reload.settings)
        daemon.tell_settings = lambda: told_settings(reload.settings, keys)
        daemon.on_stop(lambda deadline: notify.stopping(max(0.0, deadline - daemon.clock.now())))
        _heed_signals(daemon, partial(_reload, daemon, reload, notify))
        await asyncio.to_thread(sweep_orphans)
        await daemon.start()
        # Found out now, beside all else, and not when somebody is asked about the first command.
        looking = asyncio.create_task(in_thread(walls)) if _runs_commands(daemon) else None
        try:
            # A daemon of one client alone has nobody who could look at a page.
            async with nullcontext() if opening else console_door(daemon, paths, entered.http):
                await _converse(daemon, entered, opening.greeting if opening else None)
        finally:
            await asyncio.gather(*filter(None, [looking]), return_exceptions=True)


@asynccontextmanager
async def _daemon(
    settings: Settings,
    paths: Paths,
    keys: AgiwoSettings,
    entered: Entrances,
    sender: Sending,
    finder: Finder,
    defined: DefinitionFile,
    identity: Identity | None,
    engine: MakeEngine,
) -> AsyncGenerator[Daemon]:
    skills = SkillManager(skill_sources(settings), is_watched=True, attic=paths.data_dir / "skills")
    servers, left_out = foreign_servers(settings)
    foreign = McpServers(*servers)
    agents = build_agents(settings, skills, foreign, defined.tables)
    store = await open_store(settings, paths)
    daemon = Daemon(
        store,
        agents,
        skills=skills,
        foreign=foreign,
        left_out=left_out,
        models=offered_models(settings, keys),
        secrets={**secrets(settings, keys), **entered.secrets},
        identity=identity,
        engine=engine,
        scheduling=_scheduling(settings.scheduler),
        bounds=_bounds(settings.limits),
        export=sender.export,
        resends=sender.resends,
        exposure=Exposure(**settings.mcp.expose.model_dump()),
        finder=finder,
        sandbox=sandbox_of(settings),
        facts=Facts(
            version=__version__,
            storage=settings.storage.kind,
            durability=settings.storage.durability if settings.storage.kind == "sqlite" else None,
            drain_seconds=settings.serve.drain_seconds,
            data_dir=str(paths.data_dir),
            socket=entered.places.socket,
            tcp=entered.places.tcp,
            http=entered.places.http,
            token_file=entered.places.token_file,
        ),
    )
    try:
        async with forgetting(store, retention_of(settings.storage), daemon.clock):
            yield daemon
    finally:
        await daemon.close()


def _runs_commands(daemon: Daemon) -> bool:
    return any("bash" in each.agent.tool_names for each in daemon.agents.list())


def _scheduling(table: SchedulerSettings) -> SchedulerConfig:
    limits = TaskLimits(**table.model_dump(exclude={"max_concurrent"}))
    return SchedulerConfig(max_concurrent=table.max_concurrent, task_limits=limits)


def _bounds(table: LimitsSettings) -> Bounds:
    return Bounds(
        connections=min(table.connections, descriptors_for(table.connections)),
        requests=table.requests,
        runs=table.runs,
        queued_bytes=table.queued_mib * 2**20,
    )


def _heed_signals(daemon: Daemon, reload: Callable[[], None]) -> None:
    """A signal drains; when it is draining already, a signal ends. A hangup takes new settings."""
    came: list[int] = []

    def heed(number: int) -> None:
        daemon.stop(0.0 if came else None)
        came.append(number)

    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, heed, number)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def _reload(daemon: Daemon, reload: Reload, notify: Notify) -> None:
    """Reload, and say so to a manager that has heard that the daemon is ready."""
    if daemon.state not in (State.READY, State.DEGRADED):
        reload()
        return
    notify.reloading()
    try:
        reload()
    finally:
        notify.ready(str(daemon.facts.socket))


async def _converse(daemon: Daemon, entered: Entrances, greeting: Greeting | None) -> None:
    """Let clients in, until the daemon is to end, or none can come any more."""
    ended = asyncio.create_task(daemon.ended.wait())
    tasks: list[asyncio.Task[Any]] = [
        ended,
        *(asyncio.create_task(way.serve(_way_in(daemon, lock, greeting))) for way, lock in entered.ways),
    ]
    if entered.http is not None:
        tasks.append(asyncio.create_task(serve_web(daemon, entered.http)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _way_in(daemon: Daemon, lock: Lock | None, greeting: Greeting | None) -> Converse:
    """What holds a conversation: one whose handshake was answered is past the door."""
    if greeting is None:
        return Door(daemon, lock).converse
    from agiwod.face.rpc.face import RpcFace

    return partial(RpcFace(daemon).converse, greeting=greeting)
