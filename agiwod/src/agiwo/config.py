"""The SDK's settings, and the SDK's only reader of the environment. Knows nothing of the daemon's config file."""

import json
import os
from pathlib import Path
from typing import Final, Literal, Self, cast

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from agiwo import environment


def _either(*names: str) -> AliasChoices:
    """Our own name for a variable first, then the ones that everybody uses."""
    return AliasChoices(f"AGIWO_{names[0]}", *names)


KEYS: Final = (
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY"),
    *("NVIDIA_BUILD_API_KEY", "NVIDIA_API_KEY"),
)
"""The variables in which providers themselves look for their keys."""


class AgiwoSettings(BaseSettings):
    """Keys and addresses of model providers: from the constructor, else `AGIWO_…`, else the provider's own variable.

    `AgiwoSettings.with_dotenv()` reads the file `.env` of the working directory too.
    """

    model_config = SettingsConfigDict(env_prefix="AGIWO_", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_either("OPENAI_API_KEY"))
    openai_base_url: str | None = Field(default=None, validation_alias=_either("OPENAI_BASE_URL"))
    openai_model_name: str | None = None
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias=_either("ANTHROPIC_API_KEY"))
    anthropic_model_name: str | None = None
    anthropic_base_url: str | None = Field(default=None, validation_alias=_either("ANTHROPIC_BASE_URL"))
    deepseek_api_key: SecretStr | None = Field(default=None, validation_alias=_either("DEEPSEEK_API_KEY"))
    deepseek_model_name: str | None = None
    deepseek_base_url: str | None = Field(default=None, validation_alias=_either("DEEPSEEK_BASE_URL"))
    nvidia_api_key: SecretStr | None = Field(
        default=None, validation_alias=_either("NVIDIA_BUILD_API_KEY", "NVIDIA_API_KEY")
    )
    nvidia_model_name: str | None = None
    nvidia_base_url: str | None = Field(default=None, validation_alias=_either("NVIDIA_BASE_URL"))
    otlp_enabled: bool | None = None
    """Whether traces are sent. When nobody says: if `otlp_endpoint`, or a variable of OpenTelemetry, says where to."""
    otlp_endpoint: str | None = None
    otlp_protocol: Literal["http", "grpc"] | None = None
    otlp_headers: dict[str, SecretStr] = {}
    otlp_sampling_rate: float | None = Field(default=None, ge=0, le=1)
    otlp_capture_content: bool = False
    local_model: Path | None = None
    """A GGUF file that `local:` runs instead of the packaged one."""

    @classmethod
    def with_dotenv(cls, path: Path | str = ".env") -> Self:
        """Settings from the environment and, behind it, from a file of variables."""
        return cls(_env_file=path)  # pyright: ignore[reportCallIssue] - an argument that the base class takes untyped

    def api_key(self, provider: str) -> str | None:
        """The key of a provider, None when there is none."""
        secret: SecretStr | None = getattr(self, f"{provider}_api_key", None)
        return secret.get_secret_value().strip() or None if secret else None

    def base_url(self, provider: str) -> str | None:
        """The address that stands in for a provider's own, None when there is none."""
        return getattr(self, f"{provider}_base_url", None)

    def model_name(self, provider: str) -> str | None:
        """Which of a provider's models stands for it where none is named; None leaves that to the provider."""
        return getattr(self, f"{provider}_model_name", None)


def settings() -> AgiwoSettings:
    """The settings of this process: those given to `use_settings`, else what environment and `.env` say now."""
    given = environment.given
    return given if isinstance(given, AgiwoSettings) else AgiwoSettings.with_dotenv()


def use_settings(given: AgiwoSettings | None) -> None:
    """Make these settings hold in this process; None goes back to the environment.

    A program that runs in foreign directories, like the daemon, gives `AgiwoSettings()`, which reads no `.env`.
    """
    environment.given = given


def variable(name: str) -> str | None:
    """The value of an environment variable that a configuration names, None when unset or empty."""
    return os.environ.get(name, "").strip() or None


def skill_directories() -> list[str]:
    """Directories of skills that `AGIWO_SKILLS_DIRS` names: a JSON list of them, or with commas between them."""
    given = variable("AGIWO_SKILLS_DIRS") or variable("agiwo_SKILLS_DIRS") or ""
    try:
        read = json.loads(given)
    except ValueError:
        read = given.split(",")
    found = cast(list[object], read) if isinstance(read, list) else [read]
    return [name for each in found if (name := str(each).strip())]


def cache_directory() -> Path:
    """Where downloaded models are kept: below `AGIWOD_HOME` when that is set, else in the user's cache directory."""
    home = variable("AGIWOD_HOME")
    if home:
        return Path(os.path.abspath(os.path.expanduser(home))) / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("agiwod")
