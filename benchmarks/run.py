"""How long the main jobs take on this machine: ``make bench``.

Each job runs once to warm up, then ``REPEATS`` times; the smallest time counts, since whatever else
the machine does can only add to it.  Times are CPU seconds of one thread.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
REPEATS = 3

MELODY = """X:1
T:Old Hundredth
M:4/4
L:1/4
K:G
G | G F E D | G A !fermata!B B | B B A G | c B !fermata!A G | A B A G |
E F !fermata!G d | B G A c | B A !fermata!G |]
"""


def seconds(job: Callable[[], Any]) -> float:
    """Smallest CPU time of the job in this process."""
    job()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def cold_start_sec(*words: str) -> float:
    """CPU time of a command in a fresh process, from nothing."""
    code = "import sys, time\nfrom partimento.cli.main import main\nmain(sys.argv[1:])\n"
    code += "print(time.process_time(), file=sys.stderr)"
    command = [sys.executable, "-c", code, *words]
    runs = (subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3))
    return min(float(run.stderr.split()[-1]) for run in runs)


def measure(folder: Path) -> dict[str, float]:
    """All jobs: name with unit -> value."""
    import torch

    from partimento import check, harmonize, read_score, write_score
    from partimento.music.musicxml_write import musicxml_text
    from partimento.render.sheet import engrave
    from partimento.render.sound import render_score

    torch.set_num_threads(1)
    melody, chorale = folder / "melody.abc", folder / "chorale.musicxml"
    melody.write_text(MELODY, encoding="utf-8")
    score = harmonize(melody, seed=0).alternatives[0].score
    write_score(score, chorale)
    text = musicxml_text(score)
    return {
        "cold_start_help_sec": cold_start_sec("--help"),
        "harmonise_8_bars_sec": seconds(lambda: harmonize(melody, seed=0)),
        "read_musicxml_sec": seconds(lambda: read_score(chorale)),
        "write_musicxml_sec": seconds(lambda: musicxml_text(score)),
        "check_sec": seconds(lambda: check(score)),
        "engrave_sec": seconds(lambda: engrave(text, guarded=False)),
        "sound_sec": seconds(lambda: render_score(score)),
    }


def main() -> None:
    """Measure and print a table, or JSON with ``--json``."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    if "--json" in sys.argv:
        machine = {"python": platform.python_version(), "processor": platform.machine()}
        print(json.dumps({**machine, **figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<24} {value:8.3f}")


if __name__ == "__main__":
    main()
