"""Single notes that are locked, as a person or a page names them.

``3:1:C4`` is the C4 on the first beat of bar 3; ``3:2.5:Bb3`` the B flat half a beat after the
second; ``3:4/3:60`` MIDI pitch 60 a third of a beat after the first; ``3:1:C4:violin`` that of the
violin alone.  Bars and beats count from 1; a beat is what the meter's lower figure says (in 6/8 an
eighth).  A bare number is the note's row in the note table of the piece, from 0: sorted by onset,
instrument (its id), pitch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENT_NAMES
from partimento.music.score import Spelling

MOST_LOCKS = 4096
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_NUMBER = re.compile(r"[0-9]{1,6}")
_BEAT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6}|/[1-9][0-9]{0,3})?")
_FORM = "Write bar:beat:pitch, such as 3:1:C4 or 3:2.5:60, or the note's row in the note table"


def locked_notes(piece: BarPiece, locked: Sequence[str | int]) -> np.ndarray:
    """(N,) bool: the notes that the locks name.

    A place without instrument locks the note of every instrument that strikes the pitch there.
    Raises ConfigError for a lock that cannot be read, and for one that names no note.
    """
    mask = np.zeros(len(piece), dtype=bool)
    if len(locked) > MOST_LOCKS:
        raise ConfigError(
            f"{len(locked)} locks are too many", where="--lock", fix=f"Lock at most {MOST_LOCKS}"
        )
    for lock in locked:
        mask |= _found(piece, str(lock).strip())
    return mask


def lock_name(piece: BarPiece, row: int) -> str:
    """The lock that names a note of the table, with its instrument: ``3:1:C4:piano``."""
    bar, place = divmod(int(piece.onset[row]), piece.bar_ticks)
    beat = 1 + Fraction(place, _beat_ticks(piece))
    written = str(beat) if beat.denominator % 3 == 0 else f"{float(beat):g}"
    instrument = INSTRUMENT_NAMES[int(piece.instrument[row])]
    return f"{bar + 1}:{written}:{_pitch_name(int(piece.pitch[row]))}:{instrument}"


def _found(piece: BarPiece, lock: str) -> np.ndarray:
    mask = np.zeros(len(piece), dtype=bool)
    if _NUMBER.fullmatch(lock):
        row = int(lock)
        if row >= len(piece):
            raise ConfigError(
                f"there is no row {row} in the note table",
                where="--lock",
                fix=f"Its rows are 0 to {len(piece) - 1}",
            )
        mask[row] = True
        return mask
    parts = lock.split(":")
    if len(parts) not in (3, 4):
        raise ConfigError(f"{lock[:40]!r} names no note", where="--lock", fix=_FORM)
    tick, pitch = _tick(piece, parts[0], parts[1], lock), _pitch(parts[2], lock)
    mask = (piece.onset == tick) & (piece.pitch == pitch)
    if len(parts) == 4:
        mask &= piece.instrument == INSTRUMENT_ID.get(parts[3].strip().lower(), -1)
    if not mask.any():
        raise ConfigError(f"no note is at {lock[:40]}", where="--lock", fix=_nearest(piece, tick))
    return mask


def _nearest(piece: BarPiece, tick: int) -> str:
    if not len(piece):
        return "The piece has no notes"
    order = np.argsort(np.abs(piece.onset - tick), kind="stable")[:4]
    return f"Near it are {', '.join(lock_name(piece, int(row)) for row in sorted(order))}"


def _tick(piece: BarPiece, bar: str, beat: str, lock: str) -> int:
    if not _NUMBER.fullmatch(bar.strip()) or not _BEAT.fullmatch(beat.strip()):
        raise ConfigError(f"{lock[:40]!r} names no note", where="--lock", fix=_FORM)
    number, place = int(bar), Fraction(beat.strip()) - 1
    offset = round(place * _beat_ticks(piece))
    if not 1 <= number <= piece.bars or not 0 <= offset < piece.bar_ticks:
        raise ConfigError(
            f"the piece has no beat {beat} of bar {bar}",
            where="--lock",
            fix=f"It has {piece.bars} bars of {piece.meter}; both count from 1",
        )
    return (number - 1) * piece.bar_ticks + offset


def _beat_ticks(piece: BarPiece) -> int:
    return 4 * TICKS // int(piece.meter.partition("/")[2])


def _pitch(text: str, lock: str) -> int:
    if _NUMBER.fullmatch(text.strip()):
        return int(text)
    try:
        return Spelling.parse(text.strip()).midi
    except ValueError:
        raise ConfigError(f"{lock[:40]!r} names no note", where="--lock", fix=_FORM) from None


def _pitch_name(midi: int) -> str:
    return f"{_NAMES[midi % 12]}{midi // 12 - 1}"
