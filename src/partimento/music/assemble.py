"""A finished grid and the given notes as a score in four parts or on two staves.

Given notes are copied head by head.  Generated cells are merged to notes, struck again where
:mod:`~partimento.music.articulation` says so, cut and tied at bar lines, spelled in the key, and
carry the fermatas of the given voice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from partimento.music.articulation import strike
from partimento.music.frames import FRAME_QUARTER, Bar, signature_at
from partimento.music.grid import SILENCE, UNKNOWN, VOICE_LONG_NAMES, VOICES, check_grid
from partimento.music.keys import Key, detect_score_key, spell_line
from partimento.music.measures import ensure_measures
from partimento.music.satb import Satb
from partimento.music.score import (
    KeySignature,
    Note,
    Part,
    Score,
    Spelling,
    sort_notes,
)

Layout = Literal["four", "two"]

_FOUR_CLEFS = ("G2", "G2", "G2_8", "F4")


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a voice stands in the output: part, staff voice."""

    part: str
    voice: str


def output_parts(layout: Layout) -> tuple[Part, ...]:
    """The parts of an output score: four parts, or two staves with two voices each."""
    if layout == "four":
        names = zip(VOICE_LONG_NAMES, _FOUR_CLEFS, strict=True)
        return tuple(
            Part(f"P{i + 1}", name, clefs=(clef,), program=52)
            for i, (name, clef) in enumerate(names)
        )
    return (
        Part("P1", "Soprano Alto", clefs=("G2",), program=52),
        Part("P2", "Tenor Bass", clefs=("F4",), program=52),
    )


def seats(layout: Layout) -> tuple[Seat, ...]:
    """Place of soprano, alto, tenor and bass in :func:`output_parts`.

    On two staves the upper voice of each is voice 1 (stems up), the lower one voice 2.
    """
    if layout == "four":
        return tuple(Seat(f"P{v + 1}", "1") for v in range(VOICES))
    return tuple(Seat(f"P{v // 2 + 1}", str(v % 2 + 1)) for v in range(VOICES))


def assemble(
    score: Score,
    satb: Satb,
    grid: NDArray[np.int64],
    *,
    layout: Layout = "four",
    key: Key | None = None,
    attacks: NDArray[np.bool_] | None = None,
) -> Score:
    """Write a filled grid as a score with the given notes unchanged.

    ``grid``: int (T, 4) without unknown cells, in the pitch of ``satb.grid``; its given cells must
    be those of ``satb``.  ``key`` spells the generated notes and gives the key signature where
    the input has none (None: detected).  ``attacks``: bool (T, 4), where generated notes start
    (None: by rule).

    ValueError when the grid does not belong to ``satb``.
    """
    cells = _checked(satb, grid)
    key = key or detect_score_key(score)
    if attacks is None:
        frames = satb.frames
        attacks = strike(cells, satb.given, satb.attack, frames["beat_strength"], frames["fermata"])
    elif np.shape(attacks) != cells.shape:
        raise ValueError(f"attacks have shape {np.shape(attacks)}, the grid {cells.shape}")
    fermatas = _fermata_spans(satb)
    voices = []
    for v in range(VOICES):
        sounds = _generated(satb, cells[:, v], attacks[:, v], v)
        sounds = _with_fermatas(sounds, fermatas)
        voices.append([*satb.notes[v], *(head for s in sounds for head in _heads(s, satb.bars))])
    signatures = score.key_signatures or (KeySignature(Fraction(0), key.fifths, key.mode),)
    spelled = _spell(voices, signatures, key)
    places = seats(layout)
    notes = [
        replace(note, part=seat.part, staff=1, voice=seat.voice)
        for seat, voice in zip(places, spelled, strict=True)
        for note in voice
    ]
    return replace(
        score,
        parts=output_parts(layout),
        notes=sort_notes(notes),
        measures=tuple(bar.measure for bar in satb.bars),
        time_signatures=ensure_measures(score).time_signatures,
        key_signatures=signatures,
    )


def _checked(satb: Satb, grid: NDArray[np.int64]) -> NDArray[np.int64]:
    """The grid, when it is the completed one of ``satb``."""
    cells = check_grid(grid)
    if cells.shape != satb.grid.shape:
        raise ValueError(f"the grid has shape {cells.shape}, not {satb.grid.shape}")
    if (cells == UNKNOWN).any():
        raise ValueError("the grid still has unknown cells")
    fixed = satb.grid != UNKNOWN
    if (cells[fixed] != satb.grid[fixed]).any():
        raise ValueError("given cells of the grid were changed")
    return cells


def _generated(
    satb: Satb, column: NDArray[np.int64], attack: NDArray[np.bool_], voice: int
) -> list[Note]:
    """Sounding notes of the generated cells of one voice, clear of its given notes."""
    free = ~satb.given[:, voice] & (column != SILENCE)
    sounds: list[Note] = []
    end = satb.bars[-1].measure.end_quarter
    for t in np.flatnonzero(free):
        start = max(Fraction(0), satb.origin_quarter + int(t) * FRAME_QUARTER)
        stop = min(end, satb.origin_quarter + (int(t) + 1) * FRAME_QUARTER)
        midi = int(column[t]) - satb.shift_semitones
        last = sounds[-1] if sounds else None
        if last and last.midi == midi and last.end_quarter == start and not attack[t]:
            sounds[-1] = replace(last, duration_quarter=stop - last.onset_quarter)
        else:
            sounds.append(Note(start, stop - start, midi, "", velocity=None))
    given = [n for n in satb.notes[voice] if not n.grace]
    return [clear for s in sounds if (clear := _clear_of(s, given)) is not None]


def _clear_of(sound: Note, given: Iterable[Note]) -> Note | None:
    """The part of a generated note that overlaps no given note (which may lie off the grid)."""
    start, end = sound.onset_quarter, sound.end_quarter
    for note in given:
        if note.onset_quarter <= start < note.end_quarter:
            start = note.end_quarter
        elif start < note.onset_quarter < end:
            end = note.onset_quarter
    if start >= end:
        return None
    return replace(sound, onset_quarter=start, duration_quarter=end - start)


def _fermata_spans(satb: Satb) -> list[tuple[Fraction, Fraction]]:
    """Times of the fermatas: of the highest given voice that has any, else of the frames."""
    marked = next((ns for ns in satb.notes if any(n.fermata for n in ns)), ())
    if marked:
        return [(n.onset_quarter, n.end_quarter) for n in marked if n.fermata]
    edges = np.flatnonzero(np.diff(satb.frames["fermata"] > 0, prepend=False, append=False))
    times = [satb.origin_quarter + int(t) * FRAME_QUARTER for t in edges]
    return list(zip(times[::2], times[1::2], strict=True))


def _with_fermatas(sounds: list[Note], spans: Sequence[tuple[Fraction, Fraction]]) -> list[Note]:
    """Mark, for every fermata, the last note that sounds during it."""
    marked = set()
    for start, end in spans:
        inside = [
            i for i, s in enumerate(sounds) if s.onset_quarter < end and s.end_quarter > start
        ]
        marked |= set(inside[-1:])
    return [replace(s, fermata=True) if i in marked else s for i, s in enumerate(sounds)]


def _heads(sound: Note, bars: Sequence[Bar]) -> list[Note]:
    """Written note heads of a sounding note: one per bar, tied; the fermata on the last."""
    heads = []
    first = bisect_right(bars, sound.onset_quarter, key=lambda b: b.measure.onset_quarter) - 1
    for bar in bars[max(0, first) :]:
        start = max(sound.onset_quarter, bar.measure.onset_quarter)
        end = min(sound.end_quarter, bar.measure.end_quarter)
        if start >= end:
            break
        heads.append(
            replace(
                sound,
                onset_quarter=start,
                duration_quarter=end - start,
                tie_stop=start > sound.onset_quarter,
                tie_start=end < sound.end_quarter,
                fermata=sound.fermata and end == sound.end_quarter,
            )
        )
    return heads


def _spell(
    voices: Sequence[Sequence[Note]], signatures: Sequence[KeySignature], key: Key
) -> list[list[Note]]:
    """Give a spelling to every note without one.

    The line decides (see :func:`~partimento.music.keys.spell_line`); a pitch class that another
    voice spells at the same time is spelled like it.  After a change of signature the key moves
    with it.
    """
    chords = _Chords()
    chords.add(n for voice in voices for n in voice)
    first = signature_at(signatures, Fraction(0))
    offset = key.fifths - (first.fifths if first else key.fifths)
    spelled = []
    for voice in voices:
        line = sort_notes(voice)
        midis = [n.midi for n in line]
        by_key: dict[int, list[Spelling]] = {}
        done = []
        for i, note in enumerate(line):
            signature = signature_at(signatures, note.onset_quarter)
            fifths = max(-7, min(7, (signature.fifths if signature else 0) + offset))
            if fifths not in by_key:
                by_key[fifths] = spell_line(midis, Key.from_fifths(fifths, key.mode))
            spelling = note.spelling or chords.agree(note, by_key[fifths][i])
            done.append(replace(note, spelling=spelling))
        chords.add(n for n, old in zip(done, line, strict=True) if old.spelling is None)
        spelled.append(done)
    return spelled


class _Chords:
    """Spelled notes by the quarters in which they sound."""

    def __init__(self) -> None:
        self._notes: dict[int, list[Note]] = defaultdict(list)

    def add(self, notes: Iterable[Note]) -> None:
        """Note those that have a spelling."""
        for note in notes:
            if note.spelling is not None and not note.grace:
                for quarter in range(int(note.onset_quarter), int(-(-note.end_quarter // 1))):
                    self._notes[quarter].append(note)

    def agree(self, note: Note, spelling: Spelling) -> Spelling:
        """The spelling, or the one that the same pitch class has at the onset of the note."""
        for other in self._notes[int(note.onset_quarter)]:
            model = other.spelling
            if model is None or (other.midi - note.midi) % 12:
                continue
            if other.onset_quarter <= note.onset_quarter < other.end_quarter:
                return replace(model, octave=model.octave + (note.midi - other.midi) // 12)
        return spelling
