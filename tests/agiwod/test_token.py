"""The token's file: made once, for its owner alone, and used only as long as that holds."""

import os
import stat
from pathlib import Path

import pytest
from agiwo.errors import ConfigError
from agiwod.token import take_token


def test_a_new_token_is_long_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "token"
    token = take_token(file)
    assert len(token) >= 40
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["token"]


def test_a_token_stays_until_its_file_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    first = take_token(file)
    assert take_token(file) == first
    file.unlink()
    assert take_token(file) != first


def test_what_a_killed_daemon_had_begun_to_write_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "token.new").write_text("half a tok")
    assert len(take_token(tmp_path / "token")) >= 40


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [(0o644, "a", "open to others"), (0o640, "a", "open to others"), (0o600, " ", "no token")],
)
def test_a_file_that_cannot_hold_a_secret_is_refused(tmp_path: Path, mode: int, content: str, words: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=words):
        take_token(file)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("known")
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="no file of yours"):
        take_token(tmp_path / "token")


def test_a_file_of_another_user_holds_no_token_of_ours(tmp_path: Path) -> None:
    file = Path("/etc/passwd")  # which belongs to root
    if os.getuid() == 0:
        file = tmp_path / "token"
        file.write_text("known")
        file.chmod(0o600)
        os.chown(file, 65534, 65534)
    with pytest.raises(ConfigError, match="no file of yours"):
        take_token(file)
