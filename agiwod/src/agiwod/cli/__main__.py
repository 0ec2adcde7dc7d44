"""`python -m agiwod.cli` is `agiwod`; the daemon is started so, because the interpreter is known and PATH is not."""

import sys

from agiwod.cli import main

if __name__ == "__main__":
    sys.exit(main())
