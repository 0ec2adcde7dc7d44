from dataclasses import replace

import pytest
from agiwo.llm import OpenAIModel
from fake_provider import FakeProvider, says

pytestmark = pytest.mark.anyio


async def said(base_url: str) -> str:
    """What a model at that address says."""
    model = OpenAIModel("m", api_key="k", base_url=base_url)
    return "".join([chunk.content or "" async for chunk in model.arun_stream([{"role": "user", "content": "go"}])])


async def test_a_provider_is_asked_through_the_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeProvider(says("hel", "lo")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")

        assert await said("http://provider.test/v1") == "hello"
        assert proxy.requests[0].path == "http://provider.test/v1/chat/completions"


async def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeProvider(says("proxy")) as proxy, FakeProvider(says("here")) as provider:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))

        assert await said(provider.base_url) == "here"
        assert proxy.requests == []


async def test_a_password_in_the_address_goes_in_its_own_header() -> None:
    async with FakeProvider(says("x")) as provider:
        await said(provider.base_url.replace("//", "//user:a%20secret@"))

    assert provider.requests[0].headers["authorization"] == "Basic dXNlcjphIHNlY3JldA=="


async def test_cookies_are_not_kept_for_the_next_request() -> None:
    async with FakeProvider(replace(says("x"), headers={"set-cookie": "who=me"})) as provider:
        await said(provider.base_url)
        await said(provider.base_url)

    assert "cookie" not in provider.requests[1].headers
