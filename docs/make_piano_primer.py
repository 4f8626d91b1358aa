"""Write src/partimento/examples/piano_primer.mid: a short nocturne of our own, as if performed.

Nothing is random: tempo, loudness and the spread of chords follow curves, so every run writes the
same bytes.  The music and its encoding are CC0 1.0.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "partimento" / "examples" / "piano_primer.mid"
TICKS_PER_QUARTER = 500
"""At 120 quarters a minute one tick is a millisecond."""

# Beat, length in beats, pitch, weight of the note (0 to 1).  Six beats to the bar.
MELODY = (
    (0.0, 2.0, 69, 0.62), (2.0, 1.0, 74, 0.70), (3.0, 2.5, 77, 0.86), (5.5, 0.5, 76, 0.58),
    (6.0, 2.0, 74, 0.74), (8.0, 1.0, 70, 0.60), (9.0, 1.5, 69, 0.66), (10.5, 0.5, 67, 0.50),
    (11.0, 1.0, 70, 0.58), (12.0, 2.0, 69, 0.68), (14.0, 1.0, 73, 0.62), (15.0, 1.0, 76, 0.72),
    (16.0, 1.0, 79, 0.84), (17.0, 1.0, 82, 0.92), (18.0, 2.5, 81, 1.00), (20.5, 0.5, 79, 0.72),
    (21.0, 1.0, 77, 0.74), (22.0, 1.0, 74, 0.64), (23.0, 1.0, 77, 0.62), (24.0, 2.0, 76, 0.66),
    (26.0, 1.0, 74, 0.52), (27.0, 3.0, 73, 0.56),
)  # fmt: skip
SECOND = (
    (3.0, 2.5, 69, 0.46), (9.0, 2.0, 62, 0.38), (15.0, 1.0, 70, 0.44), (16.0, 1.0, 73, 0.48),
    (18.0, 2.5, 74, 0.52), (21.0, 2.0, 69, 0.44), (24.0, 2.0, 70, 0.44), (27.0, 3.0, 67, 0.42),
)  # fmt: skip
BARS = (
    (38, 50, 57, 62, 65, 62), (43, 50, 58, 62, 67, 62), (45, 52, 55, 61, 64, 61),
    (46, 53, 58, 62, 65, 62), (45, 52, 57, 61, 64, 55),
)  # fmt: skip
BEATS = 30
LEFT_WEIGHT = (0.50, 0.30, 0.33, 0.36, 0.40, 0.34)


def second_at(beat: float) -> float:
    """Seconds at a beat: a slow swing around two beats a second, broader at the end of a phrase."""
    grid = np.linspace(0.0, BEATS + 1.0, 4001)
    phrase = 1.0 + 0.10 * np.cos(2 * math.pi * grid / 12.0) + 0.03 * np.cos(math.pi * grid / 3)
    broad = 1.0 + 0.75 / (1.0 + np.exp(-(grid - 26.5) * 1.4)) + 0.22 * np.exp(-((grid - 17.3) ** 2))
    length = 0.47 * phrase * broad
    passed = np.concatenate([[0.0], np.cumsum((length[1:] + length[:-1]) / 2 * np.diff(grid))])
    return 0.35 + float(np.interp(beat, grid, passed))


def loudness(beat: float, weight: float) -> int:
    """MIDI velocity: the weight of the note on a swell that peaks in the fourth bar."""
    swell = 0.80 + 0.32 * math.exp(-(((beat - 18.0) / 7.0) ** 2)) - 0.18 * max(0.0, beat - 26) / 4
    return round(min(118.0, 18 + 84 * weight * swell))


def played() -> list[tuple[int, int, int, int]]:
    """Notes as (onset ms, end ms, pitch, velocity): melody first, left hand a breath later."""
    rows = []
    for place, length, pitch, weight in MELODY:
        rows.append((second_at(place) - 0.018, second_at(place + length) + 0.045, pitch, weight))
    for place, length, pitch, weight in SECOND:
        rows.append((second_at(place) + 0.011, second_at(place + length) - 0.03, pitch, weight))
    for bar, pitches in enumerate(BARS):
        for step, pitch in enumerate(pitches):
            place = 6.0 * bar + step
            late = 0.006 * math.sin(2.3 * place)
            length = 2.4 if step == 0 else 0.92
            end = second_at(min(place + length, BEATS))
            rows.append((second_at(place) + 0.014 + late, end, pitch, LEFT_WEIGHT[step]))
    return sorted(
        (round(1000 * on), round(1000 * off), pitch, loudness((on - 0.35) / 0.5, weight))
        for on, off, pitch, weight in rows
    )


def pedals() -> list[tuple[int, int]]:
    """Sustain pedal as (ms, value): pressed after each new bass, released as the next one comes."""
    found = []
    for bar in range(len(BARS)):
        halves = (0.0, 3.0) if bar in (2, 4) else (0.0,)
        for half, following in zip(halves, (*halves[1:], 6.0), strict=True):
            down, up = 6.0 * bar + half, 6.0 * bar + following
            found.append((round(1000 * (second_at(down) + 0.11)), 100))
            found.append((round(1000 * (second_at(up) + 0.02)), 0))
    return found


def midi_bytes() -> bytes:
    """The file."""
    import symusic

    score = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, 120.0))
    track = symusic.Track("piano primer", 0, False)
    for onset, end, pitch, velocity in played():
        track.notes.append(symusic.Note(onset, end - onset, pitch, velocity))
    for time, value in pedals():
        track.controls.append(symusic.ControlChange(time, 64, value))
    score.tracks.append(track)
    data: bytes = score.dumps_midi()
    return data


if __name__ == "__main__":
    TARGET.write_bytes(midi_bytes())
    print(f"wrote {TARGET.name}")
