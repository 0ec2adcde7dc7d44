"""The faces, by the name that an opening line asks for. A new one is a package and a line here."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agiwod.face.base import Face
    from agiwod.runtime.daemon import Daemon

FACES: Final = {
    "rpc": "agiwod.face.rpc.face:RpcFace",
}
"""Where each face is made. Loaded when asked for, so that one does not pay for the others."""


def make_face(name: str, daemon: "Daemon") -> "Face":
    """The face of that name, over what the daemon can do.

    Raises:
        KeyError: there is no such face.
    """
    module, _, made = FACES[name].partition(":")
    return getattr(import_module(module), made)(daemon)
