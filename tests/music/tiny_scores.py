"""Small scores for the tests of the voice modules."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from partimento.music.score import (
    KeySignature,
    Measure,
    Note,
    Part,
    Score,
    TimeSignature,
    sort_notes,
)

Line = list[tuple[object, object]]


def line(text: str, length: object = 1) -> Line:
    """Equal notes from MIDI numbers; ``r`` is a rest, ``67/2`` is 2 quarters long."""
    out: Line = []
    for token in text.split():
        pitch, _, quarters = token.partition("/")
        out.append((None if pitch == "r" else int(pitch), Fraction(quarters or str(length))))
    return out


def score_of(
    parts: dict[str, Line],
    *,
    meter: str = "4/4",
    pickup: object = 0,
    fifths: int | None = 0,
    n_bars: int | None = None,
) -> Score:
    """A score with one voice per named part; bars as long as the music."""
    beats, beat_type = map(int, meter.split("/"))
    signature = TimeSignature(Fraction(0), beats, beat_type)
    notes = []
    end = Fraction(0)
    for i, content in enumerate(parts.values()):
        position = Fraction(0)
        for pitch, quarters in content:
            length = Fraction(quarters)  # type: ignore[arg-type]
            if pitch is not None:
                notes.append(Note(position, length, int(pitch), f"P{i}"))  # type: ignore[call-overload]
            position += length
        end = max(end, position)
    measures = []
    start = Fraction(pickup)  # type: ignore[arg-type]
    if start:
        measures.append(Measure(Fraction(0), start, "0", implicit=True))
    number = 1
    while start < end or (n_bars is not None and number <= n_bars):
        measures.append(Measure(start, signature.bar_quarter, str(number)))
        start += signature.bar_quarter
        number += 1
    keys = () if fifths is None else (KeySignature(Fraction(0), fifths, "major"),)
    return Score(
        tuple(Part(f"P{i}", name) for i, name in enumerate(parts)),
        sort_notes(notes),
        tuple(measures),
        (signature,),
        keys,
    )


def random_line(rng: np.random.Generator, low: int, high: int, bars: int) -> Line:
    """Notes and rests on a 16th grid with some triplets, ``bars`` bars of four quarters."""
    out: Line = []
    left = Fraction(4 * bars)
    values = [Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(1), Fraction(3, 2), Fraction(2)]
    while left:
        pitch = int(rng.integers(low, high + 1)) if rng.random() > 0.1 else None
        if rng.random() < 0.1 and left >= 1 and left.denominator == 1:
            out += [(int(rng.integers(low, high + 1)), Fraction(1, 3)) for _ in range(3)]
            left -= 1
            continue
        length = min(left, values[rng.integers(len(values))])
        out.append((pitch, length))
        left -= length
    return out
