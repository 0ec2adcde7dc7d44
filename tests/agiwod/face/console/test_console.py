"""The console as its page uses it: who comes in, what a call is, and one stream that loses nothing."""

import asyncio
from collections.abc import Callable

import pytest
from agiwo.agent import Agent
from agiwo.testing import FrozenClock
from agiwod.face.console.places import Places, read
from console_lab import PATIENCE, a_tab, browsing, turn_on
from daemon_lab import LiveModel, calling, running, scripted
from http_lab import on_the_web

pytestmark = pytest.mark.anyio


async def test_the_console_is_off_until_somebody_turns_it_on():
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        assert (await web.client.get("/console")).status_code == 404
        assert (await stranger.get("/console", params={"code": daemon.console.new_code()})).status_code == 401
        turn_on(daemon, web)
        assert (await web.client.get("/console")).status_code == 200


async def test_a_code_opens_the_console_for_one_browser_and_no_second_time():
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as one, web.stranger() as other:
        turn_on(daemon, web)
        code = daemon.console.new_code()
        entered = await one.get("/console", params={"code": code})
        cookie = entered.headers["set-cookie"]
        assert "; HttpOnly; SameSite=Strict" in cookie
        assert "; Path=/console;" in cookie
        assert (await one.get("/console")).status_code == 200
        assert (await other.get("/console", params={"code": code})).status_code == 401
        assert (await other.get("/console")).status_code == 401


async def test_a_person_who_has_not_come_in_is_told_how_to_and_a_program_gets_the_words_of_the_gate():
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        turn_on(daemon, web)
        seen = await stranger.get("/console", headers={"Accept": "text/html,*/*"})
        assert (seen.status_code, "agiwod console" in seen.text) == (401, True)
        told = await stranger.get("/console")
        assert told.json()["error"]["kind"] == "auth_required"


async def test_a_code_and_a_card_come_to_their_end():
    clock = FrozenClock()
    async with running(clock=clock) as daemon, on_the_web(daemon) as web, web.stranger() as late:
        turn_on(daemon, web)
        code = daemon.console.new_code()
        async with browsing(daemon, web) as browser:
            assert (await browser.client.get("/console")).status_code == 200
            clock.advance(121)
            assert (await late.get("/console", params={"code": code})).status_code == 401
            assert (await browser.client.get("/console")).status_code == 200
            clock.advance(31 * 24 * 3600)
            assert (await browser.client.get("/console")).status_code == 401


CARDS = ["", "x", "99999999999.", "99999999999.0", "-1.0", "9" * 400 + ".0", "nan.0", "\xe9.\xe9"]


async def test_a_card_that_somebody_made_up_opens_nothing():
    async with running() as daemon, on_the_web(daemon) as web, web.stranger() as stranger:
        turn_on(daemon, web)
        name = f"agiwod-console-{web.url.rpartition(':')[2]}"
        for card in CARDS:
            cookie = f"{name}={card}; other=1".encode("latin-1")
            answer = await stranger.get("/console", headers=[(b"Cookie", cookie)])
            assert (card, answer.status_code) == (card, 401)


async def test_a_call_is_answered_as_it_is_on_a_socket():
    async with a_tab() as tab, calling(tab.daemon) as caller:
        for method in ("agent/list", "run/list", "skill/list"):
            assert await tab.call(method) == await caller.call(method)
        refused = (await tab.post("run/get", {"runId": "none"})).json()
        assert (refused["id"], refused["error"]["code"]) == (1, -32004)
        assert (await tab.post("no/such", {})).json()["error"]["code"] == -32601
        hello = {"protocolVersion": 1, "clientInfo": {"name": "x"}}
        again = (await tab.post("initialize", hello)).json()
        assert again["error"]["data"]["kind"] == "already_initialized"
        names = [each["name"] for each in (await caller.call("client/list"))["clients"]]
        assert names == ["console", "test"]


FOREIGN: list[tuple[dict[str, str], int]] = [
    ({"Content-Type": "text/plain"}, 415),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ({"Console-Tab": "none"}, 409),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost:1"}, 403),
    ({"Origin": "https://{host}"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Host": "evil.example"}, 421),
    ({"Cookie": "none=1"}, 401),
]


async def test_a_call_that_another_page_could_make_is_refused():
    async with a_tab() as tab:
        for headers, status in FOREIGN:
            given = {name: value.format(host=tab.daemon.console.address) for name, value in headers.items()}
            answer = await tab.post("run/start", {"agent": "echo", "input": "hi"}, **given)
            assert (headers, answer.status_code) == (headers, status)
        assert (await tab.browser.client.get("/console/call")).status_code == 405
        assert await tab.daemon.runs.list() == []


NO_REQUESTS = {
    b"": -32700,
    b"{": -32700,
    b"[]": -32600,
    b'{"jsonrpc":"2.0","method":"run/list"}': -32600,
    b'{"jsonrpc":"2.0","id":null,"method":"run/list"}': -32600,
    b'{"jsonrpc":"2.0","id":1,"result":{}}': -32600,
}


async def test_what_is_no_request_is_told_what_it_is():
    async with a_tab() as tab:
        headers = {"Content-Type": "application/json", "Console-Tab": tab.stream.tab}
        for body, code in NO_REQUESTS.items():
            answer = await tab.browser.client.post("/console/call", content=body, headers=headers)
            assert (body, answer.status_code, answer.json()["error"]["code"]) == (body, 200, code)


async def test_a_tab_reads_a_run_in_order_and_hears_of_the_daemon():
    async with a_tab() as tab:
        run = await tab.start()
        await tab.stream.until("run/completed")
        assert tab.stream.seqs(run) == list(range(1, await tab.head(run) + 1))
        assert "daemon/event" in {each.data["method"] for each in tab.stream.seen}


async def test_a_tab_that_comes_back_with_its_place_misses_nothing_and_is_told_so():
    model = LiveModel()
    async with a_tab(Agent("live", "", model)) as tab:
        run = await tab.start("live")
        await tab.stream.until("run/started")
        seqs = tab.stream.seqs(run)
        model.say("one ", "two", None)
        await tab.daemon.runs.wait(run)
        async with tab.browser.stream(tab.stream.place) as again:
            assert again.hello["isResumed"]
            assert [each["runId"] for each in again.hello["server"]["attached"]] == [run]
            await again.until("run/completed")
            assert sorted({*seqs, *again.seqs(run)}) == list(range(1, await tab.head(run) + 1))
            assert again.seqs(run)[0] <= seqs[-1] + 1


async def test_a_tab_that_comes_to_another_daemon_is_told_that_events_may_be_missing():
    async with a_tab() as tab:
        here = Places(tab.daemon.id, 10**9).encode()
        for place in (None, "none", "{}", "[]", Places("another", 3, {"gone": 4}).encode(), here):
            async with tab.browser.stream(place) as stream:
                assert stream.hello["isResumed"] is False
                assert await tab.browser.call(stream.tab, "ping")


async def test_a_run_that_is_followed_no_more_has_no_place():
    model = LiveModel()
    async with a_tab(Agent("live", "", model)) as tab:
        first = await tab.start("live")
        await tab.stream.until("run/started")
        assert first in read(tab.stream.place).runs
        await tab.call("run/detach", runId=first)
        second = await tab.start("live")
        await tab.stream.until("run/queued")
        assert set(read(tab.stream.place).runs) <= {second}
        model.say(None, None)


async def test_a_call_whose_page_goes_away_is_cancelled():
    model = LiveModel()
    async with a_tab(Agent("live", "", model)) as tab:
        run = await tab.start("live")
        waiting = asyncio.create_task(tab.post("run/wait", {"runId": run}))
        await until(lambda: tab.daemon.traffic.requests == 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: tab.daemon.traffic.requests == 0)
        model.say(None)


async def until(is_so: Callable[[], bool]) -> None:
    """Return once something holds; other tasks have their turns meanwhile."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if is_so():
                return
            await asyncio.sleep(0)


async def test_a_tab_that_does_not_read_costs_what_a_slow_client_costs():
    async with a_tab(scripted("long", {"text": "x" * 100_000, "deltas": 10})) as tab:
        runs = [await tab.start("long") for _ in range(20)]
        for run in runs:
            await tab.daemon.runs.wait(run)
        assert tab.daemon.traffic.queued_bytes < 2**21
        heads = {run: await tab.head(run) for run in runs}
        while any(tab.stream.seqs(run)[-1:] != [head] for run, head in heads.items()):
            await tab.stream.until("run/completed")
        for run in runs:
            assert tab.stream.seqs(run) == list(range(1, heads[run] + 1))


async def test_each_answer_forbids_what_a_page_of_another_place_could_do_with_it():
    async with running() as daemon, on_the_web(daemon) as web, browsing(daemon, web) as browser:
        for path in ("/console", "/console/static/app.js", "/console/static/style.css", "/console/static/none"):
            answer = await browser.client.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_nothing_but_the_files_of_the_page_is_served():
    async with running() as daemon, on_the_web(daemon) as web, browsing(daemon, web) as browser:
        for name in ("../endpoint.py", "..%2fendpoint.py", "%2e%2e/templates/page.html", "/etc/passwd", ""):
            assert (name, (await browser.client.get(f"/console/static/{name}")).status_code) == (name, 404)


async def test_a_file_that_the_browser_has_is_not_sent_again():
    async with running() as daemon, on_the_web(daemon) as web, browsing(daemon, web) as browser:
        first = await browser.client.get("/console/static/app.js")
        again = await browser.client.get("/console/static/app.js", headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


async def test_a_stream_ends_when_the_console_is_closed_with_its_daemon():
    async with running() as daemon:
        async with on_the_web(daemon) as web, browsing(daemon, web) as browser, browser.stream() as stream:
            await web.site.close()
            assert [each async for each in stream.told] == []
        assert daemon.traffic.connections == 0
