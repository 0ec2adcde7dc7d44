"""Why a step gave nothing, from its record. Shown with a span; decides nothing."""

from collections.abc import Mapping
from typing import Any

from agiwo.durable import INTERRUPTED
from agiwo.observability.trace import SpanStatus
from agiwo.schema.record import Record


class Fault:
    """An interruption, or the failure of an effect. `detail` is what else is recorded of a failure."""

    def __init__(self, record: Record) -> None:
        self.at, data = record.at, record.data
        self.detail: Mapping[str, Any] = {}
        if record.type == INTERRUPTED:
            self.kind, self.message = str(data["cause"]), str(data["reason"])
        else:
            error: Mapping[str, Any] = data["error"]
            self.kind, self.message, self.detail = error["kind"], error["message"], error["detail"]

    @property
    def status(self) -> SpanStatus:
        """That of the span: a cancel is nobody's error."""
        return SpanStatus.CANCELLED if self.kind == "cancel" else SpanStatus.ERROR
