"""Where a step runs, as tools and hooks are told. Knows neither."""

from agiwo.durable import RunView, StepScope
from agiwo.schema.tool import ExecutionContext
from agiwo.schema.trace_context import TraceContext


def context_of(scope: StepScope) -> ExecutionContext:
    """The context of what runs inside this step."""
    return run_context(scope.run, scope.idempotency_key, scope.key)


def span_header(scope: StepScope) -> str:
    """The `traceparent` of what this step asks of others."""
    return TraceContext.of_step(scope.run.id, scope.run.spec.trace, scope.key).header


def run_context(run: RunView, idempotency_key: str = "", step: str = "") -> ExecutionContext:
    """The context of what has to do with this run as a whole, or with one step of it."""
    spec = run.spec
    span = TraceContext.of_step(run.id, spec.trace, step)
    return ExecutionContext(
        session_id=spec.session,
        run_id=run.id,
        agent_id=spec.agent,
        user_id=spec.user_id,
        depth=spec.depth,
        parent_run_id=spec.parent,
        trace_id=span.trace_id,
        idempotency_key=idempotency_key,
        metadata=spec.metadata,
        skills={skill["name"]: skill["version"] for skill in spec.plan.get("skills", ())},
        state_id=spec.state,
        span_id=span.span_id,
    )
