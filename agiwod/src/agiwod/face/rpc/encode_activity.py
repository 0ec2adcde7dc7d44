"""What goes on as the wire says it. Decides nothing."""

from agiwo_protocol import daemon

from agiwod.face.rpc import encode
from agiwod.face.rpc.moment import moment
from agiwod.runtime.activity import Active


def active_run(value: Active, now: float) -> daemon.ActiveRun:
    """An unfinished run."""
    head = value.head
    return daemon.ActiveRun(
        run_id=head.run,
        parent_run_id=head.parent,
        session_id=head.session,
        agent_id=head.agent,
        state_id=value.state,
        status=encode.status(head.status),
        created_at=moment(head.created_at),
        elapsed_ms=max(0.0, 1000 * (now - head.created_at)),
        input_tokens=value.input_tokens,
        output_tokens=value.output_tokens,
        cost_usd=value.cost_usd,
        doing=value.doing,
    )
