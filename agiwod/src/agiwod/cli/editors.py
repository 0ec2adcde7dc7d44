"""What editors are told to find the daemon's agents, each in the form of its own file. Writes none of them."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agiwod.cli.spawn import Spawn

_NAME: Final = "agiwod"
"""What editors call us."""

FILES: Final = Path(__file__).parents[1] / "editor_files"
"""What comes with agiwod for editors: a Neovim plugin, and a Visual Studio Code extension to begin with."""

Told = Callable[[Spawn], str]


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor: what it is told to speak `agiwod acp`, and `agiwod stdio`, which is our own protocol; and where.

    None is what it cannot speak. One that speaks neither has `asks` for `agiwod ask`.
    """

    place: str
    acp: Told | None = None
    native: Told | None = None
    asks: Told | None = None


def _entry(spawn: Spawn) -> dict[str, Any]:
    return {"command": spawn.command, "args": list(spawn.arguments), "env": dict(spawn.env)}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _zed(spawn: Spawn) -> str:
    return _json({"agent_servers": {_NAME: {"type": "custom", **_entry(spawn)}}})


def _jetbrains(spawn: Spawn) -> str:
    return _json({"agent_servers": {_NAME: _entry(spawn)}})


def _vscode(spawn: Spawn) -> str:
    return _json({"acp.agents": {_NAME: _entry(spawn)}})


def _vscode_native(spawn: Spawn) -> str:
    return _json({"agiwod.command": spawn.words()})


def _lua(words: list[str]) -> str:
    return "{ " + ", ".join(_quoted(word) for word in words) + " }"


def _neovim(spawn: Spawn) -> str:
    return f"""\
require("codecompanion").setup({{
  adapters = {{
    acp = {{
      {_NAME} = function()
        return require("codecompanion.adapters").extend("goose", {{
          name = "{_NAME}",
          formatted_name = "{_NAME}",
          commands = {{ default = {_lua(spawn.words())} }},
        }})
      end,
    }},
  }},
  interactions = {{ chat = {{ adapter = "{_NAME}" }} }},
}})"""


def _neovim_native(spawn: Spawn) -> str:
    plugin = f"vim.opt.runtimepath:append({_quoted(str(FILES / 'neovim'))})"
    return f'{plugin}\nrequire("{_NAME}").setup({{ cmd = {_lua(spawn.words())} }})'


def _emacs(spawn: Spawn) -> str:
    arguments = " ".join(map(_quoted, spawn.arguments))
    variables = " ".join(_quoted(f"{name}={value}") for name, value in spawn.env.items())
    return f"""\
(with-eval-after-load 'agent-shell
  (add-to-list 'agent-shell-agent-configs
               (agent-shell-make-agent-config
                :identifier '{_NAME}
                :mode-line-name "{_NAME}"
                :buffer-name "{_NAME}"
                :shell-prompt "{_NAME}> "
                :shell-prompt-regexp "{_NAME}> "
                :client-maker
                (lambda (buffer)
                  (acp-make-client :command {_quoted(spawn.command)}
                                   :command-params '({arguments})
                                   :environment-variables '({variables})
                                   :context-buffer buffer)))))"""


def _emacs_native(spawn: Spawn) -> str:
    words = " ".join(map(_quoted, spawn.words()))
    return f"""\
(require 'jsonrpc)
(defun {_NAME}-connect ()
  "A conversation with the daemon; see `jsonrpc-request'."
  (let ((daemon (make-instance 'jsonrpc-process-connection
                               :name "{_NAME}"
                               :process (lambda ()
                                          (make-process :name "{_NAME}" :connection-type 'pipe :noquery t
                                                        :command '({words}))))))
    (jsonrpc-request daemon :initialize '(:protocolVersion 1 :clientInfo (:name "emacs")))
    (jsonrpc-notify daemon :initialized nil)
    daemon))"""


def _helix(spawn: Spawn) -> str:
    line = shlex.join([*spawn.words(), "--session", "helix", "-"])
    key = f"a = {_quoted(f':pipe {line}')}"
    return f"[keys.normal.space.a]\n{key}\n\n[keys.select.space.a]\n{key}"


def _quoted(text: str) -> str:
    """As a string in quotes, in which JSON, Lua, Lisp and TOML agree."""
    return json.dumps(text, ensure_ascii=False)


EDITORS: Final[dict[str, Editor]] = {
    "zed": Editor("~/.config/zed/settings.json", _zed),
    "neovim": Editor("init.lua", _neovim, _neovim_native),
    "emacs": Editor("init.el", _emacs, _emacs_native),
    "vscode": Editor("settings.json of the user", _vscode, _vscode_native),
    "jetbrains": Editor("~/.jetbrains/acp.json", _jetbrains),
    "helix": Editor("~/.config/helix/config.toml", asks=_helix),
}
"""The editors by name."""
