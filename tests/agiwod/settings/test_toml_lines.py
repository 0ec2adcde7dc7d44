import tomllib
from pathlib import Path
from typing import Any

import pytest
from agiwo.errors import ConfigError
from agiwod.settings.toml import TomlFile
from hypothesis import given
from hypothesis import strategies as st

TEXT = '''
top = 1
# [not.a.table]
[a.b]   # comment
one = """
[fake]
two = 2
"""
two = [
  "[fake]",   # comment
  "x = 1",
]
three.four = { five = 5, six = { seven = 7 } }

[ "quoted.key" . c ]
'single' = 1
[[list]]
x = 1
[list.inner]
z = 1
[[list]]
x = 1
y = [{ deep = 1 }]
[list.inner]
z = 1
[[list.lists]]
x = 1
[after]
x = 1
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("top", 2),
        ("a b", 4),
        ("a b one", 5),
        ("a b two", 9),
        ("a b three", 13),
        ("a b three four five", 13),
        ("a b three four six seven", 13),
        ("quoted.key c", 15),
        ("quoted.key c single", 16),
        ("list", 17),
        ("list 0", 17),
        ("list 0 x", 18),
        ("list 0 inner", 19),
        ("list 0 inner z", 20),
        ("list 1", 21),
        ("list 1 x", 22),
        ("list 1 y 0 deep", 23),
        ("list 1 inner z", 25),
        ("list 1 lists 0 x", 27),
        ("list 1 missing", 21),
        ("after x", 29),
        ("a b missing", 4),
    ],
)
def test_every_key_is_found_on_its_line(tmp_path: Path, key: str, line: int) -> None:
    path = tmp_path / "x.toml"
    path.write_text(TEXT)

    assert TomlFile(path).where(tuple(key.split(" "))) == f"{path}:{line}"


def test_a_key_that_is_nowhere_is_in_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(TEXT)

    assert TomlFile(path).where(("fake",)) == str(path)


WORDS = st.sampled_from(["a", "b", '"c.d"', "e-f"])
QUOTES = ('"[#"', "'\"['", '"\\\\"', '"\\"]"', "[ # ]\n1]", '''"""a""\n]"""""''', "'''\n#[''''", "{ p = [\n'}'] }")
"""Where a statement that holds them ends is not easy to see."""

VALUES = st.sampled_from(
    ["1", '"x"', "'''\n[q]\nz = 1\n'''", "[\n1,\n2]", "{ p = 1 }", '"""\n"""', "1979-05-27", *QUOTES]
)


@given(
    st.lists(
        st.tuples(WORDS, st.lists(st.tuples(WORDS, VALUES), unique_by=lambda pair: pair[0])), unique_by=lambda t: t[0]
    )
)
def test_every_key_of_any_file_has_the_line_it_was_written_on(tables: list[tuple[str, list[tuple[str, str]]]]) -> None:
    lines, expected = list[str](), dict[tuple[str, ...], int]()
    for table, pairs in tables:
        lines.append(f"[t.{table}]")
        expected["t", table.strip('"')] = len(lines)
        for key, value in pairs:
            expected["t", table.strip('"'), key.strip('"')] = len(lines) + 1
            lines.extend(f"{key} = {value}".split("\n"))
    file = _Text("\n".join(lines))

    assert {key: int(file.where(key).rpartition(":")[2]) for key in expected} == expected


@pytest.mark.parametrize("entry", ["[],", "'''],\n''',"])
def test_the_lines_of_a_long_list_are_found_in_time_that_grows_with_its_length(entry: str) -> None:
    many = "\n".join([entry] * 5000)
    file = _Text(f"long = [\n{many}\n]\nlast = 1")
    assert file.where(("last",)) == f"x:{many.count(chr(10)) + 4}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"a = 1\nb = {'9' * 5000}", ":2: a number is too long"),
        (".".join("a" * 2000) + " = 1", " is nested too deeply"),
        ("a = " + "[" * 200 + "]" * 200, " is nested too deeply"),
    ],
)
def test_what_could_be_written_and_not_be_read_is_told_and_not_raised(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TomlFile(Path("x"), text)
    assert str(refused.value).startswith(f"x{complaint}")


class _Text(TomlFile):
    """A file that is only a text."""

    def __init__(self, text: str) -> None:
        self.path, self._text = Path("x"), text
        self.values: dict[str, Any] = tomllib.loads(text)
