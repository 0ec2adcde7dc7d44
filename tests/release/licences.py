"""Which licences we take, and which one a package says that it has. Knows expressions of SPDX, and older habits."""

import re
from email.message import Message
from typing import Final

TAKEN: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense", "Zlib"),
        "MPL-2.0",  # it binds changes of its own files, of which we make none
    }
)
"""What is passed on with agiwod may be passed on by anybody: nothing of the family of the GPL, of SSPL, of BUSL."""

_OLDER: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What packages say that say it in words."""

_TOKENS: Final = re.compile(r"[()]|[^\s()]+")


def licence_of(found: Message) -> str:
    """The licence as an expression, or in the package's own words."""
    if said := found.get("License-Expression"):
        return str(said)
    words, classifiers = str(found.get("License") or "").strip(), found.get_all("Classifier") or []
    classes = [str(each).split(" :: ")[-1] for each in classifiers if str(each).startswith("License ::")]
    named = [_OLDER.get(each, each) for each in [words, *classes] if each in _OLDER or each in TAKEN]
    if named:
        return named[0]
    return (words.splitlines() or classes or ["unknown"])[0][:100]


def is_taken(expression: str) -> bool:
    """Whether the expression leaves a way to take what is under it: all of an AND, one of an OR."""
    tokens = _TOKENS.findall(expression)
    try:
        return _either(tokens) and not tokens
    except IndexError:
        return False


def _either(tokens: list[str]) -> bool:
    result = _both(tokens)
    while tokens[:1] == ["OR"]:
        del tokens[0]
        result = _both(tokens) or result
    return result


def _both(tokens: list[str]) -> bool:
    result = _one(tokens)
    while tokens[:1] == ["AND"]:
        del tokens[0]
        result = _one(tokens) and result
    return result


def _one(tokens: list[str]) -> bool:
    token = tokens.pop(0)
    if token != "(":
        return token in TAKEN
    result = _either(tokens)
    return tokens.pop(0) == ")" and result
