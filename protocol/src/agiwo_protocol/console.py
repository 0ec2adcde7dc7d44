"""The console: the daemon as a web page of this machine, and whether it is served."""

from agiwo_protocol.contract import Empty, Method, Wire


class OpenResult(Wire):
    """`url` opens the console in one browser, once, within two minutes; later on it is at `address`."""

    url: str
    address: str


OPEN = Method(
    "console/open",
    Empty,
    OpenResult,
    "Serve the console to browsers of this machine, from now on and after restarts; a way in for one of them.",
)
CLOSE = Method("console/close", Empty, Empty, "Serve the console no more.")
