"""Code that is asked whether a tool call may run: what it gets, and what it may say. Follows no run."""

from collections.abc import Awaitable, Callable
from typing import cast, get_args

from agiwo.schema.approval import Answer, Approval, Option

Reply = Answer | Option | bool | None
"""What an approver may say: an answer, the option alone, yes or no; None leaves the question to others."""

Approver = Callable[[Approval], Awaitable[Reply]]
"""An async function that is asked."""


def answer_of(reply: Reply) -> Answer | None:
    """The answer that a reply means; None when it is none.

    Raises:
        ValueError: it is something else than a reply.
    """
    if reply is None or isinstance(reply, Answer):
        return reply
    if isinstance(reply, bool):
        return Answer("allow_once" if reply else "deny")
    if reply not in get_args(Option):
        options = ", ".join(get_args(Option))
        raise ValueError(f"{cast(object, reply)!r} is no answer; there are {options}, True and False, and None")
    return Answer(reply)
