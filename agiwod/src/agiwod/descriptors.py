"""How many files this process may have open at once: many clients need more than a shell gives. Opens none."""

import logging
import sys
from typing import Final

_OWN: Final = 256
"""Descriptors that are not for clients: the journal, the log, servers of tools, requests to models."""

log = logging.getLogger(__name__)


def descriptors_for(connections: int) -> int:
    """For how many connections there are descriptors, once as many are allowed as are wanted and as the system lets.

    A process at its limit could not even open its log; so connections are refused before.
    """
    if sys.platform == "win32":
        return connections
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OWN
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning("the system lets this process have %d files open, so fewer connections are taken", allowed)
    return max(1, allowed - _OWN)
