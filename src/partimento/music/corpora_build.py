"""The chorales in the rich form, derived from the corpus inside an installed music21.

Nothing is downloaded.  music21 is imported when :func:`build_chorales` runs, and not before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from partimento.core.errors import DataError, MissingExtraError
from partimento.core.progress import Progress
from partimento.music.corpora_splits import split_of
from partimento.music.grid import STEPS_PER_QUARTER, VOICE_LONG_NAMES, VOICES

Record = dict[str, Any]
_SUFFIXES = (".mxl", ".xml", ".musicxml", ".krn")
_LOG = logging.getLogger(__name__)


def build_chorales(
    ids: Iterable[str] | None = None, progress: Progress | None = None
) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of the four-part chorales, and (id, reason) of the pieces that were left out.

    ``ids``: music21 names such as ``bwv253``; None takes all (several minutes).  ``progress`` is
    called with (done, total, id).

    Raises MissingExtraError without music21, DataError for an unknown id.
    """
    files = chorale_files()
    names = sorted(files) if ids is None else list(dict.fromkeys(ids))
    unknown = [name for name in names if name not in files]
    if unknown:
        raise DataError(f"music21 has no chorale called {unknown[0][:40]!r}")
    records, dropped = [], []
    for i, name in enumerate(names):
        record = _read(name, files[name])
        if isinstance(record, str):
            dropped.append((name, record))
        else:
            records.append(record)
        if progress is not None:
            progress(i + 1, len(names), name)
    return records, dropped


def chorale_files() -> dict[str, Path]:
    """Files of music21's Bach folder by name; MissingExtraError without music21."""
    try:
        import music21
    except ImportError as error:
        raise MissingExtraError(
            "music21 is not installed", fix='Run pip install "partimento[corpora]"'
        ) from error
    folder = Path(music21.__file__).parent / "corpus" / "bach"
    if not folder.is_dir():
        raise DataError("this music21 comes without its corpus", fix="Install music21 from PyPI")
    found: dict[str, Path] = {}
    # Some pieces are there twice; MusicXML says more than the other formats.
    for suffix in _SUFFIXES:
        for path in sorted(folder.glob(f"bwv*{suffix}")):
            found.setdefault(path.name[: -len(suffix)], path)
    return found


def _read(name: str, path: Path) -> Record | str:
    """Record of one file, or the reason why it is no four-part chorale."""
    from music21 import converter

    try:
        score = converter.parse(str(path), forceSource=True)
    except Exception as error:
        # A damaged file of a foreign corpus must not end a run over 400 pieces.
        _LOG.warning("%s cannot be read: %s", name, error)
        return f"cannot be read ({type(error).__name__})"
    parts: list[Any] = list(getattr(score, "parts", ()))
    chosen = _choir(parts)
    if chosen is None:
        return f"{len(parts)} parts and no choir of soprano, alto, tenor and bass"
    return _record(name, chosen, extracted=len(parts) > VOICES)


def _choir(parts: Sequence[Any]) -> list[Any] | None:
    """The four parts of the choir: all there are, or those with the names of the voices."""
    if len(parts) == VOICES:
        return list(parts)
    by_name: dict[str, Any] = {}
    for part in parts:
        by_name.setdefault(str(part.partName).strip().capitalize(), part)
    if all(name in by_name for name in VOICE_LONG_NAMES):
        return [by_name[name] for name in VOICE_LONG_NAMES]
    return None


def _record(name: str, parts: Sequence[Any], *, extracted: bool) -> Record | str:
    voices = []
    dropped_notes = 0
    for part in parts:
        result = _voice(part)
        if isinstance(result, str):
            return result
        voices.append(result[0])
        dropped_notes += result[1]
    soprano = parts[0]
    measures = list(soprano.getElementsByClass("Measure"))
    starts = [_sixteenths(m.offset) for m in measures]
    times = [
        [_sixteenths(t.getOffsetInHierarchy(soprano)), t.ratioString]
        for t in soprano.recurse().getElementsByClass("TimeSignature")
    ]
    if None in starts or any(t[0] is None for t in times) or not times:
        return "bars or meters that do not fit 16ths"
    key = next(iter(soprano.recurse().getElementsByClass("KeySignature")), None)
    bar = measures[0].barDuration.quarterLength if measures else 0
    first = measures[0].duration.quarterLength if measures else 0
    pickup = _sixteenths(first) if measures and len(measures) > 1 and first < bar else 0
    return {
        "id": name,
        "title": None,
        "split": split_of(name),
        "jsb": [],
        "sharps": int(key.sharps) if key is not None else 0,
        "mode": getattr(key, "mode", None),
        "time": times,
        "pickup16": pickup,
        "measures16": starts,
        "extracted": extracted,
        "dropped_notes": dropped_notes,
        "voices": voices,
    }


def _voice(part: Any) -> tuple[list[list[Any]], int] | str:
    """``[onset16, duration16, midi, fermata, tie, spelling]`` per written note, or a reason.

    A note counts for the 16ths at whose start it sounds; a 32nd between two of them is dropped,
    and the second number tells how many were.
    """
    found: list[list[Any]] = []
    dropped = 0
    for item in part.flatten().notesAndRests:
        if item.duration.isGrace:
            continue
        if not (item.isRest or item.isNote):
            return "chords inside a voice"
        start = _frames_up(item.offset)
        length = _frames_up(item.offset + item.duration.quarterLength) - start
        if length == 0:
            dropped += 1
            continue
        fermata = int(any("Fermata" in e.classes for e in item.expressions))
        tied = int(item.tie is not None and item.tie.type in ("continue", "stop"))
        midi = -1 if item.isRest else int(item.pitch.midi)
        spelling = None if item.isRest else item.nameWithOctave
        found.append([start, length, midi, fermata, tied, spelling])
    return found, dropped


def _frames_up(quarters: Any) -> int:
    """First frame at or after a time; float dust of triplets is no lateness."""
    return math.ceil(float(quarters) * STEPS_PER_QUARTER - 1e-6)


def _sixteenths(quarters: Any) -> int | None:
    """Quarters as a whole number of 16ths, None where there is none."""
    value = float(quarters) * STEPS_PER_QUARTER
    return round(value) if abs(value - round(value)) < 1e-6 else None
