"""What a score gives of a four-part setting, and what is left to fill.

:func:`extract_satb` finds the soprano, alto, tenor and bass of any score, keeps their written notes
as they are, and lays them on the 16th grid.

What counts as given
* A voice named by ``voices``: all of it, rests included.
* Without ``voices``: every voice found.  The highest one (the melody) with its rests; of the others
  a whole empty measure, where another voice sounds, is unknown.  Gaps in lines that were cut out
  of chords are unknown too, since they may be unisons.
* With locks: the voices named (without ``voices``: the melody) and what the locks name; the rest
  is unknown.
* With a region: outside of it everything; inside the voices named (or the melody) and the locks.

A sounding note (with all it is tied to) is given or unknown as a whole: it is given when any part
of it is.  Where all given voices are silent (before the first note, after the last, or for an 8th
or more between) the other voices are silent as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from partimento.core.errors import MusicError
from partimento.music import keys
from partimento.music.frames import Bar, bars, frame_metadata, frame_span, grid_origin
from partimento.music.grid import (
    MAX_FRAMES,
    SILENCE,
    STEPS_PER_QUARTER,
    UNKNOWN,
    VOICE_LONG_NAMES,
    VOICES,
)
from partimento.music.lines import Line, Reduced, find_lines, reduce_line
from partimento.music.ranges import VoiceFit, fit_octave
from partimento.music.score import Note, Score, sort_notes
from partimento.music.spans import Span, parse_span
from partimento.music.voices import BASS, assign_voices, parse_voices

Interval = tuple[Fraction, Fraction]

SHORT_REST_FRAMES = 2
"""A common rest of the given voices of at least so many frames silences all voices."""


@dataclass(frozen=True)
class Satb:
    """A four-part setting with gaps.

    ``grid``: int (T, 4), pitches as the network shall see them, ``SILENCE`` or ``UNKNOWN``; frame
    ``t`` is at ``origin_quarter + t / 4`` (0 but for pickups that are no whole number of 16ths).
    ``given``: bool (T, 4), cells that come from the score.  ``attack``: bool (T, 4), a given note
    starts here.  ``notes``: per voice the written notes kept, grace notes included.
    ``shift_semitones`` has been added to every pitch in ``grid`` (whole octaves, for a melody
    outside its range).  ``frames``: see :func:`~partimento.music.frames.frame_metadata`.
    ``report``: sentences on what was found, dropped or moved.
    """

    grid: NDArray[np.int64]
    given: NDArray[np.bool_]
    attack: NDArray[np.bool_]
    frames: dict[str, NDArray[np.int64]]
    notes: tuple[tuple[Note, ...], ...]
    bars: tuple[Bar, ...]
    origin_quarter: Fraction
    shift_semitones: int
    report: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to fill."""
        return not (self.grid == UNKNOWN).any()

    @property
    def melody(self) -> int | None:
        """The highest voice with given notes; None where there is none."""
        return next((v for v in range(VOICES) if self.notes[v]), None)


def require_gaps(satb: Satb) -> None:
    """Raise MusicError when all four voices are given throughout."""
    if satb.complete:
        raise MusicError(
            "all four voices are given, so there is nothing to fill",
            fix="Say --voices S to keep the soprano only, or --region 5-8 to fill these bars anew",
        )


def extract_satb(
    score: Score,
    voices: str | None = None,
    lock: Iterable[str] = (),
    region: str | None = None,
    *,
    fifths: int | None = None,
) -> Satb:
    """Find the voices of a score and what of them is given.

    ``voices`` are letters of the voices to keep, such as ``"S"`` or ``"SB"`` (None: see the module
    text), ``lock`` stretches to keep, such as ``"A:5-6"`` or ``"T:3.1-4.3"``, ``region`` a stretch
    to fill anew, such as ``"5-8"``.  ``fifths`` is the key signature of frames where the score has
    none (None: that of the key detected).

    Raises MusicError for a score without notes, unknown voices or bars, a voice to lock that the
    score does not have, and a melody that fits its voice in no octave.
    """
    wanted = parse_voices(voices) if voices is not None else ()
    report: list[str] = []
    lines = _find_voices(score, wanted, report)
    score_bars = bars(score)
    spans = [parse_span(text, score_bars) for text in lock]
    opened = parse_span(region, score_bars, where="--region") if region else None
    fixed = _fixed_voices(voices, wanted, lines, bool(spans or opened))
    if not spans and opened is None:
        _tell_unused(lines, fixed, report)
    _require_locked_voices(spans, lines)
    layout = _Layout(score_bars, grid_origin(score_bars))
    known = {
        v: _known(v, lines, fixed, spans, opened, voices is None, layout) for v in range(VOICES)
    }
    notes = tuple(_kept_notes(lines[v][0], known[v]) if v in lines else () for v in range(VOICES))
    return _build(score, layout, notes, known, report, fifths)


def _find_voices(
    score: Score, wanted: tuple[int, ...], report: list[str]
) -> dict[int, tuple[tuple[Note, ...], Line]]:
    """Monophonic notes of every voice found, with the line they come from."""
    assignment = assign_voices(find_lines(score), wanted)
    found: dict[int, tuple[tuple[Note, ...], Line]] = {}
    for voice, line in assignment.lines.items():
        reduced = reduce_line(line.notes, "bottom" if voice == BASS else "top")
        found[voice] = (reduced.notes, line)
        report.extend(_reduction_sentences(voice, reduced))
    if len(found) > 1 or assignment.dropped or wanted:
        names = [f"{VOICE_LONG_NAMES[v].lower()} = {x.label}" for v, (_, x) in found.items()]
        report.append("Voices found: " + "; ".join(names))
    if assignment.dropped:
        labels = ", ".join(line.label for line in assignment.dropped)
        report.append(f"Left out, since it is none of the four voices: {labels}")
    return found


def _reduction_sentences(voice: int, reduced: Reduced) -> list[str]:
    name = VOICE_LONG_NAMES[voice].lower()
    end = "lowest" if voice == BASS else "highest"
    sentences = []
    if reduced.n_dropped:
        sentences.append(
            f"Chords in the {name}: the {end} note was kept, {reduced.n_dropped} dropped"
        )
    if reduced.n_shortened:
        sentences.append(
            f"{reduced.n_shortened} notes of the {name} were shortened where the next one starts"
        )
    return sentences


def _fixed_voices(
    voices: str | None, wanted: tuple[int, ...], lines: Mapping[int, object], partial: bool
) -> tuple[int, ...]:
    """Voices that are given from beginning to end."""
    if voices is not None:
        return tuple(v for v in wanted if v in lines)
    return (min(lines),) if partial else tuple(lines)


def _tell_unused(lines: Mapping[int, object], fixed: Sequence[int], report: list[str]) -> None:
    unused = [VOICE_LONG_NAMES[v].lower() for v in lines if v not in fixed]
    if unused:
        report.append(f"Written anew, since --voices does not name it: {', '.join(unused)}")


def _require_locked_voices(spans: Iterable[Span], lines: Mapping[int, object]) -> None:
    """Locking one voice by name needs that voice; ``bars:`` locks what is there."""
    for span in spans:
        missing = [v for v in span.voices if v not in lines]
        if missing and len(span.voices) < VOICES:
            raise MusicError(
                f"the score has no {VOICE_LONG_NAMES[missing[0]].lower()} to keep",
                where="--lock",
                fix="Name the voice in the score's part list, or leave out the lock",
            )


@dataclass(frozen=True)
class _Layout:
    """Bars and the place of frame 0."""

    bars: tuple[Bar, ...]
    origin: Fraction

    @property
    def whole(self) -> Interval:
        return min(self.origin, Fraction(0)), self.bars[-1].measure.end_quarter

    @property
    def n_frames(self) -> int:
        length = self.bars[-1].measure.end_quarter - self.origin
        return int(-(-length * STEPS_PER_QUARTER // 1))


def _known(
    voice: int,
    lines: dict[int, tuple[tuple[Note, ...], Line]],
    fixed: Sequence[int],
    spans: Sequence[Span],
    opened: Span | None,
    guess: bool,
    layout: _Layout,
) -> list[Interval]:
    """Intervals in which a voice is given, rests included."""
    if voice not in lines:
        return []
    if voice in fixed:
        melody = voice == min(lines)
        return [layout.whole] if melody or not guess else _sung(voice, lines, layout)
    locked = [(s.start_quarter, s.end_quarter) for s in spans if voice in s.voices]
    if opened is None:
        return locked
    if voice not in opened.voices:
        return [layout.whole]
    start, end = layout.whole
    return [(start, opened.start_quarter), (opened.end_quarter, end), *locked]


def _sung(
    voice: int, lines: dict[int, tuple[tuple[Note, ...], Line]], layout: _Layout
) -> list[Interval]:
    """The measures of a voice that are not empty against another voice."""
    notes, line = lines[voice]
    if line.split:
        return [(n.onset_quarter, n.end_quarter) for n in notes if not n.grace]
    others = [n for v, (ns, _) in lines.items() if v != voice for n in ns]
    found = []
    for bar in layout.bars:
        start, end = bar.measure.onset_quarter, bar.measure.end_quarter
        if _sounds(notes, start, end) or not _sounds(others, start, end):
            found.append((start, end))
    return found


def _sounds(notes: Iterable[Note], start: Fraction, end: Fraction) -> bool:
    return any(n.onset_quarter < end and n.end_quarter > start and not n.grace for n in notes)


def _kept_notes(notes: Sequence[Note], known: Sequence[Interval]) -> tuple[Note, ...]:
    """Written notes of the sounding notes that touch a known interval, with their graces."""
    kept: list[Note] = []
    chain: list[Note] = []
    for note in sort_notes(notes):
        joined = chain and note.tie_stop and chain[-1].tie_start and chain[-1].midi == note.midi
        if chain and not chain[-1].grace and not joined:
            kept.extend(chain if _touches(chain, known) else ())
            chain = []
        chain.append(note)
    kept.extend(chain if _touches(chain, known) else ())
    return tuple(kept)


def _touches(chain: Sequence[Note], known: Sequence[Interval]) -> bool:
    start, end = chain[0].onset_quarter, chain[-1].end_quarter
    if start == end:  # grace notes with no note after them
        return any(a <= start <= b for a, b in known)
    return any(start < b and end > a for a, b in known)


def _build(
    score: Score,
    layout: _Layout,
    notes: tuple[tuple[Note, ...], ...],
    known: dict[int, list[Interval]],
    report: list[str],
    fifths: int | None,
) -> Satb:
    """Lay the kept notes on the grid and describe its frames."""
    n_frames = layout.n_frames
    if n_frames > MAX_FRAMES:
        raise MusicError(f"the piece is longer than {MAX_FRAMES} sixteenths")
    grid = np.full((n_frames, VOICES), UNKNOWN, dtype=np.int64)
    attack = np.zeros((n_frames, VOICES), dtype=bool)
    octave = fit_octave(notes)
    for v in range(VOICES):
        for start, end in known[v]:
            first, last = frame_span(start, end, layout.origin)
            grid[first:last, v] = SILENCE
        _write_voice(grid, attack, v, notes[v], octave, layout.origin)
    given = grid != UNKNOWN
    _silence_common_rests(grid)
    if not score.key_signatures and fifths is None:
        fifths = keys.detect_score_key(score).fifths
    marked = next((ns for ns in notes if any(n.fermata for n in ns)), ())
    frames = frame_metadata(
        score, n_frames, fermata_notes=marked, fifths=fifths or 0, origin=layout.origin
    )
    return Satb(
        grid,
        given,
        attack,
        frames,
        notes,
        layout.bars,
        layout.origin,
        octave.shift_semitones,
        (*report, *octave.sentences),
    )


def _write_voice(
    grid: NDArray[np.int64],
    attack: NDArray[np.bool_],
    voice: int,
    notes: Iterable[Note],
    octave: VoiceFit,
    origin: Fraction,
) -> None:
    """Write each note where it sounds at the start of a frame, and mark where it starts."""
    tied_until: tuple[int, Fraction] | None = None
    for note in notes:
        if note.grace:
            continue
        first, last = frame_span(note.onset_quarter, note.end_quarter, origin)
        if first < last:
            grid[first:last, voice] = octave.cell(note.midi, voice)
            attack[first, voice] = not (
                note.tie_stop and tied_until == (note.midi, note.onset_quarter)
            )
        tied_until = (note.midi, note.end_quarter) if note.tie_start else None


def _silence_common_rests(grid: NDArray[np.int64]) -> None:
    """Silence the unknown cells of frames in which all given voices rest long enough."""
    rest = (grid == SILENCE).any(axis=1) & ~(grid >= 0).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rest.astype(int), [0]])))
    for first, last in edges.reshape(-1, 2):
        outer = first == 0 or last == len(grid)
        if outer or last - first >= SHORT_REST_FRAMES:
            block = grid[first:last]
            block[block == UNKNOWN] = SILENCE
