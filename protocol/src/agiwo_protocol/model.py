"""Models: which there are, and whether they can be used."""

from agiwo_protocol.contract import Method, Page, Wire


class Model(Wire):
    """A model. When it is not `available`, `reason` says what to do about it."""

    name: str
    provider: str
    id: str
    available: bool
    reason: str | None = None


class ListResult(Wire):
    """A page of models, and what `auto` stands for at present."""

    models: list[Model]
    auto: str | None = None
    next_cursor: str | None = None


LIST = Method("model/list", Page, ListResult, "The models that agents may name.")
