"""The news of runs as daemons tell them to each other, both ways. Keeps nothing."""

from datetime import datetime
from typing import Any

from agiwo.engine.news import Dropped, Grown, News, Noticed, Opened
from agiwo.engine.outlet import Excerpt
from agiwo_protocol import jsonrpc, peering

from agiwod.face.rpc.moment import moment


def deltas_frame(excerpt: Excerpt) -> bytes:
    """The `peer/deltas` notification of an excerpt, encoded once for all peers that get it."""
    if not isinstance(excerpt.form, bytes):
        params = {"runId": excerpt.run, "source": excerpt.source, "news": [_told(each) for each in excerpt.news]}
        excerpt.form = jsonrpc.notification(peering.DELTAS.name, params)
    return excerpt.form


def _told(news: News) -> dict[str, Any]:
    match news:
        case Opened():
            return {
                "type": "opened",
                "itemId": news.item,
                "kind": news.kind,
                "data": news.data,
                "attempt": news.attempt,
                "at": moment(news.at),
                "after": news.after,
            }
        case Grown():
            pieces = [{"kind": kind, "text": text} for kind, text in news.pieces]
            place = {"itemId": news.item, "attempt": news.attempt, "offset": news.offset}
            return {"type": "grown", **place, "pieces": pieces}
        case Dropped():
            return {"type": "dropped", "itemId": news.item, "attempt": news.attempt}
        case Noticed():
            told = {"event": news.type, "data": news.data, "at": moment(news.at), "stands": news.stands}
            return {"type": "noticed", **told}


def news_of(deltas: peering.Deltas) -> tuple[News, ...]:
    """What a peer has told.

    Raises:
        ValueError: a time is none.
    """
    return tuple(_heard(each) for each in deltas.news)


def _heard(told: peering.News) -> News:
    match told:
        case peering.Opened():
            at = datetime.fromisoformat(told.at).timestamp()
            return Opened(told.item_id, told.kind, told.data, told.attempt, at, told.after)
        case peering.Grown():
            return Grown(told.item_id, told.attempt, told.offset, tuple((each.kind, each.text) for each in told.pieces))
        case peering.Dropped():
            return Dropped(told.item_id, told.attempt)
        case peering.Noticed():
            return Noticed(told.event, told.data, datetime.fromisoformat(told.at).timestamp(), told.stands)
