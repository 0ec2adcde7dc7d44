"""Settings as they may be told: each with where it came from, and without secrets. Reads none."""

from agiwo.config import AgiwoSettings
from agiwo.engine.redact import Redactor

from agiwod.offer import secrets
from agiwod.runtime.config_state import Setting
from agiwod.settings import Settings


def told_settings(settings: Settings, keys: AgiwoSettings) -> list[Setting]:
    """All of them, in the order of the tables."""
    redactor = Redactor(secrets(settings, keys))
    return [
        Setting(key, redactor.data(value), origin.source, origin.where or None)
        for key, value, origin in settings.entries()
    ]
