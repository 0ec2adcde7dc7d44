"""Skills for tests: directories with a `SKILL.md`, written as people and programs write them."""

from pathlib import Path

LINES = 400
"""Lines of a text that shows when a part of it is missing."""

FACE = "---\nname: {name}\ndescription: {description}\n---\n"


def write_skill(folder: Path, name: str, body: str = "Do it well.", description: str = "For some task.") -> Path:
    """A skill of that name in `folder`; its directory."""
    root = folder / name
    root.mkdir(parents=True, exist_ok=True)
    write_text(root, FACE.format(name=name, description=description) + body + "\n")
    return root


def write_text(root: Path, text: str | bytes) -> None:
    """Put this in the `SKILL.md` of a directory, at once, as editors do that know how."""
    temporary = root / ".SKILL.md.new"
    temporary.write_bytes(text.encode() if isinstance(text, str) else text)
    temporary.replace(root / "SKILL.md")


WRITER = """
import os, sys
root, edits, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(1, edits + 1):
    body = "\\n".join([f"edit {number}"] * lines)
    text = f"---\\nname: busy\\ndescription: For some task.\\n---\\n{body}\\n"
    if number % 2:
        with open(f"{root}/.new", "w") as file:
            file.write(text)
        os.replace(f"{root}/.new", f"{root}/SKILL.md")
    else:
        with open(f"{root}/SKILL.md", "w") as file:
            for start in range(0, len(text), 1500):
                file.write(text[start : start + 1500])
                file.flush()
"""
"""Writes one file again and again, in turns as a whole and in pieces into the emptied file."""


def body(number: int) -> str:
    """A text that shows when a part of it is missing, or of another one."""
    return "\n".join([f"edit {number}"] * LINES)
