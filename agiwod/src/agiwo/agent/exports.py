"""The exporters that the agents of this process share, if its settings say that spans are sent. Makes no span."""

from typing import TYPE_CHECKING

from agiwo import environment

if TYPE_CHECKING:
    from agiwo.observability.otlp import OtlpExport, OtlpOptions

_lent: "dict[OtlpOptions, tuple[OtlpExport, int]]" = {}
"""Each with how many use it: the last one who gives it back waits until everything is sent."""


def lend_export() -> "OtlpExport | None":
    """The exporter for what the settings say now; to be given back."""
    if not environment.may_say("AGIWO_OTLP_", "OTEL_EXPORTER_OTLP_"):
        return None
    from agiwo.config import settings
    from agiwo.observability.otlp import OtlpExport
    from agiwo.observability.otlp_settings import options_of

    options = options_of(settings())
    if options is None:
        return None
    export, users = _lent.get(options) or (OtlpExport(options), 0)
    _lent[options] = export, users + 1
    return export


async def give_back(export: "OtlpExport | None") -> None:
    """Let go of an exporter."""
    if export is None:
        return
    _, users = _lent.pop(export.options)
    if users > 1:
        _lent[export.options] = export, users - 1
    else:
        await export.close()
