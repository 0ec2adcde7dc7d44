"""What a client tells an agent, as the runtime takes it."""

from agiwo_protocol.item import Input

from agiwod.runtime.runs import Content


def content(input: Input) -> Content:
    """A string, or the parts as JSON data."""
    return input if isinstance(input, str) else [part.to_wire() for part in input]
