from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwod.settings import (
    AgentSettings,
    ModelSettings,
    Origin,
    ServeSettings,
    Settings,
    TimeoutSettings,
    load_settings,
)

DESIGN = """
default_agent = "researcher"

[models.lab]                        # any number
provider = "openai"
id = "some-model"
base_url = "http://127.0.0.1:8000/v1"
api_key_env = "LAB_KEY"
retries = 3
timeouts = { connect = 10, first_byte = 60, idle = 60, total = 600 }

[agents.researcher]
description = "Expert at research tasks"
model = "lab"
system_prompt = "You are a research expert."
tools = ["calculator", "current_time", "agent:critic", "mcp:files/*"]
skills = ["*"]
max_steps = 10

[mcp.servers.files]
command = "some-mcp-server"
args = ["--root", "."]

[python]
path = ["."]
agents = ["my_agents:agents"]

[serve]
tcp = "127.0.0.1:0"
http = "127.0.0.1:8423"
drain_seconds = 30

[storage]
kind = "sqlite"
durability = "full"

[telemetry]
otlp_endpoint = "http://127.0.0.1:4318"
capture_content = false
"""


def load(home: Path, text: str | None = None, **environ: str) -> Settings:
    if text is not None:
        (home / "config.toml").write_text(text, encoding="utf-8")
    return load_settings(home, environ=environ)


def fault(home: Path, text: str | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(home, text, **environ)
    return str(caught.value).replace(f"{home}/", "")


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
def test_a_missing_or_empty_file_means_the_defaults(tmp_path: Path, text: str | None) -> None:
    assert load(tmp_path, text).model_dump() == Settings().model_dump()


def test_the_documented_example_is_read_as_documented(tmp_path: Path) -> None:
    settings = load(tmp_path, DESIGN)

    assert settings.default_agent == "researcher"
    assert settings.models == {
        "lab": ModelSettings(
            provider="openai",
            id="some-model",
            base_url="http://127.0.0.1:8000/v1",
            api_key_env="LAB_KEY",
            retries=3,
            timeouts=TimeoutSettings(connect=10, first_byte=60, idle=60, total=600),
        )
    }
    assert settings.agents == {
        "researcher": AgentSettings(
            description="Expert at research tasks",
            model="lab",
            system_prompt="You are a research expert.",
            tools=("calculator", "current_time", "agent:critic", "mcp:files/*"),
            skills=("*",),
            max_steps=10,
        )
    }
    assert settings.serve == ServeSettings(tcp="127.0.0.1:0", http="127.0.0.1:8423", drain_seconds=30)
    assert settings.mcp.servers["files"].args == ("--root", ".")
    assert (settings.python.path, settings.python.agents) == ((tmp_path,), ("my_agents:agents",))
    assert (settings.storage.kind, settings.storage.durability) == ("sqlite", "full")
    assert settings.telemetry.otlp_endpoint == "http://127.0.0.1:4318"


def test_a_model_is_handed_on_with_the_keys_that_were_set(tmp_path: Path) -> None:
    text = '[models.lab]\nprovider = "openai"\nid = "m"\ntimeouts = { idle = 5 }'

    assert load(tmp_path, text).model_tables() == {"lab": {"provider": "openai", "id": "m", "timeouts": {"idle": 5}}}


def test_a_script_is_found_beside_the_file_that_names_it(tmp_path: Path) -> None:
    settings = load(
        tmp_path, '[models.s]\nprovider = "scripted"\nid = "a.json"\n[agents.b]\nmodel = "scripted:dir/b.json"'
    )

    assert settings.models["s"].id == str(tmp_path / "a.json")
    assert settings.agents["b"].model == f"scripted:{tmp_path / 'dir/b.json'}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '\n\n[agents.researcher]\nmodel = "auto"\n\nmax_steps = 3\nsytem_prompt = "x"\n',
            "config.toml:7: unknown key 'sytem_prompt' in [agents.researcher]; did you mean 'system_prompt'?",
        ),
        ("[agent.x]\n", "config.toml:1: unknown key 'agent'; did you mean 'agents'?"),
        ("zebra = 1\n", "config.toml:1: unknown key 'zebra'"),
        ("[serve]\n[serve.tpc]\n", "config.toml:2: unknown key 'tpc' in [serve]; did you mean 'tcp'?"),
        (
            "serve.drain_second = 1",
            "config.toml:1: unknown key 'drain_second' in [serve]; did you mean 'drain_seconds'?",
        ),
        (
            "[scheduler]\nmax_concurent = 1",
            "config.toml:2: unknown key 'max_concurent' in [scheduler]; did you mean 'max_concurrent'?",
        ),
        (
            '[models.lab]\nprovider = "openai"\n\ntimeouts = { conect = 1 }',
            "config.toml:4: unknown key 'conect' in [models.lab.timeouts]; did you mean 'connect'?",
        ),
        ('[models.lab]\nid = "x"', "config.toml:1: [models.lab] needs a key 'provider'"),
        (
            '[models.lab]\nprovider = "opnai"',
            "config.toml:2: 'provider' in [models.lab] must be 'openai', 'anthropic', 'deepseek', 'nvidia', 'local' or "
            "'scripted'",
        ),
        (
            '[agents.a]\nmax_steps = "ten"',
            "config.toml:2: 'max_steps' in [agents.a] must be a valid integer, not a string",
        ),
        (
            "[agents.a]\nmax_steps = true",
            "config.toml:2: 'max_steps' in [agents.a] must be a valid integer, not a boolean",
        ),
        ("[agents.a]\nmax_steps = 0", "config.toml:2: 'max_steps' in [agents.a] must be greater than or equal to 1"),
        ('[agents.a]\ntools = "bash"', "config.toml:2: 'tools' in [agents.a] must be a valid array, not a string"),
        (
            "[agents.a]\ntools = [\n  1\n]",
            "config.toml:2: 'tools' in [agents.a] must be a valid string, not an integer",
        ),
        ("models = 5", "config.toml:1: 'models' must be a table, not an integer"),
        ("[agents]\na = 5", "config.toml:2: 'a' in [agents] must be a table, not an integer"),
        (
            '[agents."a:b"]',
            "config.toml:1: the name 'a:b' may have letters, digits, '_' and '-' only, at most 64",
        ),
        ('[serve]\ntcp = "8000"', "config.toml:2: 'tcp' in [serve] must be HOST:PORT, such as 127.0.0.1:0"),
        ('[mcp.servers.f]\nargs = ["x"]', "config.toml:1: [mcp.servers.f] needs either a command or a url"),
        (
            '[models.lab]\nprovider = "local"\nthinking = true',
            "config.toml:1: [models.lab] has 'thinking', which is for anthropic and deepseek and nvidia alone",
        ),
        (
            '[models.lab]\nprovider = "openai"\ntemperature = 3',
            "config.toml:3: 'temperature' in [models.lab] must be less than or equal to 2",
        ),
        (
            '[storage]\nkind = "mongodb"',
            'config.toml:1: [storage] needs uri = "mongodb://…" with kind = "mongodb"',
        ),
        ("[engine]\ntls_cert = 'a.pem'", "config.toml:1: [engine] needs tls_cert and tls_key together"),
        (
            "[engine]\ntls = false\napi_key = 'hush'",
            "config.toml:1: [engine] has tls = false, with which no key and no certificate can be used",
        ),
        ("[engine]\nkind = 'temporl'", "config.toml:2: 'kind' in [engine] must be 'embedded' or 'temporal'"),
        ("[engine]\nnamespace = ''", "config.toml:2: 'namespace' in [engine] "),
        (
            '[models.lab]\nprovider="openai"\n\n[agents.a]\nmodel = "lba"',
            "config.toml:5: unknown model 'lba' in [agents.a]; did you mean 'lab'?",
        ),
        (
            '[agents.a]\nmodel = "gpt"',
            'config.toml:2: unknown model \'gpt\' in [agents.a]; use a name from [models], "provider:id" or "auto"',
        ),
        (
            '[python]\nagents = ["mine"]',
            "config.toml:2: 'agents' in [python] must be MODULE:NAME, such as my_agents:agents",
        ),
        ("serve = { drain_seconds = inf }", "config.toml:1: 'drain_seconds' in [serve] must be a finite number"),
        ("[agents.a]\nmax_steps = 9" + "9" * 30, "config.toml:2: 'max_steps' in [agents.a]"),
    ],
)
def test_a_fault_is_told_with_its_file_and_line_and_what_to_write_instead(
    tmp_path: Path, text: str, message: str
) -> None:
    assert fault(tmp_path, text).startswith(message)


def test_every_fault_has_a_line_of_its_own(tmp_path: Path) -> None:
    assert fault(tmp_path, '[serve]\ntpc = "x"\n[storage]\nkind = "disk"').splitlines() == [
        "config.toml:2: unknown key 'tpc' in [serve]; did you mean 'tcp'?",
        "config.toml:4: 'kind' in [storage] must be 'sqlite', 'memory' or 'mongodb'",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\n[serve\n", "config.toml:2:7: "),
        ('a = "x"\na = "y"\n', "config.toml:2:8: "),
        ('x = """\nabc\n', "config.toml:3:1: "),
        ("[serve]\ndrain_seconds 30\n", "config.toml:2:15: Expected '='"),
    ],
)
def test_what_is_not_toml_is_told_with_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    assert fault(tmp_path, text).startswith(place)


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()

    assert fault(tmp_path) == "config.toml cannot be read: Is a directory"


def test_a_file_that_is_no_text_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe\x00")

    assert fault(tmp_path).startswith("config.toml is not UTF-8 text")


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbf[serve]\r\n\r\ntcp = "127.0.0.1:0"\r\n')
    settings = load(tmp_path)

    assert settings.serve.tcp == "127.0.0.1:0"
    assert settings.origin("serve", "tcp") == Origin("file", f"{tmp_path}/config.toml:3")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('[models.lab]\nprovider = "openai"\napi_key = "sk-secret"', "sk-secret"),
        ('[models.lab]\nprovider = "openai"\napi_key_env = "sk-secret"', "sk-secret"),
        ('[models.lab]\nprovider = "openai"\nbase_url = "http://me:sk-secret@host/v1"', "sk-secret"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, text: str, secret: str) -> None:
    message = fault(tmp_path, text)

    assert "config.toml:3: " in message
    assert secret not in message


def test_no_representation_holds_a_secret(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[engine]\napi_key = "hush"\n[storage]\nkind = "mongodb"\nuri = "mongodb://me:hush@host"\n'
        '[mcp.servers.f]\nurl = "http://127.0.0.1/mcp"\nheaders = { Authorization = "hush" }\nenv = { KEY = "hush" }',
    )

    assert "hush" not in f"{settings!r} {settings} {list(settings.entries())}"
    assert settings.storage.uri is not None
    assert settings.storage.uri.get_secret_value() == "mongodb://me:hush@host"


@pytest.mark.parametrize(
    ("engine", "is_encrypted"),
    [
        ("", False),
        ("tls = true", True),
        ('api_key = "hush"', True),
        ('tls_cert = "a.pem"\ntls_key = "a.key"', True),
        ('tls_ca = "ca.pem"', True),
    ],
)
def test_a_key_or_a_certificate_is_a_reason_to_encrypt(tmp_path: Path, engine: str, is_encrypted: bool) -> None:
    assert load(tmp_path, f"[engine]\n{engine}").engine.is_encrypted == is_encrypted


def test_certificates_are_found_beside_the_file_that_names_them(tmp_path: Path) -> None:
    engine = load(tmp_path, '[engine]\ntls_cert = "certs/a.pem"\ntls_key = "/etc/a.key"').engine

    assert (engine.tls_cert, engine.tls_key) == (tmp_path / "certs" / "a.pem", Path("/etc/a.key"))


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('default_agent = "file"\n[serve]\ndrain_seconds = 1\ntcp = "127.0.0.1:1"\n')
    environ = {"AGIWOD_SERVE__DRAIN_SECONDS": "2.5", "AGIWOD_SERVE__TCP": "127.0.0.1:2"}

    settings = load_settings(tmp_path, {"serve.tcp": "127.0.0.1:3", "serve.http": None}, environ)

    assert settings.default_agent == "file"
    assert settings.serve == ServeSettings(tcp="127.0.0.1:3", drain_seconds=2.5)
    assert [str(settings.origin(*path.split("."))) for path in PATHS] == [
        f"{tmp_path}/config.toml:1",
        "command line",
        "AGIWOD_SERVE__DRAIN_SECONDS",
        "default",
    ]


PATHS = ["default_agent", "serve.tcp", "serve.drain_seconds", "serve.http"]


def test_every_entry_tells_its_origin(tmp_path: Path) -> None:
    entries = {path: (value, str(origin)) for path, value, origin in load(tmp_path, DESIGN).entries()}

    assert entries["agents.researcher.max_steps"] == (10, f"{tmp_path}/config.toml:18")
    assert entries["models.lab.timeouts.idle"] == (60.0, f"{tmp_path}/config.toml:10")
    assert entries["storage.uri"] == (None, "default")


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("AGIWOD_DEFAULT_AGENT", "123", ["default_agent"], "123"),
        ("AGIWOD_LOG_LEVEL", "debug", ["log_level"], "debug"),
        ("AGIWOD_TELEMETRY__CAPTURE_CONTENT", "true", ["telemetry", "capture_content"], True),
        ("AGIWOD_PYTHON__AGENTS", '["a:b"]', ["python", "agents"], ("a:b",)),
        ("AGIWOD_AGENTS__WRITER__MAX_STEPS", "7", ["agents", "Writer", "max_steps"], 7),
        ("AGIWOD_SERVE", '{"tcp": "127.0.0.1:0"}', ["serve", "tcp"], "127.0.0.1:0"),
        ("AGIWOD_LOG_LEVEL", "", ["log_level"], "info"),
    ],
)
def test_a_variable_sets_any_setting(tmp_path: Path, name: str, value: str, path: list[str], expected: object) -> None:
    found: Any = load(tmp_path, "[agents.Writer]\n", **{name: value}).model_dump()
    for key in path:
        found = found[key]

    assert found == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AGIWOD_SERVE__TPC", "x", "AGIWOD_SERVE__TPC: unknown key 'tpc' in [serve]; did you mean 'tcp'?"),
        ("AGIWOD_SERVE__DRAIN_SECONDS", "soon", "AGIWOD_SERVE__DRAIN_SECONDS: must be a valid number"),
        ("AGIWOD_SERVE__TCP", "nowhere", "AGIWOD_SERVE__TCP: must be HOST:PORT, such as 127.0.0.1:0"),
        ("AGIWOD_STORAGE__KIND", "disk", "AGIWOD_STORAGE__KIND: must be 'sqlite', 'memory' or 'mongodb'"),
    ],
)
def test_a_variable_that_cannot_work_is_told_by_name(tmp_path: Path, name: str, value: str, message: str) -> None:
    assert fault(tmp_path, "", **{name: value}).startswith(message)


def test_variables_that_name_no_setting_are_left_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, "", AGIWOD_HOME="/nowhere", AGIWOD_SOCKET="x", PATH="y")

    assert settings.model_dump() == Settings().model_dump()


def test_an_override_that_cannot_work_is_told_as_the_command_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^command line: 'tcp' in \[serve\] must be HOST:PORT"):
        load_settings(tmp_path, {"serve.tcp": "here"}, {})


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).serve.drain_seconds = 5  # pyright: ignore[reportAttributeAccessIssue] - the point of the test
