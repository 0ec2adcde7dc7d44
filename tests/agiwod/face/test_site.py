"""What is served over HTTP: to whom, and to whom not."""

import pytest
from agiwo.observability.prometheus import CONTENT_TYPE
from agiwod.face.gate import names_of
from agiwod.face.site import FREE
from daemon_lab import calling, running
from http_lab import TOKEN, on_the_web

pytestmark = pytest.mark.anyio

GOOD = {"Authorization": f"Bearer {TOKEN}"}


async def test_every_path_but_the_free_ones_asks_for_the_token() -> None:
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        for path in (
            *web.site.paths,
            "/",
            "/nothing",
            "/.well-known/oauth-protected-resource",
            "/healthz/",
            "//healthz",
        ):
            answer = await stranger.get(path)
            assert (path, answer.status_code) == (path, 200 if path in FREE else 401)
            if path not in FREE:
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["error"]["kind"] == "auth_required"


@pytest.mark.parametrize(
    "said",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer caf\xe9"],
)
async def test_what_is_not_the_token_opens_nothing(said: str) -> None:
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        answer = await stranger.get("/nothing", headers=[(b"Authorization", said.encode("latin-1"))])
        assert answer.status_code == 401


async def test_a_token_that_is_said_twice_opens_nothing() -> None:
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        answer = await stranger.get("/nothing", headers=[*GOOD.items(), *GOOD.items()])
        assert answer.status_code == 401


async def test_health_is_told_to_everybody_and_nothing_else_is() -> None:
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        answer = await stranger.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
        assert (await stranger.post("/healthz")).status_code == 405
        daemon.drain(60)
        answer = await stranger.get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})


async def test_the_numbers_are_told_in_the_text_of_prometheus_to_who_has_the_token() -> None:
    async with running() as daemon, calling(daemon) as caller, on_the_web(daemon) as web, web.stranger() as stranger:
        await caller.call("run/wait", runId=await caller.start())
        answer = await stranger.get("/metrics", headers=GOOD)
        assert (answer.status_code, answer.headers["content-type"]) == (200, CONTENT_TYPE)
        lines = answer.text.splitlines()
        assert {line.rpartition(" ")[0] for line in lines} >= {
            'gen_ai_invoke_agent_duration_seconds_count{gen_ai_agent_name="echo",agiwo_status="completed"}',
            'gen_ai_client_inference_duration_seconds_count{gen_ai_operation_name="chat",'
            'gen_ai_provider_name="scripted",gen_ai_request_model="script"}',
            "agiwo_store_commit_duration_seconds_sum",
            "agiwo_client_lag",
        }
        assert "agiwo_clients 1" in lines
        assert 'agiwo_runs{state="running"} 0' in lines
        assert (await stranger.post("/metrics", headers=GOOD)).status_code == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil@localhost", "169.254.1.1:80", "", "::1"]
)
async def test_another_name_for_this_machine_is_refused(host: str) -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        for path in ("/healthz", "/nothing"):
            answer = await web.client.get(path, headers={"Host": host})
            assert (answer.status_code, answer.json()["error"]["kind"]) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:8423", "[::1]:1"])
async def test_this_machine_may_be_asked_by_its_own_names_at_any_port(host: str) -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        assert (await web.client.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("https://127.0.0.1", 200),
        ("null", 403),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("ftp://localhost", 403),
        ("", 403),
    ],
)
async def test_a_page_may_ask_only_when_this_machine_serves_it(origin: str, status: int) -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        assert (await web.client.get("/healthz", headers={"Origin": origin})).status_code == status


async def test_what_is_not_there_is_told_to_who_has_the_token() -> None:
    async with running() as daemon, on_the_web(daemon) as web:
        answer = await web.client.get("/nothing")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (404, "not_found")


def test_a_server_has_the_names_of_this_machine_its_own_and_those_of_the_settings() -> None:
    assert names_of("127.0.0.1:1") == ("127.0.0.1", "localhost", "[::1]")
    assert names_of("10.0.0.7:1", ["Box.lan"]) == ("127.0.0.1", "localhost", "[::1]", "10.0.0.7", "box.lan")
