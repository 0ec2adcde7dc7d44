"""The one tool of every driver's agent, and how often it was called."""


class Calls:
    """How often the tool was called since somebody looked."""

    count = 0

    @classmethod
    def taken(cls) -> int:
        """How often; counting starts anew."""
        count, cls.count = cls.count, 0
        return count


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    Calls.count += 1
    return a + b
