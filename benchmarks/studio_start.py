"""How long the studio takes from the command to its first page, as a user waits for it.

    python benchmarks/studio_start.py --times 7 --json

A new process and an empty folder each time; the time ends when the first page has come whole.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request


def start_sec(home: str) -> float:
    """Seconds from the start of the process to the last byte of the first page."""
    began = time.perf_counter()
    command = [
        sys.executable, "-u", "-m", "partimento.cli.main", "studio", "--home", home,
        "--port", "0", "--no-browser",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://[\d.:]+/", process.stdout.readline())
            if address is None:
                raise SystemExit("the studio did not start")
            # The socket listens before the address is printed, so one request is enough.
            with urllib.request.urlopen(address.group(), timeout=30) as answer:
                page = answer.read()
            took = time.perf_counter() - began
        finally:
            process.terminate()
    if b"<main" not in page:
        raise SystemExit("this is not the first page")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = []
    for _ in range(options.times):
        with tempfile.TemporaryDirectory() as home:
            seconds.append(start_sec(home))
    found = {
        "seconds": [round(one, 3) for one in seconds],
        "median_sec": round(statistics.median(seconds), 3),
        "slowest_sec": round(max(seconds), 3),
    }
    print(json.dumps(found, indent=2) if options.json else found)


if __name__ == "__main__":
    main()
