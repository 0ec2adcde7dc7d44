"""Blobs: content too large to stand in an item."""

from typing import Annotated

from pydantic import Field

from agiwo_protocol.contract import Count, Method, Name, Wire


class GetParams(Wire):
    """Which bytes of which blob; at most 8 MiB at once."""

    blob: Name
    offset: Count = 0
    limit: Annotated[int, Field(ge=1, le=8 * 2**20)] = 2**20


class GetResult(Wire):
    """`data` is base64; `size` is that of the whole blob, in bytes."""

    blob: str
    offset: Count
    size: Count
    data: str


GET = Method("blob/get", GetParams, GetResult, "A part of a blob.")
