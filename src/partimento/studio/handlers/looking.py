"""Questions about files: what is in them, their notes, their engraved page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import InputFileError
from partimento.studio.bench import Bench
from partimento.studio.questions import LookQuestion, RollQuestion, SheetQuestion

if TYPE_CHECKING:
    from partimento.music.performance import Performance
    from partimento.render.sheet import Engraving

MOST_NOTES = 20_000
"""A piano roll shows so many notes from the start."""


def look(question: LookQuestion, bench: Bench) -> dict[str, Any]:
    """Facts of a file that was just handed in; reading it is the test that it can be used."""
    path = bench.path(question.source)
    if question.kind == "sound":
        return _sound_facts(path)
    if question.kind == "midi":
        return _midi_facts(path)
    return _score_facts(path)


def _sound_facts(path: Path) -> dict[str, Any]:
    from partimento.music.audio import read_sound

    sound = read_sound(path)
    return {"seconds": round(sound.seconds, 2), "warnings": list(sound.warnings)}


def _midi_facts(path: Path) -> dict[str, Any]:
    notes = _played(path)
    return {"notes": len(notes.pitch), "seconds": round(float(notes.offset_sec.max()), 2)}


def _played(path: Path) -> Performance:
    """The notes of a MIDI file.  Raises InputFileError for one without any."""
    from partimento.music.performance import read_performance

    notes = read_performance(path)
    if len(notes.pitch) == 0:
        raise InputFileError(
            "this MIDI file has no notes", where=str(path), fix="Give one with at least one note"
        )
    return notes


def _score_facts(path: Path) -> dict[str, Any]:
    from partimento.music.files import read_score

    score = read_score(path)
    return {
        "notes": len(score.notes),
        "bars": len(score.measures),
        "parts": len(score.parts),
        "title": score.title,
        "warnings": list(score.warnings)[:20],
    }


def roll(question: RollQuestion, bench: Bench) -> dict[str, Any]:
    """The notes of a file: onset and offset in seconds, pitch, velocity, part."""
    path = bench.path(question.source)
    if path.suffix != ".mid":
        raise InputFileError(
            "only MIDI files have a piano roll here", where=str(path), fix="Give a MIDI file"
        )
    played = _played(path)
    columns = (played.onset_sec, played.offset_sec, played.pitch, played.velocity)
    rows = np.stack([np.asarray(c, float) for c in columns], axis=1)
    return {"notes": _rows(rows), "parts": ["Piano"], "seconds": float(rows[:, 1].max())}


def _rows(table: np.ndarray) -> list[list[float]]:
    return [[round(float(v), 4) for v in row] for row in table[:MOST_NOTES]]


def sheet(question: SheetQuestion, bench: Bench) -> dict[str, Any]:
    """A score as sanitised SVG, and when its notes sound."""
    from partimento.music.files import read_score
    from partimento.music.musicxml_write import musicxml_text
    from partimento.render.sheet import engrave

    score = read_score(bench.path(question.source))
    engraving = engrave(musicxml_text(score), guarded=False)
    return _sheet_data(engraving)


def _sheet_data(engraving: Engraving) -> dict[str, Any]:
    """What a page needs to show a score and to follow it."""
    return {
        "svg": engraving.svg,
        "events": [
            {"quarter": float(e.quarter), "sec": float(e.sec), "on": list(e.on), "off": list(e.off)}
            for e in engraving.events
        ],
        "notes": [
            {
                "id": note.id, "quarter": float(note.onset_quarter), "staff": note.staff,
                "layer": note.layer,
            }
            for note in engraving.notes
        ],
    }  # fmt: skip
