"""Which key goes where."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agiwo.config import AgiwoSettings, use_settings
from agiwo.errors import ModelError
from agiwo.llm.endpoint import Endpoint, Vendor, host_of

ACME = Vendor("acme", "https://llm.acme.test/v1", ("ACME_KEY", "OLD_ACME_KEY"))
DEEPSEEK = Vendor("deepseek", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",))


@pytest.fixture(autouse=True)
def only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL", "ACME_KEY", "OLD_ACME_KEY", "ACME_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    use_settings(None)


def test_an_argument_goes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "of-the-environment")

    assert ACME.endpoint("https://other.test/v1/", "given") == Endpoint("https://other.test/v1", "given")
    assert ACME.endpoint(None, "given") == Endpoint(ACME.base_url, "given")


def test_a_provider_that_the_settings_do_not_know_has_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_ACME_KEY", "old")
    assert ACME.endpoint(None, None) == Endpoint(ACME.base_url, "old")

    monkeypatch.setenv("ACME_KEY", "new")
    monkeypatch.setenv("ACME_BASE_URL", "https://acme.gateway.test/v1")
    assert ACME.endpoint(None, None) == Endpoint("https://acme.gateway.test/v1", "new")


@pytest.mark.parametrize("base_url", ["https://other.test", "http://api.deepseek.com", "https://api.deepseek.com:444"])
def test_a_key_of_the_environment_goes_to_no_address_but_its_own(
    monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "secret")

    assert DEEPSEEK.endpoint(base_url, None) == Endpoint(base_url, None)
    assert DEEPSEEK.endpoint("https://api.deepseek.com/anthropic", None).api_key == "secret"


def test_a_key_in_a_dotenv_file_is_the_sdks_and_not_the_daemons(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEEPSEEK_API_KEY=of-the-file\n")
    assert DEEPSEEK.endpoint(None, None).api_key == "of-the-file"

    use_settings(AgiwoSettings())
    with pytest.raises(ModelError, match="set DEEPSEEK_API_KEY"):
        DEEPSEEK.endpoint(None, None)


def test_a_host_is_told_without_its_password() -> None:
    assert host_of("https://user:hidden@llm.test:8443/v1", "lab") == "llm.test:8443"
