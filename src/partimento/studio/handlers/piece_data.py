"""A composed piece as a page shows it: notes and bars in seconds, score events, matches, files.

Beside ``STEM.mid``, ``STEM.wav``, ``STEM.svg`` stand ``STEM.json`` (the notes, for the piano roll)
and ``STEM.timing.json`` (when the notes of the score sound).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.studio.handlers.job_files import write_json

if TYPE_CHECKING:
    from partimento.music.barpiece import BarPiece
    from partimento.music.expression import Played
    from partimento.music.score import Score
    from partimento.render.sheet import Engraving
    from partimento.studio.handlers.following import Followed
    from partimento.tasks.text2midi.match import Row
    from partimento.tasks.text2midi.outcome import Composed

SecondsAt = Callable[[Sequence[float]], np.ndarray]
"""Quarters from the start (K,) -> seconds of the music (K,)."""


def roll_data(
    piece: BarPiece, played: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
) -> dict[str, Any]:
    """Notes in the order of the piece's table, with the names of the parts and the bar lines.

    ``notes``: rows [onset, duration (seconds), pitch, velocity, part]; ``bars``: the second of
    every bar line and of the end.  ``played``: onsets, ends (seconds) and velocities (N,) of a
    performance; without it the piece is heard as written.
    """
    from partimento.music.barpiece import TICKS
    from partimento.music.barpiece_write import instruments_of
    from partimento.music.instruments import INSTRUMENTS

    tick_sec = 60.0 / piece.tempo_bpm / TICKS
    order = instruments_of(piece)
    if played is None:
        played = (
            piece.onset * tick_sec, (piece.onset + piece.duration) * tick_sec, piece.velocity,
        )  # fmt: skip
    onset, offset, velocity = played
    part = [order.index(one) for one in piece.instrument.tolist()]
    notes = [
        [round(on, 4), round(off - on, 4), key, loud, who]
        for on, off, key, loud, who in zip(
            *(np.asarray(c).tolist() for c in (onset, offset, piece.pitch, velocity)),
            part,
            strict=True,
        )
    ]
    lines = [round(n * piece.bar_ticks * tick_sec, 4) for n in range(piece.bars + 1)]
    return {
        "notes": notes,
        "parts": [INSTRUMENTS[i].name for i in order],
        "bars": lines,
        "seconds": round(max([lines[-1], *(row[0] + row[1] for row in notes)]), 4),
        "meter": piece.meter,
        "tempo_bpm": round(piece.tempo_bpm, 2),
    }


def timing_data(followed: Followed, seconds_at: SecondsAt) -> dict[str, Any]:
    """What a page needs to follow a score, at the seconds of this sound; notes with their pitch."""
    timing = followed.timing()
    for row, (_, note) in zip(timing["notes"], followed.heads, strict=True):
        row["midi"] = None if note is None else note.midi
    seconds = seconds_at([event["quarter"] for event in timing["events"]]).tolist()
    for event, sec in zip(timing["events"], seconds, strict=True):
        event["sec"] = round(sec, 4)
    return timing


def bar_seconds(played: Played) -> list[float]:
    """The second of every bar line of a performance, and of its end."""
    from partimento.music.barpiece import TICKS

    lines = np.arange(played.piece.bars + 1) * played.piece.bar_ticks / TICKS
    return [round(sec, 4) for sec in played.seconds_at(lines).tolist()]


def write_views(
    folder: Path, stem: str, piece: BarPiece, score: Score, engraving: Engraving
) -> None:
    """The two JSON files of a piece that is heard as it is written."""
    from partimento.studio.handlers.following import Followed

    quarter_sec = 60.0 / piece.tempo_bpm
    write_json(folder, f"{stem}.json", roll_data(piece))
    timing = timing_data(
        Followed(score, engraving), lambda quarters: np.asarray(quarters) * quarter_sec
    )
    write_json(folder, f"{stem}.timing.json", timing)


def described(composed: Composed, title: str, folder: Path) -> dict[str, Any]:
    """What the page needs of one candidate whose files are written; writes the two JSON files.

    Locks name notes by their row, so the notes are those of the file, read as a region's bars are.
    """
    from partimento.music.barpiece import read_bar_piece
    from partimento.music.musicxml_write import musicxml_text
    from partimento.tasks.text2midi.outcome import engraved, written_score

    row = {
        **facts(composed.piece, composed.stem),
        "number": composed.number,
        "key": composed.key,
        "match": round(composed.chosen.score, 4),
        "rows": match_rows(composed.chosen.rows),
        "draws": len(composed.chosen.scores),
    }
    if not row["empty"]:
        # Our own file of a moment ago: no need for a process of its own.
        kept = read_bar_piece(folder / f"{composed.stem}.mid", guarded=False, own_bars=True)
        score = written_score(composed, title)
        write_views(folder, composed.stem, kept, score, engraved(musicxml_text(score)))
    return row


def facts(piece: BarPiece, stem: str) -> dict[str, Any]:
    """Counts of a piece, and the stem of its files."""
    from partimento.render.sound import lead_in_sec

    return {
        "stem": stem,
        "lead": lead_in_sec(),
        "empty": len(piece) == 0,
        "notes": len(piece),
        "bars": piece.bars,
        "meter": piece.meter,
        "tempo_bpm": round(piece.tempo_bpm, 1),
        "seconds": round(piece.seconds, 2),
    }


def match_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What was asked beside what came, as words; ``ok`` is None where it cannot be told."""
    from partimento.tasks.text2midi.outcome_page import cell

    return [
        {
            "attribute": row.attribute, "asked": cell(row.asked), "came": cell(row.measured),
            "ok": row.ok, "forced": row.forced,
        }
        for row in rows
    ]  # fmt: skip
