"""The engine that the settings choose: what is refused, and with which words."""

import sys
from pathlib import Path

import pytest
from agiwo.clock import SystemClock
from agiwo.engine.temporal.keeping import JournalPayloads
from agiwo.engine.temporal.place import TemporalPlace
from agiwo.errors import ConfigError, StorageError
from agiwo.journal.memory import MemoryJournal
from agiwod.engines import check_engine, engine_of, temporal_options
from agiwod.rehearsal import rehearse
from agiwod.runtime.engines import embedded
from agiwod.settings import Settings, load_settings

STORE = '[storage]\nkind = "mongodb"\nuri = "mongodb://127.0.0.1:9"\n'


def configured(home: Path, text: str) -> Settings:
    (home / "config.toml").write_text(text)
    return load_settings(home, environ={})


def test_without_a_word_an_engine_runs_in_the_daemon_itself(tmp_path: Path) -> None:
    assert engine_of(configured(tmp_path, "")) is embedded


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_temporal_is_refused_over_a_store_that_other_daemons_do_not_reach(tmp_path: Path, kind: str) -> None:
    settings = configured(tmp_path, f'[storage]\nkind = "{kind}"\n[engine]\nkind = "temporal"')

    with pytest.raises(ConfigError) as refused:
        rehearse(settings)

    where = f"{tmp_path}/config.toml:4"
    need = f'a store that all daemons reach: [storage] kind = "mongodb", not "{kind}"'
    assert str(refused.value) == f'{where}: kind = "temporal" needs {need}'


def test_temporal_is_refused_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(tmp_path, f'{STORE}[engine]\nkind = "temporal"')
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "temporalio", raising=False)

    with pytest.raises(ConfigError, match=r"config.toml:5: Temporal needs .* pip install 'agiwod\[temporal\]'"):
        check_engine(settings)


def test_temporal_is_reached_as_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    more = 'address = "cloud:7233"\nnamespace = "mine"\napi_key = "hush"\ntls_ca = "ca.pem"'
    settings = configured(tmp_path, f'{STORE}[engine]\nkind = "temporal"\n{more}')

    check_engine(settings)
    options = temporal_options(settings.engine)

    assert (options["target_host"], options["namespace"], options["api_key"]) == ("cloud:7233", "mine", "hush")
    assert options["tls"].server_root_ca_cert == b"certificate"


def test_temporal_is_refused_when_a_certificate_cannot_be_read(tmp_path: Path) -> None:
    settings = configured(tmp_path, f'{STORE}[engine]\nkind = "temporal"\ntls_ca = "gone.pem"')

    with pytest.raises(ConfigError, match=r"gone\.pem cannot be read: No such file or directory"):
        engine_of(settings)


@pytest.mark.anyio
@pytest.mark.temporal
async def test_a_server_that_is_not_there_is_told_in_plain_words() -> None:
    with pytest.raises(StorageError) as refused:
        await TemporalPlace("127.0.0.1:9").connected(JournalPayloads(MemoryJournal(), SystemClock()))

    assert str(refused.value) == "Temporal's server at 127.0.0.1:9 cannot be reached: Connection refused"
