"""`python -m agiwod` is the command `agiwod`."""

import sys

from agiwod.cli import main

if __name__ == "__main__":
    sys.exit(main())
