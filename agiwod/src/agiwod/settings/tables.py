"""The tables of `config.toml`: their keys, what each may hold, and what holds when nobody says. Reads no file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from agiwo_protocol.paths import Paths, locate
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    model_validator,
)

from agiwod.settings.layer import DEFAULT, Layer, Origin

Provider = Literal["openai", "anthropic", "deepseek", "nvidia", "local", "scripted"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^\S+$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    if parts.username or parts.password:
        raise ValueError("must not hold a password; name the variable that holds the key instead")
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:0")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be the name of an environment variable, not the key itself")
    return value


def _reference(value: str) -> str:
    if not re.fullmatch(r"[\w.]+:[\w.]+", value):
        raise ValueError("must be MODULE:NAME, such as my_agents:agents")
    return value


Url = Annotated[str, AfterValidator(_url)]
Host = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])$")]
Address = Annotated[str, AfterValidator(_address)]


class Table(BaseModel):
    """A table of the file. An unknown key is an error, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeoutSettings(Table):
    """Seconds that a model request may take: to connect, to its first byte, between pieces of content, in all."""

    connect: Seconds = 10
    first_byte: Seconds = 60
    idle: Seconds = 60
    total: Seconds = 600


Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PriceSettings(Table):
    """Dollars for a million tokens of a model. Cached ones, and those put into the cache, cost what input costs."""

    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    cache_write: Dollars | None = None


class BudgetSettings(Table):
    """What each run of an agent may use up, with the agents that work for it."""

    cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    calls: Annotated[int, Field(ge=1)] | None = None
    seconds: Seconds | None = None


_NOT_FOR_ALL: Mapping[str, tuple[Provider, ...]] = {
    "extra_body": ("openai", "anthropic", "deepseek", "nvidia", "local"),
    "reasoning_effort": ("openai", "deepseek", "nvidia"),
    "thinking": ("anthropic", "deepseek", "nvidia"),
}
"""Parameters that some providers know, and who they are."""


class ModelSettings(Table):
    """`[models.NAME]`: where a model is asked, how patiently, and with which parameters.

    What is not set is what the provider's model has by itself.
    """

    provider: Provider
    id: str = ""
    base_url: Url | None = None
    api_key_env: Annotated[str, AfterValidator(_variable)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    thinking: bool | Annotated[int, Field(ge=1)] | None = None
    reasoning_effort: str | None = None
    extra_body: dict[str, Any] = {}
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    fallback: tuple[str, ...] = ()
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 100
    structured: Literal["schema", "json", "tool", "prompt"] | None = None
    timeouts: TimeoutSettings = TimeoutSettings()
    price: PriceSettings | None = None

    @model_validator(mode="after")
    def _is_understood(self) -> Self:
        for key in sorted(self.model_fields_set & _NOT_FOR_ALL.keys()):
            if self.provider not in _NOT_FOR_ALL[key]:
                raise ValueError(f"has {key!r}, which is for {' and '.join(_NOT_FOR_ALL[key])} alone")
        return self


class ApprovalSettings(Table):
    """`[[agents.NAME.approvals]]`: what becomes of calls of a tool, by patterns of its name and of its arguments."""

    tool: Annotated[str, StringConstraints(min_length=1)]
    action: Literal["allow", "ask", "deny"]
    arguments: dict[str, str] = {}
    reason: str = ""


class SandboxSettings(Table):
    """`[sandbox]` for all agents, `sandbox` in the table of one: how far commands and file tools reach.

    In the file the name of a mode alone stands for a table with that mode. What an agent does not say is as for all.
    """

    mode: Literal["read-only", "workspace-write", "danger-full-access"] = "workspace-write"
    network: bool = False
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    env: tuple[Annotated[str, AfterValidator(_variable)], ...] = ()
    required: bool = False
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    processes: Annotated[int, Field(ge=8, le=1_000_000)] = 1024
    file_mb: Annotated[int, Field(ge=1)] = 8192


class AgentSettings(Table):
    """`[agents.NAME]`: who answers, with which model, tools and skills."""

    description: str = ""
    model: str = "auto"
    system_prompt: str = ""
    tools: tuple[str, ...] = ("calculator", "current_time")
    workspace: Path | None = None
    sandbox: SandboxSettings | None = None
    approvals: tuple[ApprovalSettings, ...] = ()
    approval_timeout: Seconds | None = None
    skills: tuple[str, ...] = ()
    max_steps: Annotated[int, Field(ge=1, le=100_000)] = 10
    run_timeout: Seconds = 600
    max_output_tokens: Annotated[int, Field(ge=1)] = 8196
    budget: BudgetSettings | None = None
    context_tokens: Annotated[int, Field(ge=1000)] | None = None


class SkillsSettings(Table):
    """`[skills]`: where skills are looked for, besides where they always are."""

    path: tuple[Path, ...] = ()


_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w*)")


class McpServerSettings(Table):
    """`[mcp.servers.NAME]`: a foreign server whose tools agents may use, started by `command` or found at `url`."""

    command: str | None = None
    url: Url | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, SecretStr] = {}
    cwd: str | None = None
    headers: Mapping[str, SecretStr] = {}
    timeout: Seconds = 30
    tools: tuple[str, ...] = ("*",)

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either a command or a url")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the environment that it names, and so is given."""
        secret = [each.get_secret_value() for each in (*self.env.values(), *self.headers.values())]
        texts = [*filter(None, (self.command, self.cwd, self.url)), *self.args, *secret]
        return tuple(dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text)))


class McpExposeSettings(Table):
    """`[mcp.expose]`: what clients of MCP are shown, agents and skills by patterns of their names."""

    agents: tuple[str, ...] = ("*",)
    skills: tuple[str, ...] = ("*",)
    scheduler: bool = True
    runs: bool = True


class McpSettings(Table):
    """`[mcp]`: the servers by name, files of other programs that name more, and what clients are shown."""

    model_config = ConfigDict(serialize_by_alias=True)

    servers: dict[Name, McpServerSettings] = {}
    imports: tuple[Path, ...] = Field(default=(), alias="import")
    expose: McpExposeSettings = McpExposeSettings()


class PythonSettings(Table):
    """`[python]`: agents that are made in Python, and where their modules are found."""

    path: tuple[Path, ...] = ()
    agents: tuple[Annotated[str, AfterValidator(_reference)], ...] = ()


class ServeSettings(Table):
    """`[serve]`: what is on besides the unix socket, and how long a stop waits.

    `allow_remote`: ports may be such that other machines can reach them, though nothing is encrypted on the way.
    """

    tcp: Address | None = None
    http: Address | None = None
    http_hosts: tuple[Host, ...] = ()
    allow_remote: bool = False
    drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30


class SchedulerSettings(Table):
    """`[scheduler]`: how many scheduled agents work at the same time, and the limits of those that start others."""

    max_concurrent: Annotated[int, Field(ge=1, le=100_000)] = 10
    max_depth: Annotated[int, Field(ge=0, le=100)] = 5
    max_children_per_agent: Annotated[int, Field(ge=0, le=100_000)] = 10
    default_wait_timeout: Annotated[float, Field(gt=0, le=1_000_000_000)] = 600
    max_wake_count: Annotated[int, Field(ge=0, le=1_000_000)] = 20


class LimitsSettings(Table):
    """`[limits]`: how much all clients together may ask of the daemon at once; what is more is refused as overload.

    `runs` are those that are not over, without those that sleep. `queued_mib` is what clients have yet to read.
    """

    connections: Annotated[int, Field(ge=8, le=1_000_000)] = 4096
    requests: Annotated[int, Field(ge=8, le=1_000_000)] = 8192
    runs: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    queued_mib: Annotated[int, Field(ge=16, le=1_000_000)] = 256


class StorageSettings(Table):
    """`[storage]`: where runs are kept, and how long once they are over."""

    kind: Literal["sqlite", "memory", "mongodb"] = "sqlite"
    uri: SecretStr | None = None
    db_name: Name = "agiwod"
    keep_days: Seconds | None = None
    keep_runs: Annotated[int, Field(ge=1)] | None = None
    durability: Literal["full", "normal"] = "full"

    @model_validator(mode="after")
    def _knows_where(self) -> Self:
        if self.kind == "mongodb" and self.uri is None:
            raise ValueError('needs uri = "mongodb://…" with kind = "mongodb"')
        return self


class EngineSettings(Table):
    """`[engine]`: what runs the agents: this process alone, or a Temporal server whose work many daemons share.

    `tls` is on without being asked for where there is an `api_key` or a certificate. `peer_address` is where the other
    daemons reach this one, if that is not its `[serve] tcp`.
    """

    kind: Literal["embedded", "temporal"] = "embedded"
    address: Address = "127.0.0.1:7233"
    namespace: Label = "default"
    task_queue: Label = "agiwod"
    tls: bool | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    api_key: SecretStr | None = None
    peer_address: Address | None = None

    @model_validator(mode="after")
    def _has_both_halves(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("needs tls_cert and tls_key together")
        if self.tls is False and (self.api_key or self.tls_cert or self.tls_ca):
            raise ValueError("has tls = false, with which no key and no certificate can be used")
        return self

    @property
    def is_encrypted(self) -> bool:
        """Whether the server is spoken to over TLS."""
        return bool(self.tls or self.api_key or self.tls_cert or self.tls_ca)


class TelemetrySettings(Table):
    """`[telemetry]`: where traces and metrics go, and whether traces hold what was said."""

    otlp_endpoint: Url | None = None
    otlp_protocol: Literal["http", "grpc"] | None = None
    otlp_headers: Mapping[str, SecretStr] = {}
    sampling_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    capture_content: bool = False
    metrics: bool = True


class Settings(Table):
    """All settings of a daemon, and where each came from."""

    default_agent: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    models: dict[Name, ModelSettings] = {}
    agents: dict[Name, AgentSettings] = {}
    sandbox: SandboxSettings = SandboxSettings()
    skills: SkillsSettings = SkillsSettings()
    mcp: McpSettings = McpSettings()
    python: PythonSettings = PythonSettings()
    serve: ServeSettings = ServeSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    limits: LimitsSettings = LimitsSettings()
    storage: StorageSettings = StorageSettings()
    engine: EngineSettings = EngineSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    _layers: tuple[Layer, ...] = PrivateAttr(default=())
    _paths: Paths = PrivateAttr(default_factory=locate)

    @property
    def workspace(self) -> Path:
        """Where agents work that have no workspace of their own. Nothing need be there."""
        return self._paths.data_dir / "workspace"

    @property
    def private_places(self) -> tuple[Path, ...]:
        """What belongs to the daemon, and is for no tool to see: keys, what was said, who is trusted, its socket."""
        paths = self._paths
        directories = (paths.data_dir, paths.state_dir, paths.runtime_dir)
        return (paths.config_file, self.user_servers, paths.token_file, paths.socket, *directories)

    @property
    def shown_places(self) -> tuple[Path, ...]:
        """What commands see although it lies in such a place: skills, whose scripts they run."""
        return (self._paths.config_dir / "skills", self._paths.data_dir / "skills")

    @property
    def user_servers(self) -> Path:
        """The file in which the user may name MCP servers as other programs do. Nothing need be there."""
        return self._paths.config_dir / "mcp.json"

    @property
    def user_skills(self) -> tuple[Path, ...]:
        """Where the user's skills are: those for all programs, then those for this one. Nothing need be there."""
        return (Path("~/.agents/skills").expanduser(), self._paths.config_dir / "skills")

    def origin(self, *path: str) -> Origin:
        """Who set what stands at that path, such as `origin("serve", "tcp")`."""
        for layer in self._layers:
            if layer.holds(path):
                return layer.origin(path)
        return DEFAULT

    def is_of_project(self, *path: str) -> bool:
        """Whether only a project says something at that path."""
        return [layer.source for layer in self._layers if layer.holds(path)] == ["project"]

    def entries(self) -> Iterator[tuple[str, Any, Origin]]:
        """Every setting: its dotted path, its value as JSON with secrets starred out, and its origin."""
        return self._entries((), self.model_dump(mode="json"))

    def model_tables(self) -> dict[str, dict[str, Any]]:
        """The tables of `[models]` with the keys that somebody set."""
        return {name: model.model_dump(exclude_unset=True) for name, model in self.models.items()}

    def _entries(self, path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any, Origin]]:
        if isinstance(value, dict) and value:
            for key, inner in cast(dict[str, Any], value).items():
                yield from self._entries((*path, key), inner)
        else:
            yield ".".join(path), value, self.origin(*path)
