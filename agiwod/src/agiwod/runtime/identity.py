"""Which process answers. Known before the daemon is made, for who has to answer earlier."""

import os
import time
from dataclasses import dataclass, field
from functools import partial

from agiwo import ids


@dataclass(frozen=True, slots=True)
class Identity:
    """One life of a daemon: another `id` after every start."""

    id: str = field(default_factory=partial(ids.fresh, "daemon"))
    pid: int = field(default_factory=os.getpid)
    started_at: float = field(default_factory=time.time)
