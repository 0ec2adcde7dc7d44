"""Peers that come from npm, in this user's cache, so that nothing of them is in our workspace. Starts none."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from interpreter import INSTALLING
from platformdirs import user_cache_path


@dataclass(frozen=True)
class NodePackages:
    """Packages at these versions; `name` changes whenever they do."""

    name: str
    versions: Mapping[str, str]

    @property
    def home(self) -> Path:
        """Where they are, once they are installed."""
        return user_cache_path("agiwod-bench") / self.name

    @property
    def found(self) -> Mapping[str, str]:
        """The packages at their versions, or none when they are not installed."""
        return self.versions if (self.home / "installed").exists() else {}

    def program(self, script: Path) -> Sequence[str] | None:
        """The command that runs a copy of the script beside them, where Node finds them; None without them."""
        node = shutil.which("node")
        if node is None or not self.found:
            return None
        copy = self.home / script.name
        copy.write_bytes(script.read_bytes())
        return node, str(copy)

    def install(self) -> bool:
        """Install them unless they are there; gives whether they are there now."""
        if self.found:
            return True
        self.home.mkdir(parents=True, exist_ok=True)
        packages = [f"{name}@{version}" for name, version in self.versions.items()]
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.home), *packages]
        try:
            subprocess.run(command, check=True, timeout=INSTALLING, cwd=self.home)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{self.name} cannot be installed: {error}", file=sys.stderr)
            return False
        (self.home / "installed").touch()
        return True


VSCODE = NodePackages("vscode-jsonrpc-10.0.0", {"vscode-jsonrpc": "10.0.0"})
"""What VS Code speaks JSON-RPC with."""
