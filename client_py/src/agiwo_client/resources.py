"""Every request of the protocol under its own name: `session/fork` is `client.session.fork(...)`. One line a request.

What is followed as it happens has other forms: `Client.start_run`, `replay_run`, `attach` and `events`.
"""

from typing import Generic

from agiwo_protocol import (
    agent,
    approval,
    blob,
    client,
    config,
    console,
    daemon,
    mcp,
    model,
    project,
    run,
    scheduler,
    session,
    skill,
    storage,
    tool,
    trace,
)
from agiwo_protocol.contract import Empty, Page

from agiwo_client.request import Ask, C, Resource, changes, reads, waits


class Daemon(Resource[C]):
    """The daemon itself."""

    status = reads(daemon.STATUS, Empty)
    activity = reads(daemon.ACTIVITY, daemon.ActivityParams)
    drain = changes(daemon.DRAIN, daemon.DrainParams)
    stop = changes(daemon.STOP, daemon.DrainParams)


class Config(Resource[C]):
    """The settings of the daemon."""

    list = reads(config.LIST, Empty)


class Storage(Resource[C]):
    """The store of runs."""

    get = reads(storage.GET, Empty)
    prune = changes(storage.PRUNE, storage.PruneParams)


class Console(Resource[C]):
    """The daemon as a web page of its machine."""

    open = changes(console.OPEN, Empty)
    close = changes(console.CLOSE, Empty)


class Rpc(Resource[C]):
    """The protocol."""

    discover = reads(daemon.DISCOVER, Empty)


class Clients(Resource[C]):
    """Who is connected."""

    list = reads(client.LIST, Page)


class Projects(Resource[C]):
    """The projects that the user has trusted."""

    list = reads(project.LIST, Page)


class Agents(Resource[C]):
    """The agents."""

    list = reads(agent.LIST, Page)
    get = reads(agent.GET, agent.AgentParams)
    define = changes(agent.DEFINE, agent.DefineParams)
    remove = changes(agent.REMOVE, agent.AgentParams)


class Models(Resource[C]):
    """The models that agents may name."""

    list = reads(model.LIST, Page)


class Tools(Resource[C]):
    """The tools that agents may have."""

    list = reads(tool.LIST, Page)
    call = changes(tool.INVOKE, tool.InvokeParams)


class Mcp(Resource[C]):
    """The servers of MCP whose tools agents may have."""

    list = reads(mcp.LIST, Page)
    restart = changes(mcp.RESTART, mcp.RestartParams)


class Skills(Resource[C]):
    """The skills that agents may have."""

    list = reads(skill.LIST, Page)
    get = reads(skill.GET, skill.SkillParams)
    reload = changes(skill.RELOAD, Empty)
    validate = reads(skill.VALIDATE, skill.ValidateParams)


class Sessions(Resource[C]):
    """The conversations that runs belong to."""

    create = changes(session.CREATE, session.CreateParams)
    fork = changes(session.FORK, session.ForkParams)
    rewind = changes(session.REWIND, session.RewindParams)
    delete = changes(session.DELETE, session.SessionParams)
    list = reads(session.LIST, session.ListParams)
    get = reads(session.GET, session.SessionParams)
    history = reads(session.HISTORY, session.HistoryParams)
    delete = changes(session.DELETE, session.SessionParams)


class Runs(Resource[C]):
    """Runs, by their ids. To follow one is `Client.attach`."""

    wait = waits(run.WAIT, run.WaitParams)
    steer = changes(run.STEER, run.SteerParams)
    cancel = changes(run.CANCEL, run.CancelParams)
    resume = changes(run.RESUME, run.RunParams)
    get = reads(run.GET, run.RunParams)
    list = reads(run.LIST, run.ListParams)
    find = reads(run.FIND, run.FindParams)
    events = reads(run.EVENTS, run.EventsParams)


class Scheduler(Resource[C]):
    """Agents that outlive their runs, by their ids. `Client.submit` and `Client.state` give one as an object."""

    submit = changes(scheduler.SUBMIT, scheduler.SubmitParams)
    submit_task = changes(scheduler.SUBMIT_TASK, scheduler.SubmitTaskParams)
    wait = waits(scheduler.WAIT, scheduler.WaitParams)
    cancel = changes(scheduler.CANCEL, scheduler.CancelParams)
    shutdown = changes(scheduler.SHUTDOWN, scheduler.StateParams)
    get = reads(scheduler.GET, scheduler.StateParams)
    list = reads(scheduler.LIST, scheduler.ListParams)
    tree = reads(scheduler.TREE, scheduler.TreeParams)
    add_cron = changes(scheduler.ADD_CRON, scheduler.AddCronParams)
    list_crons = reads(scheduler.LIST_CRONS, Page)
    remove_cron = changes(scheduler.REMOVE_CRON, scheduler.CronParams)


class Approvals(Resource[C]):
    """Tool calls that wait for somebody's word."""

    list = reads(approval.LIST, approval.ListParams)
    respond = changes(approval.RESPOND, approval.RespondParams)


class Traces(Resource[C]):
    """What runs did, as spans."""

    list = reads(trace.LIST, trace.ListParams)
    get = reads(trace.GET, trace.GetParams)


class Blobs(Resource[C]):
    """Content that is too large to stand in an item."""

    get = reads(blob.GET, blob.GetParams)


class Resources(Generic[C]):
    """All of them, each under the first part of its requests' names."""

    def __init__(self, ask: Ask) -> None:
        self.daemon: Daemon[C] = Daemon(ask)
        self.config: Config[C] = Config(ask)
        self.storage: Storage[C] = Storage(ask)
        self.console: Console[C] = Console(ask)
        self.rpc: Rpc[C] = Rpc(ask)
        self.client: Clients[C] = Clients(ask)
        self.project: Projects[C] = Projects(ask)
        self.agent: Agents[C] = Agents(ask)
        self.model: Models[C] = Models(ask)
        self.tool: Tools[C] = Tools(ask)
        self.mcp: Mcp[C] = Mcp(ask)
        self.skill: Skills[C] = Skills(ask)
        self.session: Sessions[C] = Sessions(ask)
        self.run: Runs[C] = Runs(ask)
        self.scheduler: Scheduler[C] = Scheduler(ask)
        self.approval: Approvals[C] = Approvals(ask)
        self.trace: Traces[C] = Traces(ask)
        self.blob: Blobs[C] = Blobs(ask)
