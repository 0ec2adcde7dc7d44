"""`python -m agiwod` is the command `agiwod`."""

import sys

from agiwod.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
