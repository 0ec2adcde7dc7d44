"""The names of foreign tools: the one that people write, and the one that providers take. Looks at no tool."""

import re
from hashlib import blake2b
from typing import Final

PREFIX: Final = "mcp:"
"""How the name of a foreign tool begins where people write it: `mcp:files/read_file`."""

_LONGEST = 64
_PLAIN = re.compile(r"[a-zA-Z0-9_-]+")
_ODD = re.compile(r"[^a-zA-Z0-9_-]+")


def full_name(server: str, tool: str) -> str:
    """The name that people write."""
    return f"{PREFIX}{server}/{tool}"


def model_name(server: str, tool: str) -> str:
    """The name that every provider takes: letters, digits, `_` and `-`, at most 64.

    It is `mcp__SERVER__TOOL` where that says what it is without a doubt, else it begins with a digest of both, so no
    two tools have the same one; and it depends on nothing else, so it stays the same when others come and go.
    """
    joined = f"{server}__{tool}"
    name = f"mcp__{joined}"
    # Split anew it must give the same two parts, also where underscores meet at the seam.
    is_clear = joined.count("__") == 1 and "___" not in joined and "" not in (server, tool)
    if is_clear and len(name) <= _LONGEST and _PLAIN.fullmatch(joined):
        return name
    digest = blake2b(f"{server}\0{tool}".encode(errors="surrogatepass"), digest_size=5).hexdigest()
    readable = "_".join(filter(None, (_ODD.sub("_", part).strip("_") for part in (server, tool))))
    return f"mcp_{digest}_{readable}"[:_LONGEST].rstrip("_")
