"""Small scores of all sorts for the tests of reading and writing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

from partimento.music.score import (
    KeySignature,
    Lyric,
    Measure,
    Note,
    Part,
    Score,
    Spelling,
    Tempo,
    TimeSignature,
    sort_notes,
)


def line(part: str, text: str, *, start=0, voice="1", staff=1) -> list[Note]:
    """Notes from words such as ``G4:1 r:1/2 C5:3/2:f`` (f fermata, ( tie on, ) tie from, g grace,
    =text a syllable)."""
    notes = []
    time = F(start)
    for word in text.split():
        pitch, length, *marks = word.split(":")
        duration = F(length)
        grace = "g" in marks
        if pitch != "r":
            spelling = Spelling.parse(pitch)
            notes.append(
                Note(
                    time,
                    F(0) if grace else duration,
                    spelling.midi,
                    part,
                    spelling,
                    staff=staff,
                    voice=voice,
                    tie_start="(" in marks,
                    tie_stop=")" in marks,
                    fermata="f" in marks,
                    grace=grace,
                    lyrics=tuple(Lyric(m[1:]) for m in marks if m.startswith("=")),
                    articulations=tuple(m[1:] for m in marks if m.startswith("!")),
                )
            )
        if not grace:
            time += duration
    return notes


def meter(beats: int, beat_type: int, onset=0) -> TimeSignature:
    return TimeSignature(F(onset), beats, beat_type)


def score(*lines: list[Note], parts=(), meters=None, **fields) -> Score:
    meters = (meter(4, 4),) if meters is None else meters
    notes = sort_notes(n for members in lines for n in members)
    if not parts:
        parts = tuple(Part(name, name) for name in sorted({n.part for n in notes}))
    return Score(tuple(parts), notes, time_signatures=tuple(meters), **fields)


def pickup_hymn() -> Score:
    """Four parts with pickup, fermatas, lyrics in two verses, G minor with a Dorian signature."""
    soprano = line("S", "D5:1:=Be G5:1:=friend F#5:1:=me Bb5:1:=still A5:1:f G5:3:f")
    verses = (Lyric("Be", "begin", "1"), Lyric("Two", "single", "2", extend=True))
    soprano[0] = replace(soprano[0], lyrics=verses)
    return score(
        soprano,
        line("A", "Bb4:1 D5:1 D5:1 D5:1 D5:1:f D5:3:f"),
        line("T", "G4:1 Bb4:1 A4:1 G4:1 F#4:1:f Bb4:3:f"),
        line("B", "G3:1 G3:1 D4:1 G3:1 D3:1:f G3:3:f"),
        parts=(
            Part("S", "Soprano", clefs=("G2",), program=52),
            Part("A", "Alto", clefs=("G2",), program=52),
            Part("T", "Tenor", clefs=("G2_8",), program=52),
            Part("B", "Bass", clefs=("F4",), program=52),
        ),
        key_signatures=(KeySignature(F(0), -1, "dorian"),),
        tempi=(Tempo(F(0), 84.0),),
        measures=(
            Measure(F(0), F(1), "0", implicit=True),
            Measure(F(1), F(4), "1"),
            Measure(F(5), F(3), "2", bar_style="light-heavy"),
        ),
        title="A hymn & <more>",
        composer="Anonymous",
    )


def triplets_and_32nds() -> Score:
    return score(
        line(
            "S",
            "G4:1/3 A4:1/3 B4:1/3 C5:2/3 D5:1/3 E5:1/2 F5:1/6 G5:1/3 r:1/3 A5:2/3 "
            "G5:1/5 G5:1/5 A5:1/5 B5:2/5 C5:1 D5:1/8 E5:1/8 D5:1/4 C#5:3/2",
        )
    )


def across_bar_lines() -> Score:
    """Notes as a MIDI file has them: over bar lines, and lengths that no note value writes."""
    return score(line("S", "r:1/3 G4:1 A4:2/3 B4:7 C5:9/4 D5:5/4"), meters=(meter(3, 4),))


def two_staves() -> Score:
    return score(
        line("P", "C5:1 D5:1 E5:2 F5:4"),
        line("P", "E4:2 F4:2", voice="2"),
        line("P", "C3:4 D3:4", voice="5", staff=2),
        line("P", "r:2 E3:1", voice="6", staff=2),
        parts=(Part("P", "Piano", 2, ("G2", "F4")),),
        key_signatures=(KeySignature(F(0), 3, "major"),),
    )


def changes() -> Score:
    """Meters, keys and tempi that change, with endings but no repeat (Verovio would play it)."""
    return score(
        line("S", "C5:4 D5:3 E5:3 F5:2 G5:2"),
        line("B", "C3:4 D3:3 E3:3 F3:4"),
        meters=(meter(4, 4), meter(3, 4, 4), meter(2, 2, 10)),
        key_signatures=(
            KeySignature(F(0), 0, "major"),
            KeySignature(F(4), -3, "minor"),
            KeySignature(F(10), 2, None),
        ),
        tempi=(Tempo(F(0), 100.0), Tempo(F(17, 2), 60.5)),
        measures=(
            Measure(F(0), F(4), "1", bar_style="light-light"),
            Measure(F(4), F(3), "2"),
            Measure(F(7), F(3), "3"),
            Measure(F(10), F(4), "4", bar_style="light-heavy"),
        ),
    )


def repeats() -> Score:
    return score(
        line("S", "C5:4 D5:4 E5:4 F5:4"),
        line("B", "C3:4 D3:4 E3:4 F3:4"),
        measures=(
            Measure(F(0), F(4), "1", repeat_start=True),
            Measure(F(4), F(4), "2", repeat_end=True, endings=("1", "2")),
            Measure(F(8), F(4), "3", endings=("3",)),
            Measure(F(12), F(4), "4", bar_style="light-heavy"),
        ),
    )


def clarinet() -> Score:
    """A part in B flat: written a tone above what sounds."""
    melody = [
        Note(n.onset_quarter, n.duration_quarter, n.midi - 2, n.part, n.spelling)
        for n in line("C", "D5:1 E5:1 F#5:2")
    ]
    return score(
        melody,
        line("B", "C3:4"),
        parts=(Part("C", "Clarinet", program=71), Part("B", "Bass", clefs=("F4",))),
        key_signatures=(KeySignature(F(0), 0, "major"),),
    )


def chords_and_marks() -> Score:
    return score(
        line("S", "C5:1:!staccato:!accent D5:1:!trill-mark E5:2:f"),
        line("S", "E5:1 F5:1 G5:2"),
        line("S", "C4:4", voice="2"),
    )


def graces() -> Score:
    return score(line("S", "E5:1:g D5:1:g C5:1 C5:1:( C5:2:)"))


def compound() -> Score:
    return score(
        line("S", "G4:1/2 A4:1 B4:3/2 C5:3 r:1/2 D5:1 E5:3/4 F5:1/4 G5:1/2"),
        meters=(meter(6, 8),),
        tempi=(Tempo(F(0), 90.0),),
    )


def empty_part() -> Score:
    return score(line("S", "C5:4 D5:4"), parts=(Part("S", "Song"), Part("E", "Nothing")))


ALL = {
    make.__name__: make
    for make in (
        pickup_hymn,
        triplets_and_32nds,
        across_bar_lines,
        two_staves,
        changes,
        clarinet,
        chords_and_marks,
        graces,
        compound,
        empty_part,
        repeats,
    )
}
"""Scores by name; ``repeats`` is for readers that do not play them out."""


def sounds(notes) -> list[tuple]:
    """What must survive any file: time, length and pitch of every sounding note."""
    return sorted((n.onset_quarter, n.duration_quarter, n.midi) for n in notes)
