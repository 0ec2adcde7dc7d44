"""model/…: which models there are."""

from agiwo_protocol import model
from agiwo_protocol.contract import Page

from agiwod.face.rpc import encode
from agiwod.face.rpc.connection import Connection
from agiwod.face.rpc.dispatch import methods
from agiwod.face.rpc.methods.paging import page


@methods.on(model.LIST)
async def list_models(connection: Connection, params: Page) -> model.ListResult:
    """The models that agents may name, and what `auto` stands for."""
    models = connection.daemon.models
    shown, cursor = page(models.list(), params, lambda each: each.name)
    return model.ListResult(
        models=[encode.model_object(each) for each in shown], auto=models.auto(), next_cursor=cursor
    )
