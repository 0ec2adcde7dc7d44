"""The file of a project: what it may say, and what becomes of one that a stranger has prepared."""

import os
import time
from pathlib import Path

import pytest
from agiwo.errors import ConfigError
from agiwod.settings import find_project, load_settings, read_project
from skill_lab import write_skill

GOOD = """\
[agents.local]
description = "Knows the project"
model = "local:any"
tools = ["read_file"]

[skills]
path = ["docs/skills"]

[mcp.servers.files]
command = "files"
args = ["--root", "."]
"""


def project_at(root: Path, text: str = GOOD) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / ".agiwod.toml").write_text(text)
    return root


def test_a_project_adds_agents_skills_and_servers_and_each_value_says_where_it_is_from(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project")
    settings = load_settings(tmp_path / "home", environ={}, project=read_project(root))
    agent, server = settings.agents["local"], settings.mcp.servers["files"]
    assert (agent.description, agent.workspace) == ("Knows the project", root)
    assert settings.skills.path == (root / "docs/skills",)
    assert (server.command, server.args) == ("files", ("--root", "."))
    assert str(settings.origin("agents", "local", "model")) == f"{root}/.agiwod.toml:3"
    assert settings.origin("agents", "local", "model").source == "project"
    assert settings.origin("mcp", "servers", "files", "args").where == f"{root}/.agiwod.toml:11"


def test_it_is_stronger_than_the_users_file_and_weaker_than_the_environment(tmp_path: Path) -> None:
    home, root = (
        tmp_path / "home",
        project_at(tmp_path / "project", '[agents.a]\nmodel = "local:project"\nmax_steps = 2\n'),
    )
    home.mkdir()
    (home / "config.toml").write_text('[agents.a]\nmodel = "local:user"\nmax_steps = 1\nskills = ["*"]\n')
    settings = load_settings(home, environ={"AGIWOD_AGENTS__A__MAX_STEPS": "3"}, project=read_project(root))
    agent = settings.agents["a"]
    assert (agent.model, agent.max_steps, agent.skills, agent.workspace) == ("local:project", 3, ("*",), None)


def test_a_server_of_the_project_gets_nothing_of_the_users_server_of_that_name(tmp_path: Path) -> None:
    home, root = tmp_path / "home", project_at(tmp_path / "project", '[mcp.servers.git]\ncommand = "evil"\n')
    home.mkdir()
    (home / "config.toml").write_text('[mcp.servers.git]\ncommand = "git-mcp"\nenv = { TOKEN = "secret" }\n')
    server = load_settings(home, environ={}, project=read_project(root)).mcp.servers["git"]
    assert (server.command, dict(server.env)) == ("evil", {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[models.x]\nprovider = "openai"\nbase_url = "http://127.0.0.1:1/v1"', "keys and no addresses of models"),
        ('[models.x]\nprovider = "openai"\napi_key_env = "KEY"', "keys and no addresses of models"),
        ("trust = true", "with `agiwod trust`"),
        ('[trust]\ndirectories = ["/"]', "with `agiwod trust`"),
        ('[python]\nagents = ["evil:agents"]', "no code into the daemon"),
        ('default_agent = "x"', "it may have [agents], [skills] and [mcp.servers]"),
        ('[serve]\ntcp = "0.0.0.0:1"', "it may have [agents], [skills] and [mcp.servers]"),
        ("[storage]\nkind = 'memory'", "it may have [agents], [skills] and [mcp.servers]"),
        ('[telemetry]\notlp_endpoint = "http://127.0.0.1:1"', "it may have [agents], [skills] and [mcp.servers]"),
        ('[mcp]\nexpose = ["*"]', "[mcp.servers] alone, and not 'expose'"),
        ('[skills]\npath = ["../elsewhere"]', "is outside of the project"),
        ('[skills]\npath = ["/etc"]', "is outside of the project"),
        ('[skills]\npath = ["~nobody-of-that-name/../.."]', "is outside of the project"),
        ('[skills]\npath = ["\\u0000"]', "is outside of the project"),
        ('[agents.a]\nworkspace = "~"', "is outside of the project"),
        ("[agents.a", "Expected"),
        ("a = " + "[" * 10_000, "nested too deeply"),
    ],
)
def test_what_no_project_may_say_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    root = project_at(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        read_project(root)
    assert complaint in str(refused.value)
    assert str(refused.value).startswith(f"{root}/.agiwod.toml")


@pytest.mark.parametrize("key", ['api_key = "sk"', 'api_key_env = "KEY"', 'base_url = "http://127.0.0.1:1"'])
def test_keys_and_addresses_are_no_settings_of_an_agent_either(tmp_path: Path, key: str) -> None:
    root = project_at(tmp_path / "project", f"[agents.a]\n{key}\n")
    with pytest.raises(ConfigError, match=r"\.agiwod\.toml:2: unknown key"):
        load_settings(tmp_path, environ={}, project=read_project(root))


def test_a_file_that_is_no_plain_text_is_refused_at_once(tmp_path: Path) -> None:
    root, file = tmp_path, tmp_path / ".agiwod.toml"
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="no plain file"):
        read_project(root)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="no plain file"):
        read_project(root)
    file.rmdir()
    file.write_bytes(b"\xff\xfe[agents]")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_project(root)
    with file.open("wb") as sparse:
        sparse.truncate(10**9)
    with pytest.raises(ConfigError, match="more than 64 KiB"):
        read_project(root)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = project_at(tmp_path / "elsewhere")
    root = tmp_path / "project"
    root.mkdir()
    (root / ".agiwod.toml").symlink_to(elsewhere / ".agiwod.toml")
    with pytest.raises(ConfigError, match="is a link"):
        read_project(root)
    (root / ".agiwod.toml").unlink()
    (root / ".agiwod.toml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is a link"):
        read_project(root)


def test_what_others_could_change_is_refused(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project")
    (root / ".agiwod.toml").chmod(0o666)
    with pytest.raises(ConfigError, match="by anybody"):
        read_project(root)
    (root / ".agiwod.toml").chmod(0o600)
    root.chmod(0o777)
    with pytest.raises(ConfigError, match="by anybody"):
        read_project(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project")
    os.chown(root / ".agiwod.toml", 12345, -1)
    with pytest.raises(ConfigError, match=r"another user \(uid 12345\)"):
        read_project(root)
    os.chown(root / ".agiwod.toml", 0, -1)
    os.chown(root, 12345, -1)
    with pytest.raises(ConfigError, match="another user"):
        read_project(root)


def test_the_nearest_project_counts_and_nothing_of_one_around_it(tmp_path: Path) -> None:
    outer, inner = project_at(tmp_path / "outer"), project_at(tmp_path / "outer" / "vendor" / "inner")
    (inner / "src").mkdir()
    assert find_project(inner / "src") == inner
    assert find_project(outer / "vendor") == outer
    assert find_project(tmp_path) is None


def test_skills_make_a_project_but_not_a_folder_of_that_name_nor_those_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for made in (".agents/skills", "work/a/.agents/skills", "work/b/.agiwo/skills", "work/c/skills", "work/d"):
        (tmp_path / made).mkdir(parents=True)
    found = {name: find_project(tmp_path / "work" / name) for name in "abcd"}
    assert found == {"a": tmp_path / "work/a", "b": tmp_path / "work/b", "c": None, "d": None}
    assert find_project(tmp_path / "work/c", frozenset({tmp_path / "work/c"})) == tmp_path / "work/c"


def test_the_skills_of_a_project_are_in_it_and_a_link_out_of_it_is_none(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for made in (root / "skills", root / ".agents/skills", root / ".agiwo", elsewhere):
        made.mkdir(parents=True)
    (root / ".agiwo/skills").symlink_to(elsewhere)
    assert read_project(root).skill_directories == (root / "skills", root / ".agents/skills")


def test_the_digest_is_of_what_the_file_allows(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project")
    before = read_project(root).digest
    project_at(root, f"# told\n{GOOD}")
    assert read_project(root).digest == before
    project_at(root, GOOD.replace("files", "other"))
    assert read_project(root).digest != before


def test_another_directory_of_skills_is_another_project_and_an_edited_skill_is_none(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project")
    before = read_project(root).digest
    write_skill(root / ".agents/skills", "one")
    after = read_project(root).digest
    write_skill(root / ".agents/skills", "one", "Do something else.")
    assert (before == after, read_project(root).digest == after) == (False, True)


BOMBS = {
    "tables in tables": "a." * 3000 + "a = 1",
    "tables in tables, in quotes": """[ '"' . "\\"" . """ + " b . " * 3000 + "c ]",
    "tables in tables, inline": "agents = " + "{ a = " * 200 + "1" + " }" * 200,
    "arrays in arrays": "agents = " + "[" * 30_000,
    "arrays in arrays, whole": "agents = " + "[" * 480 + "]" * 480,
    "a long number": f"agents = {'1' * 5000}",
    "a longer one": f"agents = 0x{'f' * 50_000}",
    "a place with a zero byte": '[skills]\npath = ["\\u0000"]',
    "what takes long to find a line in": "x = [\n" + "[],\n" * 3000 + "]\n",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_what_is_made_to_hurt_who_reads_it_is_a_fault_of_the_file_and_soon_told(tmp_path: Path, kind: str) -> None:
    root, began = project_at(tmp_path / "project", BOMBS[kind]), time.process_time()
    with pytest.raises(ConfigError, match=r"\.agiwod\.toml"):
        load_settings(tmp_path / "home", environ={}, project=read_project(root))
    assert time.process_time() - began < 10


def test_a_project_allows_nothing_without_a_question(tmp_path: Path) -> None:
    rules = (
        '[agents.a]\ntools = ["bash"]\napprovals = [{ tool = "*", action = "deny" }, { tool = "bash", action = "%s" }]'
    )
    with pytest.raises(
        ConfigError, match=r":3: a rule of a project may ask or deny; what is allowed is for you to say"
    ):
        read_project(project_at(tmp_path / "project", rules % "allow"))
    assert read_project(project_at(tmp_path / "project", rules % "ask")).values


def test_the_rules_of_a_project_come_behind_those_of_the_user(tmp_path: Path) -> None:
    home, root = (
        tmp_path / "home",
        project_at(tmp_path / "p", '[agents.a]\napprovals = [{ tool = "*", action = "ask" }]'),
    )
    home.mkdir()
    (home / "config.toml").write_text(
        '[agents.a]\ntools = ["bash"]\napprovals = [{ tool = "bash", action = "deny" }]\n'
    )
    rules = load_settings(home, environ={}, project=read_project(root)).agents["a"].approvals
    assert [(rule.tool, rule.action) for rule in rules] == [("bash", "deny"), ("*", "ask")]


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "AGIWOD_TOKEN", "AGIWO_OPENAI_API_KEY", "MY_KEY"])
@pytest.mark.parametrize(
    "server",
    [
        'url = "https://example.com/${NAME}"',
        'url = "https://example.com"\nheaders = { a = "Bearer ${env:NAME}" }',
        'command = "x"\nargs = ["${NAME:-none}"]',
        'command = "x"\nenv = { A = "${OTHER:-${NAME}}" }',
    ],
)
def test_no_server_of_a_project_gets_the_key_of_a_model(tmp_path: Path, server: str, name: str) -> None:
    home, text = tmp_path / "home", f"[mcp.servers.s]\n{server}"
    home.mkdir()
    (home / "config.toml").write_text('[models.m]\nprovider = "openai"\napi_key_env = "MY_KEY"\n')
    with pytest.raises(ConfigError, match=f"a server of a project may not have your {name}"):
        load_settings(home, environ={}, project=read_project(project_at(tmp_path / "p", text.replace("NAME", name))))
    load_settings(
        home, environ={}, project=read_project(project_at(tmp_path / "p", text.replace("NAME", "GITHUB_TOKEN")))
    )
