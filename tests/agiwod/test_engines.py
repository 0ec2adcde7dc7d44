"""The engine that the settings choose: what is refused, and with which words."""

import sys
from pathlib import Path

import pytest
from agiwo.errors import ConfigError
from agiwod.engines import check_engine, engine_of
from agiwod.rehearsal import rehearse
from agiwod.runtime.engines import embedded
from agiwod.settings import Settings, load_settings

STORE = '[storage]\nkind = "mongodb"\nuri = "mongodb://127.0.0.1:9"\n'


def configured(home: Path, text: str) -> Settings:
    (home / "config.toml").write_text(text)
    return load_settings(home, environ={})


@pytest.mark.anyio
async def test_without_a_word_an_engine_runs_in_the_daemon_itself(tmp_path: Path) -> None:
    async with engine_of(configured(tmp_path, "")) as make:
        assert make is embedded


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


def test_temporal_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'config.toml:5: kind = "temporal" is not there yet'):
        check_engine(configured(tmp_path, f'{STORE}[engine]\nkind = "temporal"'))
