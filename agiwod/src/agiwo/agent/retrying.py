"""The pause before a model is asked again. Asks nobody."""

import asyncio

from agiwo.agent.meter import Meter
from agiwo.durable import StepScope
from agiwo.errors import ModelError
from agiwo.llm.retry import Retries
from agiwo.schema.event import RUN_RETRYING, NewEvent


async def wait_to_retry(scope: StepScope, error: ModelError, retries: Retries, meter: Meter) -> None:
    """Say that there will be another request and wait for its time; raise the error when there will be none."""
    asked, delay = retries.model, retries.after(error)
    if delay is None:
        raise meter.failure(error) from error
    reason = str(error) if retries.model is asked else f"{error}; {retries.model.name} is asked instead"
    data = {"attempt": meter.requests + 1, "delay": round(delay, 3), "reason": reason, "kind": error.kind}
    await scope.record(NewEvent(RUN_RETRYING, data))
    await asyncio.sleep(delay)
