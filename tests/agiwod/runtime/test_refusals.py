"""A daemon that refuses a million times is no larger for it."""

import pytest
from agiwo_protocol.errors import RpcError
from daemon_lab import calling, running
from kept_errors import kept_errors

pytestmark = pytest.mark.anyio


async def test_what_was_refused_is_forgotten() -> None:
    async with running() as daemon, calling(daemon) as caller:
        before = kept_errors()
        for _ in range(5):
            with pytest.raises(RpcError, match="params do not fit"):
                await caller.call("trace/get")  # its model has a validator of its own

        assert kept_errors() == before
