"""CPU time of the own piano: 25 s of four-part chorale, with an empty and with a warm tone cache.

Prints one JSON object with seconds per timbre; the product's limit is 0.7 s on one core.
"""

from __future__ import annotations

import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
CHORALE_SEC = 25.0
REPEATS = 5


def chorale_notes():
    """Half-second chords over four choir ranges, with passing notes in the bass."""
    import numpy as np

    from partimento.music.score import NOTE_COLUMNS

    rng = np.random.default_rng(1)
    rows = []
    for beat in range(int(CHORALE_SEC * 2)):
        for base in (64, 59, 52):
            rows.append((0.5 * beat, 0.5, base + int(rng.integers(0, 12))))
        for half in (0.0, 0.25):
            rows.append((0.5 * beat + half, 0.25, 43 + int(rng.integers(0, 14))))
    table = np.zeros(len(rows), dtype=list(NOTE_COLUMNS))
    for i, (onset, duration, midi) in enumerate(rows):
        table[i]["onset_sec"], table[i]["duration_sec"] = onset, duration
        table[i]["midi"], table[i]["velocity"] = midi, 72
    return table


def main() -> None:
    from partimento.render.sound import render_notes
    from partimento.render.tones import TIMBRES, tone

    notes = chorale_notes()
    render_notes(notes)  # the first call loads libraries and builds the room
    result = {}
    for timbre in TIMBRES:
        for state in ("cold", "warm"):
            times = []
            for _ in range(REPEATS):
                if state == "cold":
                    tone.cache_clear()
                start = time.process_time()
                render_notes(notes, timbre=timbre)
                times.append(time.process_time() - start)
            result[f"{timbre}_{state}_cpu_sec"] = round(min(times), 3)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
