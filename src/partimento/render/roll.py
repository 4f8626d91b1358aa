"""Piano rolls: pitch over time, one colour per voice, what was given apart from what was added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.music.grid import SILENCE, STEPS_PER_QUARTER, VOICE_LONG_NAMES, pitch_token
from partimento.music.score import Score
from partimento.render.drawing import (
    ALARM,
    INK,
    MUTED,
    PAPER,
    SERIES_COLOURS,
    Drawing,
    Number,
    text_width,
)

_ROW = 7.0
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
_LEFT, _TOP = 44.0, 66.0
_MAX_WIDTH = 60_000.0


@dataclass(frozen=True)
class RollNote:
    """One sound.  ``given`` notes are drawn solid, generated ones light with an outline."""

    onset_quarter: Number
    duration_quarter: Number
    midi: int
    voice: int
    given: bool = True


@dataclass(frozen=True)
class RollMark:
    """A place to point at, such as a voice-leading finding."""

    onset_quarter: Number
    text: str


def grid_roll(grid: np.ndarray, given: np.ndarray | None = None) -> list[RollNote]:
    """Notes of a (T, 4) grid; runs of one pitch are one note.

    ``given`` is a boolean array of the same shape; a note is given when all its cells are.
    """
    notes = []
    fixed = np.ones(grid.shape, dtype=bool) if given is None else given
    for voice in range(grid.shape[1]):
        column = grid[:, voice]
        edges = np.flatnonzero(np.diff(column)) + 1
        for start, stop in zip([0, *edges], [*edges, len(column)], strict=True):
            if stop > start and column[start] > SILENCE:
                span = (stop - start) / STEPS_PER_QUARTER
                solid = bool(fixed[start:stop, voice].all())
                pitch = int(column[start])
                notes.append(
                    RollNote(float(start / STEPS_PER_QUARTER), float(span), pitch, voice, solid)
                )
    return sorted(notes, key=lambda n: (n.onset_quarter, n.voice))


def score_roll(score: Score, generated_voices: Sequence[int] = ()) -> list[RollNote]:
    """Sounding notes of a score; voices are counted over parts, staves and written voices."""
    order = {part.id: i for i, part in enumerate(score.parts)}
    sounds = score.sounding()
    lines = sorted({(order.get(n.part, 99), n.staff, n.voice) for n in sounds})
    index = {line: i for i, line in enumerate(lines)}
    return [
        RollNote(
            float(n.onset_quarter),
            float(n.duration_quarter),
            n.midi,
            voice := index[order.get(n.part, 99), n.staff, n.voice],
            voice not in generated_voices,
        )
        for n in sounds
    ]


def piano_roll_svg(
    notes: Sequence[RollNote],
    *,
    title: str,
    bar_lines: Sequence[Number] = (),
    bar_names: Sequence[str] | None = None,
    fermatas: Sequence[Number] = (),
    marks: Sequence[RollMark] = (),
    voice_names: Sequence[str] = VOICE_LONG_NAMES,
    px_per_quarter: Number = 18,
) -> str:
    """A piano roll.

    ``bar_lines`` (the closing one included) and ``fermatas`` are times in quarters from the start;
    ``bar_names`` are the bars' numbers, counted from 1 without them.  ``marks`` get a red sign at
    the top with their text as a tooltip.  Long pieces give wide pictures: scroll them sideways.
    """
    end = max(
        [n.onset_quarter + n.duration_quarter for n in notes] + [float(b) for b in bar_lines]
        or [4.0]
    )
    scale = min(float(px_per_quarter), _MAX_WIDTH / max(end, 1.0))
    low = min((n.midi for n in notes), default=57) - 2
    high = max((n.midi for n in notes), default=71) + 2
    width = max(520.0, _LEFT + end * scale + 16)
    height = _TOP + (high - low + 1) * _ROW + 30
    drawing = Drawing(width, height, title, _summary(notes, marks, voice_names))
    drawing.heading()
    _legend(drawing, notes, voice_names, bool(marks))
    _keys(drawing, low, high, _LEFT + end * scale)
    _bars(drawing, bar_lines, bar_names, scale, height - 30)
    for note in notes:
        _note(drawing, note, scale, high, voice_names)
    for time in fermatas:
        _fermata(drawing, _LEFT + float(time) * scale + 5, height - 16)
    for mark in marks:
        _mark(drawing, mark, scale, height - 30)
    # The page's cursor reads from these where a moment of the sound lies in the picture.
    drawing.facts = {"data-left": _LEFT, "data-px-per-quarter": scale}
    return drawing.svg()


def _summary(
    notes: Sequence[RollNote], marks: Sequence[RollMark], voice_names: Sequence[str]
) -> str:
    voices = sorted({n.voice for n in notes})
    parts = []
    for voice in voices:
        own = [n for n in notes if n.voice == voice]
        low, high = min(n.midi for n in own), max(n.midi for n in own)
        added = sum(not n.given for n in own)
        parts.append(
            f"{_voice_name(voice, voice_names)}: {len(own)} notes, {pitch_token(low)} to "
            f"{pitch_token(high)}{f', {added} generated' if added else ''}."
        )
    if marks:
        parts.append(f"{len(marks)} marked places.")
    return " ".join(parts) or "No notes."


def _voice_name(voice: int, names: Sequence[str]) -> str:
    return names[voice] if voice < len(names) else f"Voice {voice + 1}"


def _legend(
    drawing: Drawing, notes: Sequence[RollNote], names: Sequence[str], marked: bool
) -> None:
    x = 16.0
    for voice in sorted({n.voice for n in notes}):
        name = _voice_name(voice, names)
        drawing.rect(x, 38, 18, 8, SERIES_COLOURS[voice % 8], rx=2)
        drawing.text(x + 23, 46, name, size=11)
        x += 36 + text_width(name, 11)
    if any(not n.given for n in notes):
        drawing.rect(x, 38, 18, 8, MUTED, rx=2)
        drawing.text(x + 23, 46, "given", size=11)
        drawing.rect(x + 62, 38.5, 17, 7, PAPER, rx=2, stroke=MUTED, stroke_width=1.4)
        drawing.text(x + 84, 46, "generated", size=11)
        x += 150
    if marked:
        drawing.shape("path", d=_triangle(x + 5, 38), fill=ALARM)
        drawing.text(x + 14, 46, "finding", size=11)


def _keys(drawing: Drawing, low: int, high: int, right: Number) -> None:
    """Rows shaded like the black keys, with a name at each C."""
    for midi in range(low, high + 1):
        y = _TOP + (high - midi) * _ROW
        if midi % 12 in _BLACK_KEYS:
            drawing.rect(_LEFT, y, right - _LEFT, _ROW, "#f3f5f7")
        if midi % 12 == 0:
            drawing.line(_LEFT, y + _ROW, right, y + _ROW)
            label = pitch_token(max(0, min(127, midi)))
            drawing.text(_LEFT - 6, y + _ROW, label, size=10, anchor="end", colour=MUTED)


def _bars(
    drawing: Drawing,
    times: Sequence[Number],
    names: Sequence[str] | None,
    scale: Number,
    bottom: Number,
) -> None:
    gap = max(1, round(44 / max(scale * _typical_bar(times), 1e-6)))
    named = len(times) - 1 if names is None else len(names)
    for i, time in enumerate(times):
        x = _LEFT + float(time) * scale
        drawing.line(x, _TOP, x, bottom, "#b8c0c8")
        if i % gap == 0 and i < named:
            name = str(i + 1) if names is None else names[i]
            drawing.text(x + 2, bottom + 12, name, size=10, colour=MUTED)


def _typical_bar(times: Sequence[Number]) -> float:
    gaps = np.diff(np.array(times, dtype=np.float64))
    return float(np.median(gaps)) if gaps.size else 4.0


def _note(drawing: Drawing, note: RollNote, scale: Number, high: int, names: Sequence[str]) -> None:
    colour = SERIES_COLOURS[note.voice % 8]
    tip = (
        f"{_voice_name(note.voice, names)} {pitch_token(note.midi)}, quarter "
        f"{note.onset_quarter:g}, length {note.duration_quarter:g}"
        f"{'' if note.given else ', generated'}"
    )
    x = _LEFT + note.onset_quarter * scale
    y = _TOP + (high - note.midi) * _ROW
    wide = max(1.5, note.duration_quarter * scale - 1)
    if note.given:
        drawing.shape("rect", tip, x=x, y=y, width=wide, height=_ROW, rx=1.5, fill=colour)
        return
    drawing.shape(
        "rect",
        tip,
        x=x + 0.7,
        y=y + 0.7,
        width=max(1.0, wide - 1.4),
        height=_ROW - 1.4,
        rx=1.5,
        fill=colour,
        fill_opacity=0.22,
        stroke=colour,
        stroke_width=1.4,
    )


def _fermata(drawing: Drawing, x: Number, y: Number) -> None:
    drawing.shape(
        "path",
        "fermata",
        d=f"M{x - 5:.1f} {y:.1f}a5 5 0 0 1 10 0",
        fill="none",
        stroke=INK,
        stroke_width=1.4,
    )
    drawing.shape("circle", cx=x, cy=y - 1, r=1.2, fill=INK)


def _mark(drawing: Drawing, mark: RollMark, scale: Number, bottom: Number) -> None:
    x = _LEFT + mark.onset_quarter * scale
    drawing.shape(
        "line", x1=x, x2=x, y1=_TOP, y2=bottom, stroke=ALARM, stroke_width=1, stroke_dasharray="2 3"
    )
    drawing.shape("path", mark.text, d=_triangle(x, _TOP - 9), fill=ALARM)


def _triangle(x: Number, y: Number) -> str:
    return f"M{x - 5:.1f} {y:.1f}h10l-5 8z"
