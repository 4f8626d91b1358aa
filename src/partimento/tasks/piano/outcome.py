"""What the piano commands give back: pieces, a report, and files to hear, see and open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.music.performance_write import performance_midi
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.passage import Struck
from partimento.tasks.piano.playing import Timing

SAMPLE_RATE = 44_100
HEARD_BEFORE_SEC = 60.0
"""Sound and picture begin at most so long before the model's first note; MIDI has everything."""
HEARD_SEC = 600.0
SILENT_DBFS = -60.0


@dataclass(frozen=True)
class Piece:
    """One result.

    ``notes`` what was given and what the model made; ``tokens`` the events that it drew;
    ``made_sec`` from when to when it played; ``ended`` when it ended the piece itself;
    ``details`` more of the report.
    """

    label: str
    notes: Struck
    tokens: np.ndarray
    made_sec: tuple[float, float]
    ended: bool
    sampling: Sampling
    seed: int
    number: int
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> Struck:
        """The model's notes."""
        return self.notes.select(self.notes.made)

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        start, end = self.made_sec
        return {
            "number": self.number,
            "style": self.label,
            "temperature": self.sampling.temperature,
            "top_k": self.sampling.top_k,
            "top_p": self.sampling.top_p,
            "seed": self.seed,
            "from_sec": round(start, 3),
            "seconds": round(end - start, 3),
            "notes": len(self.made),
            "tokens": len(self.tokens),
            "ended": self.ended,
            **self.details,
        }


@dataclass(frozen=True)
class Outcome:
    """All pieces of one command.

    ``given`` says what the notes are that the model did not make ("primer"); ``facts`` go first in
    the report; ``written`` are files that exist already.
    """

    command: str
    name: str
    pieces: tuple[Piece, ...]
    timing: Timing
    facts: dict[str, Any]
    given: str = "given"
    warnings: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()

    def report(self) -> dict[str, Any]:
        """What was asked, done and measured, ready for JSON."""
        pieces = [piece.report() for piece in self.pieces]
        return {
            **self.facts,
            "warnings": list(self.warnings),
            "pieces": pieces,
            "seconds": round(sum(piece["seconds"] for piece in pieces), 3),
            "notes": sum(piece["notes"] for piece in pieces),
            "tokens": sum(piece["tokens"] for piece in pieces),
            **self.timing.report(),
        }

    def save(self, folder: str | Path, name: str | None = None) -> list[Path]:
        """Write MIDI, WAV and piano roll of every piece, ``index.html`` and ``report.json``.

        Returns the files.
        """
        from partimento.render.sound import sound_levels
        from partimento.tasks.piano.outcome_page import write_outcome_page

        folder, files = Path(folder), list(self.written)
        stems = [self.stem(piece, name) for piece in self.pieces]
        heard = []
        for stem, piece in zip(stems, self.pieces, strict=True):
            path = folder / f"{stem}.mid"
            write_atomic(path, performance_midi(piece.notes.performance()))
            sound = render_piece(piece)
            heard.append(sound)
            files += [path] if path not in files else []
            files += _write_heard(folder, stem, piece, sound, self.given)
        report = self.report()
        for row, sound in zip(report["pieces"], heard, strict=True):
            peak = float(np.abs(sound).max(initial=0.0))
            silent = peak < 10 ** (SILENT_DBFS / 20)
            row["sound"] = {**sound_levels(sound, SAMPLE_RATE), "silent": silent}
        files += [folder / "report.json", folder / "index.html"]
        text = {**report, "files": [path.name for path in files]}
        write_atomic(files[-2], json.dumps(plain(text), indent=2, allow_nan=False) + "\n")
        write_outcome_page(files[-1], self, report, stems, heard)
        return files

    def stem(self, piece: Piece, name: str | None = None) -> str:
        """Name of a piece's files."""
        name = name or self.name
        return stem_of(name, self.command, piece.label, piece.sampling, piece.seed, piece.number)


def stem_of(name: str, command: str, label: str, sampling: Sampling, seed: int, number: int) -> str:
    """Name of files: what they were made from and with what."""
    head = name if name == command else f"{name}_{command}"
    return f"{head}_{label}_{sampling.label}_seed{seed}_{number}"


def heard_from_sec(piece: Piece) -> float:
    """Where sound and picture begin."""
    return max(0.0, piece.made_sec[0] - HEARD_BEFORE_SEC)


def heard_notes(piece: Piece) -> Struck:
    """The notes of sound and picture, from time 0 on."""
    start = round(heard_from_sec(piece) * 1000)
    notes = piece.notes
    inside = (notes.onset >= start) & (notes.onset < start + HEARD_SEC * 1000)
    return notes.select(inside).shifted(-start)


def render_piece(piece: Piece) -> np.ndarray:
    """Stereo sound (samples, 2) at 44.1 kHz; no samples when there is no note."""
    from partimento.render.sound import render_notes, sound_table

    notes = heard_notes(piece)
    if len(notes) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    held_sec = (notes.offset - notes.onset) / 1000
    table = sound_table(notes.onset / 1000, held_sec, notes.pitch, notes.velocity)
    return render_notes(table, SAMPLE_RATE)


def roll_notes(piece: Piece) -> np.ndarray:
    """(N, 5) for the piano roll: onset and end in seconds, pitch, velocity, given 0 or made 1."""
    notes, start = heard_notes(piece), heard_from_sec(piece)
    columns = (
        notes.onset / 1000 + start,
        notes.offset / 1000 + start,
        notes.pitch,
        notes.velocity,
        notes.made,
    )
    return np.stack([np.asarray(c, dtype=np.float64) for c in columns], axis=1)


def roll_svg(piece: Piece, title: str, given: str) -> str:
    """The piano roll of a piece."""
    from partimento.render.performance_roll import performance_roll_svg

    start = heard_from_sec(piece)
    inner = [sec for sec in piece.made_sec if start < sec < piece.notes.end / 1000]
    names = (given, "model")
    return performance_roll_svg(
        roll_notes(piece), names, title=title, start_sec=start, marks_sec=inner
    )


def _write_heard(
    folder: Path, stem: str, piece: Piece, sound: np.ndarray, given: str
) -> Sequence[Path]:
    from partimento.render.sound import write_wav

    roll = folder / f"{stem}.svg"
    write_atomic(roll, roll_svg(piece, stem, given))
    return [write_wav(folder / f"{stem}.wav", sound, SAMPLE_RATE), roll] if len(sound) else [roll]
