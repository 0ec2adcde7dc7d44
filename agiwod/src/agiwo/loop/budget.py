"""What a run may still use up: its budget, less what it and the runs below it have used. Pure; knows no price."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from agiwo.errors import BudgetExhausted
from agiwo.llm.tokens import count_tokens
from agiwo.loop.history import Message
from agiwo.loop.plan import Plan
from agiwo.schema.run import NOTHING, RunResult, Usage

EXHAUSTED: Final = "budget_exhausted"
"""The kind of failure of a model call that the budget does not pay for."""

Left = dict[str, float]
"""What is left of each limit of a budget, by its name; what is not limited is not in it."""


class Purse:
    """What a run and those below it have used, and what is left. `usage` and `calls` count without a budget, too.

    Before each request what is left must cover what it is sent, as the answers so far told it, and after the first one
    also a summary: so the run ends with one instead of in the middle, and only the answers that are under way can use
    more than there is. Agents behind tools that start together and the one that waits for them get an equal share each
    of what is left, and what they do not use comes back. All that is decided by what is recorded.
    """

    def __init__(self, plan: Plan) -> None:
        self.usage, self.calls = NOTHING, 0
        self._plan, self._budget = plan, plan.budget
        self._lent: list[Left] = []
        self._last, self._known, self._has_answer = NOTHING, 0, False

    def terms(self, messages: Sequence[Message], *, is_last: bool) -> Mapping[str, Any] | None:
        """What a model call has to keep to, None for nothing; after the last one there is no summary to be kept for."""
        if self._budget is None:
            return None
        sent, cached = self._sent(messages), self._last.cached_tokens
        if self._has_answer and self._plan.limits.summary and not is_last:
            # By then the conversation will have grown as much as it did with the last answer.
            grown = sent + self._growth(sent) + count_tokens(self._plan.limits.prompt)
            sent, cached = sent + grown, 2 * cached
        return {"left": self.left(), "sent": sent, "cached": min(sent, cached)}

    def _sent(self, messages: Sequence[Message]) -> int:
        """About how many tokens the next request has."""
        if self._known:
            return self._last.total_tokens + count_tokens(messages[self._known :])
        return _first(self._plan, messages)

    def _growth(self, sent: int) -> int:
        return sent - self._last.input_tokens if self._known else 0

    def left(self) -> Left:
        """What is left of each limit, less what agents below may use."""
        if self._budget is None:
            return {}
        used = {"cost_usd": self.usage.cost_usd or 0.0, "tokens": self.usage.total_tokens, "calls": self.calls}
        limits: Left = {name: limit for name, limit in self._budget.to_json().items() if name in used}
        return {name: limit - used[name] - sum(each[name] for each in self._lent) for name, limit in limits.items()}

    def share(self, agents: int) -> Left:
        """What each of so many agents may use that start together."""
        left, shares = self.left(), agents + 1
        return {name: value / shares if name == "cost_usd" else value // shares for name, value in left.items()}

    def answered(self, answer: Mapping[str, Any], known: int) -> None:
        """Count an answer; the request and it are the first `known` messages from now on."""
        self._last, self._known, self._has_answer = Usage.from_json(answer["usage"]), known, True
        self.usage += self._last
        self.failed(answer)

    def compacted(self, summary: Mapping[str, Any]) -> None:
        """Count the summary that takes the place of an older part; how long the rest is, no answer has told yet."""
        self._last, self._known = NOTHING, 0
        self.usage += Usage.from_json(summary["usage"])
        self.failed(summary)

    def failed(self, told: Mapping[str, Any]) -> None:
        """Count the requests of a model call, and what was lost with those that gave no answer."""
        self.calls += told.get("requests", 0)
        if "lost" in told:
            self.usage += Usage.from_json(told["lost"])

    def interrupted(self, messages: Sequence[Message], items: Sequence[Mapping[str, Any]]) -> None:
        """Count a request that was cut off: what it was sent and what had come, at the least."""
        said = count_tokens([list(item["streams"].values()) for item in items])
        self.usage += Usage(self._sent(messages) if items else 0, said)
        self.calls += 1

    @property
    def spent(self) -> Usage:
        """What was used as far as it is known: at least that much, when there are agents that were not heard of."""
        return self.usage + Usage() if self._lent else self.usage

    @contextmanager
    def lent(self, share: Left) -> Generator[None]:
        """Keep a share for the agent that has it; for one that is not heard of again, for good."""
        self.lend(share)
        yield
        self.take_back(share)

    def lend(self, share: Left) -> None:
        """Keep a share for the agent that has it, until it is taken back."""
        self._lent.append(share)

    def take_back(self, share: Left) -> None:
        """What was not used of a share that was lent is there again."""
        self._lent.remove(share)

    def told(self, result: RunResult) -> None:
        """Count what a run below used."""
        self.usage += result.usage
        self.calls += result.counts.get("requests", 0)


def refuse_unless_affordable(plan: Plan, said: Any) -> None:
    """Nothing, unless the first request of a run could not be made.

    Raises:
        BudgetExhausted: what the user said has more tokens than the budget.
    """
    if plan.budget and plan.budget.tokens and (sent := _first(plan, said)) > plan.budget.tokens:
        raise BudgetExhausted(f"the first request has about {sent} tokens, and the budget {plan.budget.tokens}")


def _first(plan: Plan, said: Any) -> int:
    schemas = [each.parameters for each in plan.tools.values()]
    return count_tokens([plan.system_prompt, schemas, said])
