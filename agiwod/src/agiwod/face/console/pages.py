"""The console's files: its page, made of a template, and what that loads. Needs Jinja2, so it is loaded in a thread."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_HERE: Final = Path(__file__).parent
_STATIC: Final = _HERE / "static"

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Pages:
    """The page, what a stranger sees in its place, and the files that it loads."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._made = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._files = {str(each.relative_to(_STATIC).as_posix()): each for each in _STATIC.rglob("*") if each.is_file()}

    def page(self) -> Response:
        """The one page: its views are told apart by what stands behind the `#`."""
        modules = sorted(name for name in self._files if name.endswith(".js"))
        return self._html("page.html", modules=modules, version=self._version)

    def stranger(self) -> Response:
        """What who has not come in is told."""
        return self._html("stranger.html", 401)

    def entered(self) -> Response:
        """What leads a browser on that has just come in: a redirect would still count as the way of another site."""
        return self._html("entered.html")

    def file(self, name: str, request: Request) -> Response:
        """A file that the page loads; 304 when the browser has it."""
        found = self._files.get(name)
        if found is None:
            return Response("there is no such file", 404, media_type="text/plain")
        response = FileResponse(found, media_type=_TYPES.get(found.suffix), stat_result=found.stat())
        response.headers["Cache-Control"] = "no-cache"
        if request.headers.get("if-none-match") == response.headers["etag"]:
            return Response(status_code=304, headers={"etag": response.headers["etag"]})
        return response

    def _html(self, template: str, status: int = 200, **values: object) -> Response:
        html = self._made.get_template(template).render(**values)
        return HTMLResponse(html, status, {"Cache-Control": "no-store"})
