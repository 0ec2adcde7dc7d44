"""Cancels runs in every state, with everything at once that may come beside it. Not a test.

    uv run python tests/chaos/cancels.py [--rounds 5000] [--seed 1]

Prints what was counted; code 1 when a request was not answered exactly once, a run did not end once, or anything is
still at work.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # where what tests share is found

from cancel_rounds import Count, cancel_everything

_OFTEN = 500


def main() -> int:
    """Go through the rounds; the exit code."""
    parser = argparse.ArgumentParser(description="Cancels runs in every state.")
    parser.add_argument("--rounds", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        count = asyncio.run(cancel_everything(Path(home), asked.rounds, asked.seed, _tell))
    print(count)
    return int(is_broken(count))


def is_broken(count: Count) -> bool:
    """Whether something was promised otherwise."""
    return bool(count.unanswered or count.answered_again or count.ended_wrong or +count.left)


def _tell(done: int) -> None:
    if done % _OFTEN == 0:
        print(f"{done} rounds", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
