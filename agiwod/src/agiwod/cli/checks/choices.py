"""What the user has chosen: settings, agents, models and their keys. Names keys, and shows none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agiwod.cli.checks.finding import Finding, Patient, fault, ok, warning

if TYPE_CHECKING:
    from pathlib import Path

    from agiwod.runtime.models import KnownModel
    from agiwod.settings import Settings


def check_config(patient: Patient) -> Iterator[Finding]:
    """Whether a daemon could begin with the settings; each fault with its file and line."""
    file = patient.paths.config_file
    for error in patient.errors:
        yield fault("config", error, _how_to_mend(error, file))
    if patient.settings is None:
        return
    from agiwo.errors import AgiwoError

    from agiwod.rehearsal import rehearse

    try:
        agents = rehearse(patient.settings).list()
    except AgiwoError as error:
        yield fault("config", str(error), _how_to_mend(str(error), file))
        return
    what = str(file) if file.exists() else f"{file} is not there, so the defaults hold"
    yield ok("config", f"{what}; agents: {', '.join(each.agent.id for each in agents)}")


def _how_to_mend(error: str, file: "Path") -> str:
    """What to do about a fault in the settings, by the place that it begins with."""
    place = error.partition(":")[0]
    if place.startswith("AGIWOD_"):
        return f"set {place} right, or unset it"
    if file.is_dir():
        return f"move it away: mv {file} {file}.old"
    return "`agiwod config edit`"


def check_models(patient: Patient) -> Iterator[Finding]:
    """Which models can be used here and now, by the environment of this command."""
    settings = patient.settings
    if settings is None:
        return
    from agiwo.config import AgiwoSettings

    from agiwod.offer import known_model, offered_models

    keys = AgiwoSettings()
    models = offered_models(settings, keys)
    known = {each.name: each for each in models.list()}
    asked = {agent.model for agent in settings.agents.values()} - {"auto"}
    known |= {name: known_model(name, keys) for name in sorted(asked - known.keys())}
    for model in known.values():
        yield _usable(model, settings, is_asked=model.name in asked)
    yield _auto(models.auto())


def _usable(model: "KnownModel", settings: "Settings", *, is_asked: bool) -> Finding:
    area = f"model {model.name}"
    if model.is_available:
        return ok(area, f"{model.provider}, can be used")
    reason = model.reason or "it cannot be used"
    if is_asked:
        return fault(area, f"an agent asks it, and it cannot be used: {reason}", _how(model, reason))
    if model.name in settings.models:
        return warning(area, f"it is configured, and cannot be used: {reason}", _how(model, reason))
    return ok(area, f"not in use; {reason}")


def _how(model: "KnownModel", reason: str) -> str:
    if model.provider == "local":
        return "`agiwod models pull`"
    if reason.startswith("set "):
        return f"{reason} in the environment, then `agiwod restart`"
    return "put that right, or choose another model: `agiwod config edit`"


def _auto(name: str | None) -> Finding:
    if name is None or name.startswith("scripted:"):
        return warning(
            "model auto",
            "no model can be used: answers will say that they come from none",
            "`agiwod models pull`, or set a provider's key, such as OPENAI_API_KEY, and `agiwod restart`",
        )
    return ok("model auto", f"is {name}")


def check_local_model(patient: Patient) -> Iterator[Finding]:
    """The engine and the weights of the model that needs no provider."""
    from importlib.util import find_spec

    from agiwo.config import AgiwoSettings
    from agiwo.llm.weights import ENGINE, SMOLLM2, present_weights

    if find_spec(ENGINE) is None:
        yield warning("local engine", f"{ENGINE} is not installed", "`agiwod models pull`")
    else:
        yield ok("local engine", f"{ENGINE} is installed")
    weights = present_weights(SMOLLM2.name, AgiwoSettings().local_model)
    if weights is None:
        yield warning("local weights", f"{SMOLLM2.title} is not there", "`agiwod models pull`")
    elif not patient.reads_weights or weights.name != SMOLLM2.file:
        yield ok("local weights", f"{weights} ({weights.stat().st_size // 1_000_000} MB)")
    else:
        from agiwod.pull import is_whole

        if is_whole(weights, SMOLLM2):
            yield ok("local weights", f"{weights}, and its hash is right")
        else:
            yield fault("local weights", f"{weights} is damaged", f"rm {weights}, then `agiwod models pull`")
