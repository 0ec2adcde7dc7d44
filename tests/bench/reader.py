"""A client in a process of its own, as light as a client can be: it takes the bytes, and looks at them afterwards.

    python tests/bench/reader.py SOCKET

Each run whose id comes on stdin is attached, which is told by a line; after one more line it is read to its end, and a
JSON line says what came. What came is checked against the invariant of flow control.
"""

import json
import socket
import sys

import orjson
from wire_stream import WireStream

END = b'"type":"run/completed"'


def attached(path: str, run: str) -> socket.socket:
    """A connection that shook hands and attached the run."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    hello = {"protocolVersion": 1, "clientInfo": {"name": "reader"}, "attach": [{"runId": run}]}
    client.sendall(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}) + b"\n")
    client.recv(1, socket.MSG_PEEK)
    return client


def read(client: socket.socket) -> bytes:
    """Everything up to the end of the run."""
    chunks, tail, is_over = list[bytes](), b"", False
    while not (is_over and tail.endswith(b"\n")):
        chunk = client.recv(2**18)
        assert chunk, "the daemon closed the connection"
        chunks.append(chunk)
        is_over = is_over or END in tail + chunk
        tail = (tail + chunk)[-len(END) :]
    return b"".join(chunks)


def checked(run: str, data: bytes) -> WireStream:
    """The run's frames, each checked in its place."""
    stream = WireStream(run)
    for line in data.splitlines():
        message = orjson.loads(line)
        if message.get("method") == "run/event":
            stream.take(message["params"])
    return stream


def main(path: str) -> None:
    """Read the runs that are asked for, one after the other."""
    for line in sys.stdin:
        run = line.strip()
        with attached(path, run) as client:
            print("attached", flush=True)
            sys.stdin.readline()
            data = read(client)
        stream = checked(run, data)
        print(json.dumps({"streamed": len(stream.streamed), "response": len(stream.response)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
