"""What a user shows a model besides text: images and files. Opens neither; knows no wire."""

import base64
import binascii
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agiwo.errors import ModelError

_MAGIC = {
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lG": "image/gif",
    "UklG": "image/webp",
    "JVBER": "application/pdf",
}
"""How the base64 of a file begins, for those whose type nobody said."""

_TEXTS = ("application/json", "application/xml", "image/svg+xml")
"""Types that are text although their names do not say so."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """An image or a file: where it is, or its content in base64."""

    mime: str
    url: str = ""
    data: str = ""
    name: str = ""

    @property
    def is_image(self) -> bool:
        """Whether a model is to look at it, rather than read it."""
        return self.mime.startswith("image/") and not self.is_text

    @property
    def is_text(self) -> bool:
        """Whether it can be read as it is."""
        return self.mime.startswith("text/") or self.mime in _TEXTS

    @property
    def data_url(self) -> str:
        """Its address, or its content as one."""
        return self.url or f"data:{self.mime};base64,{self.data}"

    def text(self) -> str:
        """The content of a text file.

        Raises:
            ModelError: it is none.
        """
        try:
            return base64.b64decode(self.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            message = f"the file {self.name or self.mime} is not text in base64"
            raise ModelError("bad_request", message, sent=False) from None


def part_of(part: Mapping[str, Any]) -> str | Attachment:
    """A content part, in our own form or in that of chat completions: its text, or what is attached.

    Raises:
        ModelError: it is neither, or nothing is attached.
    """
    match part.get("type"):
        case "text":
            return str(part.get("text") or "")
        case "image_url":
            return _attached("image", url=part["image_url"]["url"])
        case "file" if "file" in part:
            file: Mapping[str, Any] = part["file"]
            return _attached("file", url=file.get("file_data", ""), name=file.get("filename", ""))
        case "image" | "file" as kind:
            mime, name = part.get("mimeType") or "", part.get("name") or ""
            return _attached(kind, part.get("url") or "", part.get("data") or "", mime, name)
        case other:
            raise ModelError("bad_request", f"a content part is of type text, image or file, not {other!r}", sent=False)


def _attached(kind: str, url: str = "", data: str = "", mime: str = "", name: str = "") -> Attachment:
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        mime, url = mime or head.partition(";")[0], ""
    if not url and not data:
        raise ModelError("bad_request", f"a content part of type {kind} has neither url nor data", sent=False)
    name = name or urlsplit(url).path.rpartition("/")[2]
    if not mime or mime == "application/octet-stream":
        mime = next((known for magic, known in _MAGIC.items() if data.startswith(magic)), "")
    mime = mime or mimetypes.guess_type(name)[0] or ("image/png" if kind == "image" else "application/octet-stream")
    return Attachment(mime, url, data, name)
