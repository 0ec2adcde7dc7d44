"""Where a step runs, as tools and hooks are told. Knows neither."""

from agiwo.durable import RunView, StepScope
from agiwo.schema.tool import ExecutionContext


def context_of(scope: StepScope) -> ExecutionContext:
    """The context of what runs inside this step."""
    return run_context(scope.run, scope.idempotency_key)


def run_context(run: RunView, idempotency_key: str = "") -> ExecutionContext:
    """The context of what has to do with this run as a whole."""
    spec = run.spec
    return ExecutionContext(
        session_id=spec.session,
        run_id=run.id,
        agent_id=spec.agent,
        user_id=spec.user_id,
        depth=spec.depth,
        parent_run_id=spec.parent,
        idempotency_key=idempotency_key,
        metadata=spec.metadata,
        skills={skill["name"]: skill["version"] for skill in spec.plan.get("skills", ())},
        state_id=spec.state,
    )
