"""Why bounds are missed: `explained.md` has a heading for each work that misses one, and below it what was found."""

from pathlib import Path


def explained() -> dict[str, str]:
    """The explanations, by the name of the work."""
    text = Path(__file__).with_name("explained.md").read_text()
    parts = [part.partition("\n") for part in text.split("\n## ")[1:]]
    return {name.strip(): why.strip() for name, _, why in parts}
