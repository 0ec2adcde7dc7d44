"""What is to be said of a `SKILL.md`: that it cannot be used, breaks a rule, or could be better. Looks at nothing."""

from dataclasses import dataclass
from typing import Literal

Weight = Literal["fatal", "rule", "advice"]
"""It cannot be used; it breaks a rule of the specification, and can be used all the same; it could be better."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and the line of the file that it is about, if it is about one."""

    weight: Weight
    message: str
    line: int | None = None

    @property
    def severity(self) -> Severity:
        """How much it matters to who uses the skill."""
        return "error" if self.weight == "fatal" else "warning"

    @property
    def strict_severity(self) -> Severity:
        """How much it matters to who wrote the skill, and gives it to others."""
        return "warning" if self.weight == "advice" else "error"
