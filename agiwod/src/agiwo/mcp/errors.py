"""What can go wrong with a foreign server, in words that a model can act on.

ToolError
└── McpError               a call of a foreign tool cannot be answered; the message says why
    ├── ServerUnavailable  the server does not run just now; nothing was asked of it
    └── CallLost           the server was asked, and nobody knows what came of it
"""

from typing import cast

from agiwo.errors import ToolError


class McpError(ToolError):
    """A foreign server, or its answer, cannot be used."""


class ServerUnavailable(McpError):
    """The server does not run just now, so nothing was asked of it."""


class CallLost(McpError):
    """The server was asked and has not answered, so what it did is not known."""


def innermost(error: BaseException) -> BaseException:
    """The error that a group of them is about: the first, however deep in it."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
