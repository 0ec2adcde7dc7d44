"""Skills for tests: directories with a `SKILL.md`, written as people and programs write them."""

from pathlib import Path

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
