"""What is written about each note of a score: dynamics, tempo, slurs, articulation, meter, key."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

LOUDNESS = {
    "pppp": -4.0,
    "ppp": -3.0,
    "pp": -2.0,
    "p": -1.0,
    "piano": -1.0,
    "mp": -0.5,
    "mf": 0.5,
    "f": 1.0,
    "forte": 1.0,
    "ff": 2.0,
    "fff": 3.0,
    "ffff": 4.0,
}
"""Steps of a dynamic mark from the middle between *mp* and *mf*."""
TEMPO_WORDS = {
    "prestissimo": 2.5,
    "presto": 2.0,
    "vivace": 1.5,
    "vivo": 1.5,
    "allegretto": 0.5,
    "allegro": 1.0,
    "moderato": 0.0,
    "andantino": -0.5,
    "andante": -1.0,
    "adagio": -2.0,
    "larghetto": -2.0,
    "lento": -2.5,
    "largo": -3.0,
    "grave": -3.0,
}
"""Steps of a tempo word from *moderato*; the first word found in a direction counts."""
ARTICULATIONS = ("staccato", "staccatissimo", "accent", "strong-accent", "tenuto")
_TRILLS = ("trill-mark", "turn", "inverted-turn", "mordent", "inverted-mordent", "shake")
NEUTRAL_QPM = 120.0
MARKS: tuple[str, ...] = (
    "alteration",
    "key_fifths",
    "meter_beats",
    "beat_unit",
    "dynamic_mark",
    "dynamic_since",
    "dynamic_next",
    "dynamic_primo",
    "dynamic_change",
    "wedge_position",
    "dynamic_change_since",
    "sforzato",
    "tempo_mark",
    "tempo_primo",
    "tempo_since",
    "tempo_change",
    "tempo_change_since",
    "quarters_per_minute",
    "qpm_primo",
    "slur_start",
    "slur_inside",
    "slur_stop",
    "beam_start",
    "beam_inside",
    "beam_stop",
    "staccato",
    "staccatissimo",
    "accent",
    "strong_accent",
    "tenuto",
    "fermata",
    "trill",
    "tied",
    "pedal_mark",
    "section",
)
"""Columns of :func:`note_marks`; those ending in ``since`` are in beats, -1 where there is none."""


def note_marks(part: Any, notes: list[Any], start: np.ndarray) -> dict[str, np.ndarray]:
    """Columns (N,) float32 named :data:`MARKS` for the notes of a partitura part.

    ``start`` (N,) int64: the notes' onsets in divisions.  Neutral where nothing is written:
    no accidental, dynamics between *mp* and *mf*, *moderato*, 120 quarters a minute.
    """
    columns = {
        **_signatures(part, notes, start),
        **_dynamics(part, start),
        **_tempi(part, start),
        **_slurs(notes),
        **_beams(notes),
        **_articulations(notes),
        "pedal_mark": _inside(_of(part, "SustainPedalDirection"), start),
    }
    return {name: np.asarray(columns[name], dtype=np.float32) for name in MARKS}


def plain_marks(count: int) -> dict[str, np.ndarray]:
    """The marks of ``count`` notes about which nothing is written."""
    marks = {name: np.zeros(count, dtype=np.float32) for name in MARKS}
    marks["meter_beats"][:] = 4
    for name in MARKS:
        if name.endswith("since"):
            marks[name][:] = -1
    for name in ("quarters_per_minute", "qpm_primo"):
        marks[name][:] = NEUTRAL_QPM
    return marks


def _of(part: Any, *kinds: str) -> list[Any]:
    """The timed objects of these partitura classes, in order."""
    from partimento.music.partitura_score import partitura

    classes = partitura().score
    found = [thing for kind in kinds for thing in part.iter_all(getattr(classes, kind))]
    return sorted(found, key=lambda thing: int(thing.start.t))


def _in_force(times: Iterable[int], values: Iterable[float], at: np.ndarray) -> np.ndarray:
    """(N,) the value set last at or before each time; 0 before the first."""
    moments = np.array(list(times), dtype=np.int64)
    table = np.concatenate([[0.0], np.array(list(values), dtype=np.float64)])
    return table[np.searchsorted(moments, at, side="right")]


def _since(part: Any, times: Iterable[int], at: np.ndarray) -> np.ndarray:
    """(N,) beats since the last of ``times``; -1 before the first."""
    moments = np.array(sorted(times), dtype=np.int64)
    if len(moments) == 0 or len(at) == 0:
        return np.full(len(at), -1.0)
    place = np.searchsorted(moments, at, side="right") - 1
    distance = np.asarray(part.beat_map(at)) - np.asarray(part.beat_map(moments))[place]
    return np.where(place >= 0, distance, -1.0)


def _span(thing: Any) -> tuple[int, int]:
    start = int(thing.start.t)
    return start, max(int(thing.end.t), start + 1) if thing.end is not None else start + 1


def _inside(spans: list[Any], at: np.ndarray) -> np.ndarray:
    """(N,) 1 where a time lies in one of the spans."""
    result = np.zeros(len(at))
    for thing in spans:
        low, high = _span(thing)
        result[(at >= low) & (at < high)] = 1
    return result


def _signatures(part: Any, notes: list[Any], start: np.ndarray) -> dict[str, Any]:
    keys = _of(part, "KeySignature")
    meters = _of(part, "TimeSignature")
    beats = [float(meter.musical_beats or meter.beats) for meter in meters]
    units = [math.log2(max(meter.beat_type, 1)) - 2 for meter in meters]
    times = [int(meter.start.t) for meter in meters]
    fifths = [(int(key.start.t), float(key.fifths or 0)) for key in keys]
    return {
        "alteration": [note.alter or 0 for note in notes],
        "key_fifths": _in_force((t for t, _ in fifths), (f for _, f in fifths), start),
        "meter_beats": _in_force(times, beats, start) if meters else np.full(len(start), 4.0),
        "beat_unit": _in_force(times, units, start),
    }


def _dynamics(part: Any, start: np.ndarray) -> dict[str, Any]:
    found = [(d, LOUDNESS.get(_text(d))) for d in _of(part, "ConstantLoudnessDirection")]
    levels = [(int(d.start.t), level) for d, level in found if level is not None]
    times, values = [t for t, _ in levels], [v for _, v in levels]
    mark = _in_force(times, values, start)
    after = np.array([*values, np.nan])[np.searchsorted(np.array(times), start, side="right")]
    wedges = _of(part, "IncreasingLoudnessDirection", "DecreasingLoudnessDirection")
    change, position = _changes(wedges, "Increasing", start)
    sforzati = np.array([d.start.t for d in _of(part, "ImpulsiveLoudnessDirection")])
    return {
        "dynamic_mark": mark,
        "dynamic_since": _since(part, times, start),
        "dynamic_next": np.where(np.isnan(after), 0.0, after - mark),
        "dynamic_primo": np.full(len(start), values[0] if values else 0.0),
        "dynamic_change": change,
        "wedge_position": position,
        "dynamic_change_since": _since(part, (int(w.start.t) for w in wedges), start),
        "sforzato": np.isin(start, sforzati),
    }


def _changes(spans: list[Any], up: str, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Direction (N,) of the gradual change in force (+1, 0, -1) and the place in it (0 to 1)."""
    change, position = np.zeros(len(at)), np.zeros(len(at))
    for thing in spans:
        low, high = _span(thing)
        inside = (at >= low) & (at < high)
        change[inside] = 1.0 if type(thing).__name__.startswith(up) else -1.0
        position[inside] = (at[inside] - low) / (high - low)
    return change, position


def _text(direction: Any) -> str:
    return str(direction.raw_text or direction.text or "").strip().lower()


def _tempi(part: Any, start: np.ndarray) -> dict[str, Any]:
    found = [(d, _tempo_step(_text(d))) for d in _of(part, "ConstantTempoDirection")]
    steps = [(int(d.start.t), step) for d, step in found if step is not None]
    signs = [(int(t.start.t), _quarters_per_minute(t)) for t in _of(part, "Tempo")]
    gradual = _of(part, "IncreasingTempoDirection", "DecreasingTempoDirection")
    change, _ = _changes(gradual, "Increasing", start)
    times = sorted({t for t, _ in steps} | {t for t, _ in signs})
    speed = _in_force((t for t, _ in signs), (v for _, v in signs), start)
    first = signs[0][1] if signs else NEUTRAL_QPM
    return {
        "tempo_mark": _in_force((t for t, _ in steps), (v for _, v in steps), start),
        "tempo_primo": np.full(len(start), steps[0][1] if steps else 0.0),
        "tempo_since": _since(part, times, start),
        "tempo_change": change,
        "tempo_change_since": _since(part, (int(d.start.t) for d in gradual), start),
        "quarters_per_minute": np.where(speed > 0, speed, first),
        "qpm_primo": np.full(len(start), first),
        "section": np.searchsorted(np.array(times), start, side="right"),
    }


def _tempo_step(text: str) -> float | None:
    places = [(text.find(word), word) for word in TEMPO_WORDS if word in text]
    # At one place the longer word counts: "allegretto" and not what it begins with.
    best = min(places, key=lambda item: (item[0], -len(item[1])), default=None)
    return None if best is None else TEMPO_WORDS[best[1]]


def _quarters_per_minute(tempo: Any) -> float:
    try:
        speed = 60e6 / float(tempo.microseconds_per_quarter)
    except (ZeroDivisionError, ValueError, TypeError, KeyError):
        return NEUTRAL_QPM
    return min(max(speed, 5.0), 600.0)


def _slurs(notes: list[Any]) -> dict[str, Any]:
    """Slurs that start, go on and stop at each note; a slur covers the notes of its voice."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for note in notes:
        for slur in note.slur_starts:
            if slur.end_note is not None:
                span = (int(note.start.t), int(slur.end_note.start.t))
                spans.setdefault(note.voice or 0, []).append(span)
    inside = [
        any(low < note.start.t < high for low, high in spans.get(note.voice or 0, ()))
        for note in notes
    ]
    return {
        "slur_start": [bool(note.slur_starts) for note in notes],
        "slur_inside": inside,
        "slur_stop": [bool(note.slur_stops) for note in notes],
    }


def _beams(notes: list[Any]) -> dict[str, Any]:
    """Whether a note is the first, an inner or the last one under its beam."""
    times = [None if n.beam is None else [m.start.t for m in n.beam.notes] for n in notes]
    pairs = list(zip(notes, times, strict=True))
    first = [t is not None and n.start.t == min(t) for n, t in pairs]
    last = [t is not None and n.start.t == max(t) > min(t) for n, t in pairs]
    inner = [t is not None and min(t) < n.start.t < max(t) for n, t in pairs]
    return {"beam_start": first, "beam_inside": inner, "beam_stop": last}


def _articulations(notes: list[Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name.replace("-", "_"): [name in (note.articulations or ()) for note in notes]
        for name in ARTICULATIONS
    }
    columns["fermata"] = [note.fermata is not None for note in notes]
    columns["trill"] = [any(o in _TRILLS for o in (note.ornaments or ())) for note in notes]
    columns["tied"] = [note.tie_next is not None for note in notes]
    return columns
