"""What the user has said of projects: bound to a directory, and to what it wanted then."""

import stat
from pathlib import Path

import pytest
from agiwo.errors import ConfigError
from agiwo_protocol.paths import locate
from agiwod.settings import read_project
from agiwod.trust import Standing, TrustBook


def book_at(home: Path) -> TrustBook:
    return TrustBook(locate(home))


def project_at(root: Path, text: str = '[agents.a]\nmodel = "auto"\n') -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / ".agiwod.toml").write_text(text)
    return root


def found(standing: Standing | None) -> Standing:
    """The project that was found."""
    assert standing is not None
    return standing


def test_a_project_is_trusted_as_it_is_and_not_when_it_wants_something_else(tmp_path: Path) -> None:
    root, book = project_at(tmp_path / "p"), book_at(tmp_path / "home")
    (root / "src").mkdir()
    standing = found(book.standing_at(root / "src"))
    assert (standing.verdict, f"`agiwod trust {root}`" in str(standing.notice)) == ("unknown", True)
    book.trust(standing.project)
    standing = found(book_at(tmp_path / "home").standing_at(root / "src"))
    assert (standing.verdict, standing.notice) == ("trusted", None)
    project_at(root, '[agents.a]\nmodel = "auto"\ntools = ["bash"]\n')
    standing = found(book.standing_at(root))
    assert (standing.verdict, "something else" in str(standing.notice)) == ("changed", True)
    project_at(root)
    standing = found(book.standing_at(root))
    assert standing.verdict == "trusted"


def test_trust_is_of_the_directory_that_a_link_leads_to(tmp_path: Path) -> None:
    root, other, book = project_at(tmp_path / "p"), project_at(tmp_path / "q"), book_at(tmp_path / "home")
    link = tmp_path / "link"
    link.symlink_to(root)
    book.trust(read_project(link))
    standing = found(book.standing_at(root))
    assert standing.verdict == "trusted"
    link.unlink()
    link.symlink_to(other)
    standing = found(book.standing_at(link))
    assert (standing.project.root, standing.verdict) == (other, "unknown")


def test_a_project_inside_a_trusted_one_is_not_trusted(tmp_path: Path) -> None:
    outer, inner = project_at(tmp_path / "p"), project_at(tmp_path / "p" / "vendor")
    book = book_at(tmp_path / "home")
    book.trust(read_project(outer))
    standing = found(book.standing_at(inner))
    assert (standing.project.root, standing.verdict) == (inner, "unknown")


def test_what_is_revoked_is_trusted_no_more_even_when_it_can_be_no_project_any_more(tmp_path: Path) -> None:
    root, book = project_at(tmp_path / "p"), book_at(tmp_path / "home")
    book.trust(read_project(root))
    project_at(root, "[models.x]")
    assert (book.revoke(root), book.revoke(root)) == (True, False)
    project_at(root)
    standing = found(book.standing_at(root))
    assert standing.verdict == "unknown"


def test_a_directory_with_skills_alone_can_be_trusted(tmp_path: Path) -> None:
    root, book = tmp_path / "p", book_at(tmp_path / "home")
    (root / "skills").mkdir(parents=True)
    assert book.standing_at(root) is None
    book.trust(read_project(root))
    standing = found(book.standing_at(root))
    assert (standing.verdict, standing.project.skill_directories) == ("trusted", (root / "skills",))


def test_the_book_is_the_users_alone_and_a_damaged_one_trusts_nobody(tmp_path: Path) -> None:
    root, book = project_at(tmp_path / "p"), book_at(tmp_path / "home")
    book.trust(read_project(root))
    assert stat.S_IMODE(book.file.stat().st_mode) == 0o600
    for damaged in ("{", "[]", '{"version": 2, "directories": {}}', '{"version": 1, "directories": {"/": 1}}', "null"):
        book.file.write_text(damaged)
        with pytest.raises(ConfigError, match="is damaged"):
            book.standing_at(root)


def test_a_place_that_is_gone_is_in_no_project_of_its_own(tmp_path: Path) -> None:
    root, book = project_at(tmp_path / "p"), book_at(tmp_path / "home")
    standing = found(book.standing_at(root / "gone" / "away"))
    assert standing.project.root == root
