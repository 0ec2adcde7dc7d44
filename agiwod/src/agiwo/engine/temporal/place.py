"""Where Temporal's server is, and how a process is connected with it. Works on nothing."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import temporalio.converter
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from agiwo.engine.temporal.codec import ByReference, Kept
from agiwo.errors import Conflict, NotFound, StorageError


@dataclass(frozen=True, slots=True)
class TemporalPlace:
    """A server, a namespace in it, and the task queue that the processes share which work together."""

    address: str = "127.0.0.1:7233"
    namespace: str = "default"
    queue: str = "agiwod"
    api_key: str | None = None
    tls: bool | TLSConfig = False

    async def connected(self, kept: Kept) -> Client:
        """A client of that server, whose large payloads are in `kept`.

        Raises:
            StorageError: the server cannot be reached, or refuses; the message says where it was looked for.
        """
        converter = replace(temporalio.converter.default(), payload_codec=ByReference(kept))
        try:
            return await Client.connect(
                self.address,
                namespace=self.namespace,
                api_key=self.api_key,
                tls=self.tls or self.api_key is not None,
                data_converter=converter,
            )
        except (RPCError, RuntimeError) as error:
            raise StorageError(f"Temporal's server at {self.address} cannot be reached: {_why(error)}") from error


def _why(error: Exception) -> str:
    """What a person can do something with; the library tells it in the middle of its own structures."""
    causes = re.findall(r'message: "([^"]+)"', str(error))
    return causes[-1] if causes else str(error)


@contextmanager
def translated(run: str) -> Generator[None]:
    """Say in our words what Temporal's server or a run's workflow refused.

    Raises:
        Conflict: the run has ended, or its workflow refuses.
        NotFound: there is no workflow of the run.
        StorageError: the server does not answer.
    """
    try:
        yield
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        raise Conflict(cause.message if isinstance(cause, ApplicationError) else f"run {run} has ended") from error
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise StorageError(f"Temporal's server does not answer: {error.message}") from error
        if "completed" in error.message:
            raise Conflict(f"run {run} has ended") from error
        raise NotFound("run", run, "it is recorded, but has no workflow") from error
    except TimeoutError as error:
        raise StorageError(f"run {run} cannot be reached: no process works on its queue, or all are busy") from error
