"""A byte pump between a pair of descriptors and a socket. Standard library only: a host that spawns it waits for it."""

import os
import socket
import threading

CHUNK = 1 << 16


class Pump:
    """Carries bytes both ways, each way in a thread of its own, as fast as the slower side takes them."""

    def __init__(self, source: int, sink: int, far: socket.socket) -> None:
        self._source, self._sink, self._far = source, sink, far
        self._is_source_over = False

    def run(self) -> bool:
        """Carry until the far side ends; whether our own side had ended before, so that all was said."""
        threading.Thread(target=self._carry_out, daemon=True).start()
        return self._carry_in()

    def _carry_out(self) -> None:
        try:
            while data := os.read(self._source, CHUNK):
                self._far.sendall(data)
            self._is_source_over = True
            self._far.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the far side is gone, which the other thread sees and tells

    def _carry_in(self) -> bool:
        try:
            while data := self._far.recv(CHUNK):
                write_all(self._sink, data)
        except BrokenPipeError:
            return True  # nobody reads us any more
        except ConnectionError:
            return False
        return self._is_source_over


def write_all(sink: int, data: bytes) -> None:
    """Write all of the data, however long the other side takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]
