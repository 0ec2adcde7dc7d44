"""From a file, variables and the command line to settings, or to an error that names the place. Keeps nothing."""

import copy
import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin

from agiwo.errors import ConfigError
from agiwo_protocol.paths import locate
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agiwod.settings.layer import Layer, merged
from agiwod.settings.project import Project
from agiwod.settings.tables import Provider, Settings
from agiwod.settings.toml import TomlFile

_PREFIX = "AGIWOD_"

_TOML_NAMES: Mapping[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}


def load_settings(
    home: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
    project: Project | None = None,
) -> Settings:
    """The settings of the daemon at `home` (without it: where `AGIWOD_HOME` or the system says).

    `file` is read in the place of its `config.toml`.

    The command line (`overrides`, by dotted path; None says nothing) is stronger than the environment (`AGIWOD_…`, with
    `__` between table and key), which is stronger than the file of a `project` that is trusted, which is stronger than
    `config.toml`, which is stronger than the defaults.

    Raises: ConfigError, with a line for every fault.
    """
    environ = os.environ if environ is None else environ
    written = _file_layer(file or locate(home, environ).config_file)
    environment = _environment_layer(environ, written.values)
    layers = (_command_line_layer(overrides or {}), environment, *_project_layers(project, written), written)
    try:
        settings = Settings.model_validate_json(json.dumps(merged(layers), default=str), strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(_fault(detail, layers) for detail in error.errors())) from None
    settings._layers = layers  # pyright: ignore[reportPrivateUsage] - the one place that makes settings
    settings._paths = locate(home, environ)  # pyright: ignore[reportPrivateUsage] - as above
    _check_models(settings)
    _check_secrets(settings)
    return settings


def _file_layer(path: Path) -> Layer:
    file = TomlFile(path)
    _anchor(file.values, path.parent)
    return Layer("file", file.values, file.where)


def _project_layers(project: Project | None, below: Layer) -> tuple[Layer, ...]:
    """What a project adds. Its agents and servers work in it; of a server of the same name below nothing is left.

    Its rules come behind those that the user has for the same agent: the first that fits decides.
    """
    if project is None:
        return ()
    values = _copied(project)
    _anchor(values, project.root)
    own = _table(below.values, "agents")
    for name, agent in _table(values, "agents").items():
        if isinstance(agent, dict) and name not in own:
            cast(dict[str, Any], agent).setdefault("workspace", str(project.root))
        rules, usual = _table(_table(values, "agents"), name).get("approvals"), _table(own, name).get("approvals")
        if isinstance(rules, list) and isinstance(usual, list):
            agent["approvals"] = [*cast(list[Any], usual), *cast(list[Any], rules)]
    servers = _table(_table(below.values, "mcp"), "servers")
    for name, server in _table(_table(values, "mcp"), "servers").items():
        servers.pop(name, None)  # else a command of the project would get the secrets of that of the user
        if isinstance(server, dict) and "command" in server:
            cast(dict[str, Any], server).setdefault("cwd", str(project.root))
    return (Layer("project", values, project.file.where),)


def _copied(project: Project) -> dict[str, Any]:
    try:
        return copy.deepcopy(dict(project.values))
    except RecursionError:
        raise ConfigError(f"{project.file.path} is nested too deeply") from None


def _anchor(values: Mapping[str, Any], folder: Path) -> None:
    """Make the file's relative paths absolute, because the daemon's working directory means nothing to its author."""
    python = _table(values, "python")
    if isinstance(paths := python.get("path"), list):
        python["path"] = [_absolute(entry, folder) for entry in cast(list[Any], paths)]
    skills = _table(values, "skills")
    if isinstance(paths := skills.get("path"), list):
        skills["path"] = [_absolute(entry, folder) for entry in cast(list[Any], paths)]
    mcp = _table(values, "mcp")
    if isinstance(paths := mcp.get("import"), list):
        mcp["import"] = [_absolute(entry, folder) for entry in cast(list[Any], paths)]
    servers = _table(mcp, "servers")
    for server in (_table(servers, name) for name in servers):
        if "cwd" in server:
            server["cwd"] = _absolute(server["cwd"], folder)
    engine = _table(values, "engine")
    for key in ("tls_cert", "tls_key", "tls_ca"):
        if key in engine:
            engine[key] = _absolute(engine[key], folder)
    models = _table(values, "models")
    for model in (_table(models, name) for name in models):
        if model.get("provider") == "scripted" and "id" in model:
            model["id"] = _absolute(model["id"], folder)
    agents = _table(values, "agents")
    for agent in (_table(agents, name) for name in agents):
        provider, colon, script = str(agent.get("model", "")).partition(":")
        if provider == "scripted" and script:
            agent["model"] = provider + colon + _absolute(script, folder)
        if "workspace" in agent:
            agent["workspace"] = _absolute(agent["workspace"], folder)
    for table in (values, *(_table(agents, name) for name in agents)):
        _anchor_sandbox(table, folder)


def _anchor_sandbox(table: Mapping[str, Any], folder: Path) -> None:
    if isinstance(mode := table.get("sandbox"), str):
        cast(dict[str, Any], table)["sandbox"] = {"mode": mode}
    sandbox = _table(table, "sandbox")
    for key in ("writable", "hidden"):
        if isinstance(paths := sandbox.get(key), list):
            sandbox[key] = [_absolute(entry, folder) for entry in cast(list[Any], paths)]


def _table(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table under that key; an empty one when it is missing or something else, which validation will say."""
    table = values.get(key)
    return cast(dict[str, Any], table) if isinstance(table, dict) else {}


def _absolute(entry: Any, folder: Path) -> Any:
    if not isinstance(entry, str) or "\0" in entry:
        return entry  # whoever wants to use it says what is wrong
    return os.path.realpath(folder / os.path.expanduser(entry))


def _command_line_layer(overrides: Mapping[str, object]) -> Layer:
    values: dict[str, Any] = {}
    for dotted, value in overrides.items():
        if value is not None:
            _put(values, tuple(dotted.split(".")), value)
    return Layer("command line", values, lambda path: "command line")


def _environment_layer(environ: Mapping[str, str], file: Mapping[str, Any]) -> Layer:
    values: dict[str, Any] = {}
    names: dict[tuple[str, ...], str] = {}
    for name, raw in sorted(environ.items()):
        parts = name.removeprefix(_PREFIX).lower().split("__")
        # Other variables of ours, such as AGIWOD_HOME, name no setting.
        if name.startswith(_PREFIX) and raw.strip() and parts[0] in Settings.model_fields:
            path = _as_written(tuple(parts), file)
            _put(values, path, _read_variable(name, path, raw.strip()))
            names[path] = name
    return Layer("environment", values, lambda path: _nearest_name(names, path))


def _nearest_name(names: Mapping[tuple[str, ...], str], path: tuple[str, ...]) -> str:
    """The variable that set the path, or a part of it."""
    found = (name for known, name in names.items() if known[: len(path)] == path or path[: len(known)] == known)
    return next(found, "environment")


def _as_written(parts: tuple[str, ...], file: Mapping[str, Any]) -> tuple[str, ...]:
    """The path with the names of the file's own tables, since variables are upper case and names need not be."""
    path: list[str] = []
    table: Any = file
    for part in parts:
        known = list(cast(Mapping[str, Any], table)) if isinstance(table, Mapping) else list[str]()
        path.append(next((key for key in known if key.lower() == part), part))
        table = cast(Mapping[str, Any], table).get(path[-1]) if isinstance(table, Mapping) else None
    return tuple(path)


def _read_variable(name: str, path: tuple[str, ...], raw: str) -> Any:
    """The value that a variable's text means where it goes: JSON for lists and tables, else as it is written."""
    kind = _kind_at(path)
    if kind is None:
        raise ConfigError(f"{name}: {_unknown(path)}")
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        adapter.validate_json(raw, strict=True)
        return json.loads(raw)
    except ValidationError:
        pass
    try:
        value = adapter.validate_strings(raw)
    except ValidationError as error:
        raise ConfigError(f"{name}: {_expected(error.errors()[0])}") from None
    return raw if isinstance(value, SecretStr | str) else value


def _put(values: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def _check_models(settings: Settings) -> None:
    for name, agent in settings.agents.items():
        provider, colon, id = agent.model.partition(":")
        if agent.model in (*settings.models, "auto") or (colon and id and provider in get_args(Provider)):
            continue
        hint = _did_you_mean(agent.model, settings.models) or '; use a name from [models], "provider:id" or "auto"'
        origin = settings.origin("agents", name, "model")
        raise ConfigError(f"{origin}: unknown model {agent.model!r} in [agents.{name}]{hint}")


def _check_secrets(settings: Settings) -> None:
    """No server of a project gets the key of a model, or what is the daemon's own: it could send them anywhere."""
    for name, server in settings.mcp.servers.items():
        origin = settings.origin("mcp", "servers", name)
        if origin.source != "project":
            continue
        if secret := next((each for each in server.variables if _is_ours(each, settings)), None):
            raise ConfigError(f"{origin}: a server of a project may not have your {secret}")


def _is_ours(variable: str, settings: Settings) -> bool:
    from agiwo.config import KEYS  # loaded here: few servers name a variable

    keys = {*KEYS, *(model.api_key_env for model in settings.models.values())}
    return variable in keys or variable.upper().startswith((_PREFIX, "AGIWO_"))


def _fault(detail: ErrorDetails, layers: tuple[Layer, ...]) -> str:
    if not detail["loc"]:
        return f"{', '.join(each.where(()) for each in layers if each.values)}: what is there is nested too deeply"
    place = tuple(str(part) for part in detail["loc"] if part != "[key]")
    held = place[:-1] if detail["type"] == "missing" else place
    layer = next((layer for layer in layers if layer.holds(held)), layers[-1])
    path = tuple(part for part in detail["loc"] if isinstance(part, str) and part != "[key]")
    return f"{layer.where(place) or layer.source}: {_said(detail, path)}"


def _said(detail: ErrorDetails, path: tuple[str, ...]) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(path)
        case "missing":
            return f"[{'.'.join(path[:-1])}] needs a key {path[-1]!r}"
        case "string_pattern_mismatch" if detail["loc"][-1] == "[key]":
            return f"the name {path[-1]!r} may have letters, digits, '_' and '-' only, at most 64"
        case "value_error" if isinstance(_kind_at(path), type):
            return f"[{'.'.join(path)}] {_expected(detail)}"
        case _:
            return f"{path[-1]!r}{_in(path)} {_expected(detail)}"


def _expected(detail: ErrorDetails) -> str:
    """What should stand there, and of which type that is what does. Never the value: it may be a secret."""
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"]) if "ctx" in detail else detail["msg"]
    text = detail["msg"].replace("Input should be", "must be").replace("an object", "a table")
    found = next((name for kind, name in _TOML_NAMES.items() if isinstance(detail["input"], kind)), None)
    is_type_error = detail["type"].endswith("_type")
    return f"{text}, not {found}" if found and is_type_error else text


def _unknown(path: tuple[str, ...]) -> str:
    kinds = map(_element, _options(_kind_at(path[:-1])))
    tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    known = [name for table in tables for name in _fields_of(table)]
    return f"unknown key {path[-1]!r}{_in(path)}{_did_you_mean(path[-1], known)}"


def _in(path: tuple[str, ...]) -> str:
    return f" in [{'.'.join(path[:-1])}]" if len(path) > 1 else ""


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _kind_at(path: tuple[str, ...]) -> Any:
    """The type of what may stand at that path, None when nothing may."""
    kind: Any = Settings
    for key in path:
        kind = next((inner for option in _options(kind) for inner in _inside(option, key)), None)
    return kind


def _options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _element(kind: Any) -> Any:
    """What an array of tables holds; anything else is itself."""
    return get_args(kind)[0] if get_origin(kind) is tuple else kind


def _inside(kind: Any, key: str) -> Iterator[Any]:
    kind = _element(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and key in _fields_of(kind):
        yield _fields_of(kind)[key].annotation
    elif get_origin(kind) in (dict, Mapping):
        yield get_args(kind)[1]


def _fields_of(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """What a table holds, by the keys that people write."""
    return {field.alias or name: field for name, field in table.model_fields.items()}
