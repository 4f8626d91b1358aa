"""Short scores written as text, for the tests of the checker."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from partimento.music.score import (
    KeySignature,
    Measure,
    Note,
    Part,
    Score,
    Spelling,
    TimeSignature,
    sort_notes,
)

NAMES = ("Soprano", "Alto", "Tenor", "Bass")


def line(text: str, part: str, *, staff: int = 1, voice: str = "1") -> list[Note]:
    """Notes of ``C5 D5/2 r/1/2 E5!``: pitch, length in quarters after ``/`` (default 1), ``!`` for
    a fermata, ``~`` for a tie to the next note, ``r`` for a rest.
    """
    notes, time, tied = [], Fraction(0), False
    for token in text.split():
        name, _, length = token.partition("/")
        fermata, tie = token.endswith("!"), token.endswith("~")
        duration = Fraction(length.rstrip("!~") or "1")
        name = name.rstrip("!~")
        if name != "r":
            spelling = Spelling.parse(name)
            notes.append(
                Note(
                    time,
                    duration,
                    spelling.midi,
                    part,
                    spelling,
                    staff=staff,
                    voice=voice,
                    fermata=fermata,
                    tie_start=tie,
                    tie_stop=tied,
                )
            )
        tied = tie
        time += duration
    return notes


def choir(
    *texts: str,
    names: Sequence[str] = NAMES,
    meter: tuple[int, int] = (4, 4),
    pickup: Fraction | int = 0,
    fifths: int | None = 0,
) -> Score:
    """An open score, one part per text."""
    used = names[: len(texts)]
    notes = [n for name, text in zip(used, texts, strict=True) for n in line(text, name)]
    return score_of(notes, [Part(n, n) for n in used], meter, Fraction(pickup), fifths)


def score_of(
    notes: Sequence[Note],
    parts: Sequence[Part],
    meter: tuple[int, int] = (4, 4),
    pickup: Fraction = Fraction(0),
    fifths: int | None = 0,
) -> Score:
    """Notes and parts with measures, a meter and a key signature."""
    signature = TimeSignature(Fraction(0), *meter)
    end = max(n.end_quarter for n in notes)
    measures = [Measure(Fraction(0), pickup, "0", implicit=True)] if pickup else []
    time, number = pickup, 1
    while time < end:
        measures.append(Measure(time, signature.bar_quarter, str(number)))
        time, number = time + signature.bar_quarter, number + 1
    keys = () if fifths is None else (KeySignature(Fraction(0), fifths),)
    return Score(tuple(parts), sort_notes(notes), tuple(measures), (signature,), keys)


def rich_score(piece: dict[str, Any], *, fermatas: bool = True, spelled: bool = True) -> Score:
    """A piece of the rich encoding of the chorales as an open score."""
    notes = []
    for name, voice in zip(NAMES, piece["voices"], strict=True):
        for i, (onset, duration, midi, fermata, tie, spelling) in enumerate(voice):
            if midi < 0:
                continue
            follows = i + 1 < len(voice) and bool(voice[i + 1][4]) and voice[i + 1][2] == midi
            notes.append(
                Note(
                    Fraction(onset, 4),
                    Fraction(duration, 4),
                    midi,
                    name,
                    Spelling.parse(spelling) if spelled and spelling else None,
                    tie_start=follows,
                    tie_stop=bool(tie),
                    fermata=bool(fermata) and fermatas,
                )
            )
    edges = [Fraction(m, 4) for m in piece["measures16"]] + [max(n.end_quarter for n in notes)]
    first = 0 if piece["pickup16"] else 1
    measures = tuple(
        Measure(a, b - a, str(i + first), implicit=i + first == 0)
        for i, (a, b) in enumerate(pairwise(edges))
        if b > a
    )
    meters = tuple(
        TimeSignature(Fraction(t, 4), *map(int, text.split("/"))) for t, text in piece["time"]
    )
    return Score(
        tuple(Part(n, n) for n in NAMES),
        sort_notes(notes),
        measures,
        meters,
        (KeySignature(Fraction(0), piece["sharps"], piece["mode"]),),
        title=piece["id"],
    )
