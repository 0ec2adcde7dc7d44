"""What to do about a failed run, by the kind of its error. Says nothing about what happened: the message does."""

from collections.abc import Mapping
from typing import Final

_ADVICE: Final[Mapping[str, str]] = {
    "no_key": "set that variable and start the daemon anew (`agiwod restart`), or choose another model with --model; "
    "`agiwod models` tells which can be used",
    "auth": "the provider does not accept the key; check it, then start the daemon anew (`agiwod restart`)",
    "bad_request": "the provider does not take the request as it is; try another model with --model",
    "context_length": "the conversation is too long for this model; begin a new session, or take another model",
    "not_found": "check the model's id and base_url in config.toml; `agiwod models` lists the models",
    "rate_limited": "wait a while, or choose another model with --model",
    "overloaded": "the provider is busy; try again in a while",
    "server_error": "the provider has a fault; try again in a while",
    "connection": "is the server running at the model's base_url? `agiwod models` lists the models",
    "timeout": "the server is too slow; raise the model's `timeouts` in config.toml, or try again",
    "stream_incomplete": "the provider broke off in the middle of the answer; try again",
    "bad_body": "what answers at the model's base_url is no such server; check base_url in config.toml",
    "unavailable": "the local model cannot run here; choose another one with --model",
    "script": "the scripted model's file does not fit the run; look at its turns",
    "output_invalid": "the model does not keep to the schema; try a simpler one, or another model with --model",
    "storage": "look at the disk of the daemon's data directory; `agiwod doctor` tells where it is and what is wrong",
}


def advice_for(kind: str) -> str | None:
    """What the user can do; None when nobody knows."""
    return _ADVICE.get(kind)
