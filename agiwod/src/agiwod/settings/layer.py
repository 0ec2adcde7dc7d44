"""One source of settings: its values, and where each of them stands. Does not know what settings there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

Path = tuple[str, ...]
Source = Literal["command line", "environment", "project", "file", "default"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who set a value, and where: a file with its line, or a variable."""

    source: Source
    where: str = ""

    def __str__(self) -> str:
        return self.where or self.source


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one source. `where` tells the place of a path, or of the nearest table around it.

    In a path, what an array holds goes by its number, as text.
    """

    source: Source
    values: Mapping[str, Any]
    where: Callable[[Path], str] = lambda path: ""

    def holds(self, path: Path) -> bool:
        """Whether this source says something at that path."""
        value: Any = self.values
        for key in path:
            if isinstance(value, list):
                value = dict(zip(map(str, range(len(cast(list[Any], value)))), cast(list[Any], value), strict=True))
            if not isinstance(value, Mapping) or key not in value:
                return False
            value = cast(Mapping[str, Any], value)[key]
        return True

    def origin(self, path: Path) -> Origin:
        """The place of that path here."""
        return Origin(self.source, self.where(path))


def merged(layers: tuple[Layer, ...]) -> dict[str, Any]:
    """All layers as one, the first one strongest. Tables are merged, anything else is replaced as a whole."""
    result: dict[str, Any] = {}
    for layer in reversed(layers):
        result = _over(result, layer.values)
    return result


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        result[key] = _over(cast(Mapping[str, Any], under), cast(Mapping[str, Any], value)) if both else value
    return result
