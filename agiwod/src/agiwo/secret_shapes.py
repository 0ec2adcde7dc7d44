"""What secrets look like that nobody named. Only patterns: who uses them decides what stands in their place."""

import re
from collections.abc import Mapping
from typing import Final

SHAPES: Final[Mapping[str, str]] = {
    "bearer": r"(?<=Bearer )(?=\S*\d)[\w.~+/-]{16,}=*",
    "basic": r"(?<=Basic )(?=\S*\d)[A-Za-z0-9+/]{16,}=*",
    "key": r"\b(?:sk|pk|rk|xai|gsk|ghp|gho|ghs|github_pat|glpat|nvapi|hf|xox[abps])[-_](?=[\w-]*\d)[\w-]{16,}"
    r"|\bAIza[\w-]{35}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "token": r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}",
    "private_key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
}
"""Patterns by name. A digit is asked for, so that `Bearer of good news` stays what it is."""

_USER: Final = r"(?<=://)[^\s/:@]{1,200}:[^\s/@]{1,200}(?=@)"
"""Who is named in an address, with the password."""

_ANY: Final = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in {**SHAPES, "user": _USER}.items()), re.S)


_HINTS: Final = (
    *("Bearer ", "Basic ", "://", "eyJ", "-----BEGIN", "AIza", "AKIA", "ASIA"),
    *("sk", "pk", "rk", "xai", "gho", "ghp", "ghs", "gsk", "hf", "github_pat", "glpat", "nvapi", "xox"),
)
"""One of these is in every text that fits: long texts without any are passed over at once."""


def without_shapes(text: str) -> str:
    """The text with `[redacted:NAME]` in the place of whatever looks like a secret."""
    if not any(hint in text for hint in _HINTS):
        return text
    return _ANY.sub(lambda found: f"[redacted:{found.lastgroup}]", text)
