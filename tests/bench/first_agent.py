"""What a first agent costs: a fresh process imports a driver's framework, makes one with a model, and says its CPU.

    python first_agent.py DRIVER        `httpx2` in the place of a driver is only imported: that is the floor

The interpreter's own start is not counted, and nothing but the standard library's `sys` and `time` is here before.
"""

import sys
import time


def main(name: str) -> None:
    """Print seconds of CPU."""
    before = time.process_time()
    if name == "httpx2":
        __import__("httpx2")
    else:
        driver = __import__(f"drivers.{name}", fromlist=["Driver"]).Driver("http://127.0.0.1:9/v1")
        assert driver.first()
    print(time.process_time() - before)


if __name__ == "__main__":
    main(sys.argv[1])
