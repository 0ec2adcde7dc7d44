"""Cancelled in every state, twice, and whatever comes beside it: every request has one answer, every run one end."""

from pathlib import Path

import pytest
from cancel_rounds import STATES, cancel_everything
from figures import Figures

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

ROUNDS = 200


async def test_whatever_is_cancelled_has_one_answer_and_one_end_and_leaves_nothing(
    tmp_path: Path, figures: Figures
) -> None:
    count = await cancel_everything(tmp_path, ROUNDS, seed=11)

    figures("cancelled runs", count.rounds.total(), at_least=ROUNDS)
    figures("states that they were in", len(count.rounds), at_least=len(set(STATES)))
    figures("requests without an answer", count.unanswered, at_most=0)
    figures("requests with two answers", count.answered_again, at_most=0)
    figures("runs that did not end once, as they should", count.ended_wrong, at_most=0)
    # 2 s where nothing else is at work; what does not end has a minute for each answer.
    figures("slowest end of a cancelled run", count.slowest, "s", at_most=30)
    for kind, left in count.left.items():
        figures(f"{kind} still at work", left, at_most=0)
