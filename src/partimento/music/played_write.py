"""A played piece as MIDI: every instrument a track, times to the millisecond."""

from __future__ import annotations

from typing import Any

import numpy as np

from partimento.music.barpiece_write import instruments_of
from partimento.music.expression import Played
from partimento.music.instruments import INSTRUMENTS

TICKS_PER_QUARTER = 500
_TICKS_PER_SECOND = 1000
"""At 120 quarters a minute."""


def played_midi(played: Played, title: str = "") -> bytes:
    """A Standard MIDI File of format 1 at 120 quarters a minute, one millisecond a tick.

    The pedal is in the notes' ends already.  A key struck again ends the note before.  The same
    performance gives the same bytes.
    """
    from symusic import Note, Score, Tempo, TimeSignature, Track

    # The package's own types do not know what its classes hold.
    score: Any = Score(TICKS_PER_QUARTER)
    score.tempos.append(Tempo(0, 120.0))
    beats, kind = map(int, played.piece.meter.split("/"))
    score.time_signatures.append(TimeSignature(0, beats, kind))
    for instrument in instruments_of(played.piece):
        mine = np.flatnonzero(played.piece.instrument == instrument)
        start, end = _times(played, mine)
        track: Any = Track(INSTRUMENTS[instrument].name, INSTRUMENTS[instrument].program)
        for n, note in enumerate(mine.tolist()):
            length = int(end[n] - start[n])
            pitch, velocity = int(played.piece.pitch[note]), int(played.velocity[note])
            track.notes.append(Note(int(start[n]), length, pitch, velocity))
        score.tracks.append(track)
    return bytes(score.dumps_midi())


def _times(played: Played, notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ticks of starts and ends; no two notes of one pitch overlap."""
    start = np.rint(played.onset_sec[notes] * _TICKS_PER_SECOND).astype(np.int64)
    end = np.rint(played.offset_sec[notes] * _TICKS_PER_SECOND).astype(np.int64)
    pitch = played.piece.pitch[notes]
    for value in np.unique(pitch):
        same = np.flatnonzero(pitch == value)
        same = same[np.argsort(start[same], kind="stable")]
        end[same[:-1]] = np.minimum(end[same[:-1]], start[same[1:]])
    return start, np.maximum(end, start + 1)
