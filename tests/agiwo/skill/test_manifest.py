"""What a `SKILL.md` says, and what is said of one that breaks the rules: to its user, and to its author."""

import pytest
from agiwo.skill import SkillMetadata, SkillParseError
from agiwo.skill.manifest import Manifest, read_manifest

GOOD = "---\nname: tidy\ndescription: Tidies up.\n---\n"


def read(text: str | bytes, directory: str = "tidy") -> Manifest:
    return read_manifest(text.encode() if isinstance(text, str) else text, directory)


def test_a_skill_says_all_that_the_specification_knows() -> None:
    fields = "name: tidy\ndescription: >\n  Tidies\n  up.\nlicense: MIT\ncompatibility: any\n"
    others = "allowed-tools: Read Bash(git:*)\nmetadata:\n  author: me\n  version: '1'\n"
    manifest = read(f"---\n{fields}{others}---\n\n# Tidy\n\nUp.\n\n")
    assert manifest == Manifest(
        SkillMetadata("tidy", "Tidies up.", "MIT", "any", {"author": "me", "version": "1"}, "Read Bash(git:*)"),
        "# Tidy\n\nUp.",
        (),
    )


def test_lines_that_end_as_on_windows_are_lines() -> None:
    manifest = read(f"{GOOD}One.\nTwo.\n".replace("\n", "\r\n"))
    assert (manifest.body, manifest.findings) == ("One.\nTwo.", ())


def test_a_line_of_dashes_in_the_text_ends_nothing() -> None:
    manifest = read("---\nname: tidy\ndescription: up --- or down\n---\nOne.\n---\nTwo.\n")
    assert (manifest.metadata.description, manifest.body) == ("up --- or down", "One.\n---\nTwo.")


USABLE: dict[str, tuple[str, str, str, int]] = {
    "bom": (f"\ufeff{GOOD}", "tidy: Tidies up.", "byte order mark", 1),
    "colon": (
        "---\nname: tidy\ndescription: Use when: it is untidy\n---\n",
        "tidy: Use when: it is untidy",
        "quotes",
        3,
    ),
    "no name": ("---\ndescription: Tidies up.\n---\n", "tidy: Tidies up.", "the directory's is taken: tidy", 1),
    "a number as name": ("---\nname: 7\ndescription: x\n---\n", "7: x", "name has to be a text", 2),
    "a list as licence": (
        "---\nname: tidy\ndescription: x\nlicense: [MIT]\n---\n",
        "tidy: x",
        "license has to be a text",
        4,
    ),
    "another name": ("---\nname: other\ndescription: x\n---\n", "other: x", "directory is 'tidy'", 2),
    "capitals": ("---\nname: Tidy\ndescription: x\n---\n", "Tidy: x", "lowercase letters", 2),
    "hyphens": ("---\nname: ti--dy\ndescription: x\n---\n", "ti--dy: x", "between words", 2),
    "a long name": (f"---\nname: {'x' * 65}\ndescription: x\n---\n", f"{'x' * 65}: x", "longer than 64", 2),
    "a long description": (f"---\nname: tidy\ndescription: {'x' * 1025}\n---\n", f"tidy: {'x' * 1025}", "1,024", 3),
    "long compatibility": (f"---\nname: tidy\ndescription: x\ncompatibility: {'x' * 501}\n---\n", "tidy: x", "500", 4),
    "an unknown field": ("---\nname: tidy\ndescription: x\nmodel: m\n---\n", "tidy: x", "'model' is not known", 4),
    "a field twice": ("---\nname: tidy\nname: two\ndescription: x\n---\n", "tidy: x", "'name' is there twice", 3),
    "metadata as text": ("---\nname: tidy\ndescription: x\nmetadata: y\n---\n", "tidy: x", "table of texts", 4),
    "a number in metadata": ("---\nname: tidy\ndescription: x\nmetadata:\n  v: 1\n---\n", "tidy: x", "metadata.v", 5),
}
"""What is used all the same: the file, what is made of it, what is said, and of which line."""


@pytest.mark.parametrize("case", USABLE)
def test_what_breaks_a_rule_is_used_and_told_with_its_line(case: str) -> None:
    text, made, said, line = USABLE[case]
    manifest = read(f"{text}body")
    assert f"{manifest.metadata.name}: {manifest.metadata.description}" == made
    found = [each for each in manifest.findings if said in each.message]
    assert [(each.line, each.severity, each.strict_severity) for each in found] == [(line, "warning", "error")]


UNUSABLE: dict[str, tuple[str | bytes, str, int]] = {
    "nothing": ("", "first line has to be ---", 1),
    "no front matter": ("# Tidy\n\nUp.\n", "first line has to be ---", 1),
    "half-written": ("---\nname: tidy\ndescription: Tidies", "has no end", 1),
    "no description": ("---\nname: tidy\n---\n", "no description", 1),
    "an empty description": ('---\nname: tidy\ndescription: ""\n---\n', "no description", 3),
    "a list": ("---\n- name\n- tidy\n---\n", "no fields", 2),
    "a sentence": ("---\nTidies up.\n---\n", "no fields", 2),
    "nothing between the lines": ("---\n---\n", "no fields", 2),
    "no yaml": ("---\nname: tidy\ndescription: 'x\n---\n", "no YAML", 3),
    "a tab": ("---\nname: tidy\n\tdescription: x\n---\n", "no YAML", 3),
    "a control character": ("---\nname: tidy\ndescription: a\x07b\n---\n", "no YAML", 2),
    "an escape of no character": ('---\nname: tidy\ndescription: "\\U00ffffff"\n---\n', "no YAML", 2),
    "a reference": ("---\nname: &n tidy\ndescription: *n\n---\n", "reference", 3),
    "a bomb": ("---\nname: tidy\na: &a [x]\nb: &b [*a, *a]\nc: *a\n---\n", "reference", 5),
    "nested too deeply": (f"---\nname: {'[' * 20_000}\n---\n", "nested too deeply", 2),
    "a front matter without end": (f"---\nname: {'x' * 70_000}\n---\n", "longer than 65,536", 1),
    "latin-1": ("---\nname: tidy\ndescription: Räumt auf.\n---\n".encode("latin-1"), "not UTF-8", 3),
    "a path as name": ("---\nname: ../x\ndescription: x\n---\n", "'../x' cannot be the name", 2),
}
"""What cannot be used: the file, why, and in which line."""


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_says_why_and_where(case: str) -> None:
    text, why, line = UNUSABLE[case]
    with pytest.raises(SkillParseError, match=why) as raised:
        read(text)
    assert raised.value.line == line


def test_a_name_that_only_looks_like_another_one_is_that_one() -> None:
    assert read("---\nname: ｔｉｄｙ\ndescription: x\n---\nbody").metadata.name == "tidy"


def test_half_a_character_and_bells_are_not_handed_on() -> None:
    manifest = read('---\nname: tidy\ndescription: "a\\ud800b\\x07c"\n---\nbody')
    assert manifest.metadata.description == "a?b c"


def test_who_writes_a_skill_gets_advice_that_is_no_error() -> None:
    findings = [*read(GOOD).findings, *read(GOOD + "line\n" * 501).findings]
    assert [(each.weight, each.strict_severity) for each in findings] == [("advice", "warning")] * 2
