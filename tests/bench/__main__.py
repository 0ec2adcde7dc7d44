"""`uv run python -m tests.bench` as it is: the same as running `board.py` beside this, where its imports are found."""

import os
import sys
from pathlib import Path

os.execv(sys.executable, [sys.executable, str(Path(__file__).with_name("board.py")), *sys.argv[1:]])
