"""The transports, by name. A new one is a module and a line here."""

from typing import Final

TRANSPORTS: Final = {
    "unix": "agiwod.transport.unix:UnixTransport",
    "tcp": "agiwod.transport.tcp:TcpTransport",
    "stdio": "agiwod.transport.stdio:StdioTransport",
}
"""Where each transport is. Loaded when asked for: what a host spawns must not pay for what it does not use."""
