"""What composing gives back: pieces, a report, and files to hear, see and open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import InputFileError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.music.attributes import Attributes, measure
from partimento.music.barpiece import BarPiece
from partimento.music.barpiece_write import midi_bytes_of, score_of
from partimento.music.keys import Key
from partimento.music.score import Score
from partimento.tasks.text2midi.best_of import Chosen
from partimento.tasks.text2midi.measuring import findings_of
from partimento.tasks.text2midi.parsing import Understood

if TYPE_CHECKING:
    from partimento.render.sheet import Engraving
    from partimento.tasks.text2midi.retrieval import Neighbour

SAMPLE_RATE = 44_100
HEARD_SEC = 300.0
"""Sound files end after so long; MIDI and MusicXML hold everything."""
LONGEST_TITLE = 70


@dataclass(frozen=True)
class Composed:
    """One result: the best of its draws.

    ``asked`` is what it was drawn for (a tempo of a range is a number here); ``given_bars`` first
    bars are those of a file that was continued.
    """

    number: int
    chosen: Chosen
    asked: Attributes
    given_bars: int = 0

    @property
    def piece(self) -> BarPiece:
        """The music."""
        return self.chosen.piece

    @property
    def stem(self) -> str:
        """Name of its files."""
        return f"{self.number:02d}"

    @cached_property
    def measured(self) -> Attributes | None:
        """Attributes of the music; None without notes."""
        return measure(self.piece) if len(self.piece) else None

    @property
    def key(self) -> str | None:
        """The key to write it in: the one asked for where its signature fits, else the found."""
        found = None if self.measured is None else self.measured.key
        wanted = self.asked.key
        if found is None or wanted is None:
            return found or wanted
        one, other = Key.parse(wanted), Key.parse(found)
        return wanted if (one.fifths - other.fifths) % 12 == 0 else found

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        piece, chosen = self.piece, self.chosen
        measured = self.measured
        numbers = {} if measured is None else measured.numbers
        return {
            "number": self.number,
            "bars": piece.bars,
            "given_bars": self.given_bars,
            "notes": len(piece),
            "seconds": round(piece.seconds, 2),
            "match": round(chosen.score, 4),
            "rows": [row.to_dict() for row in chosen.rows],
            "best_of": len(chosen.scores),
            "match_of_all_draws": [round(score, 4) for score in chosen.scores],
            "measured": None if measured is None else measured.to_dict(),
            "numbers": {name: round(value, 3) for name, value in numbers.items()},
        }


@dataclass(frozen=True)
class Outcome:
    """All that one request gave.

    ``asked`` is what the text said, corrected by ``settings`` and filled in; ``could_not`` are
    sentences on what cannot be done; ``closest`` the nearest pieces of the training data.
    ``name`` is what the pieces are called where they have a name of their own.
    """

    understood: Understood
    asked: Attributes
    settings: Mapping[str, str]
    forced: tuple[str, ...]
    could_not: tuple[str, ...]
    pieces: tuple[Composed, ...]
    facts: dict[str, Any]
    closest: tuple[Neighbour, ...] = ()
    seconds: float = 0.0
    files: tuple[Path, ...] = ()
    levels: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    name: str = ""

    @property
    def title(self) -> str:
        """The name, or the text, short enough for a title."""
        if self.name:
            return self.name
        text = " ".join(self.understood.text.split()) or "Free choice"
        if len(text) <= LONGEST_TITLE:
            return text
        return text[:LONGEST_TITLE].rsplit(" ", 1)[0] + " ..."

    def report(self) -> dict[str, Any]:
        """What was understood, forced, made and matched, ready for JSON."""
        return {
            **self._lasting(),
            "files": [str(file) for file in self.files],
            "computing_seconds": round(self.seconds, 3),
        }

    def _lasting(self) -> dict[str, Any]:
        """The part of the report that is the same whenever and wherever it is made."""
        pieces = [piece.report() for piece in self.pieces]
        for row, levels in zip(pieces, self.levels, strict=False):
            row["sound"] = levels
        return {
            "text": self.understood.text,
            "understood": {
                **self.understood.attributes.to_dict(),
                **findings_of(self.understood),
            },
            "set": dict(self.settings),
            "asked": self.asked.to_dict(),
            "forced": list(self.forced),
            "could_not": list(self.could_not),
            **self.facts,
            "match": round(float(np.mean([p.chosen.score for p in self.pieces])), 4),
            "pieces": pieces,
            "closest": [plain(one.to_dict()) for one in self.closest],
        }

    def save(self, folder: str | Path) -> list[Path]:
        """Write MIDI, MusicXML, WAV, SVG of every piece, a page and a report; returns the files."""
        return list(self.saved(folder).files)

    def saved(self, folder: str | Path) -> Outcome:
        """Write everything (see :meth:`save`); the outcome that knows its files."""
        from partimento.render.sound import sound_levels
        from partimento.tasks.text2midi.outcome_page import Shown, write_outcome_page

        folder = made_folder(folder)
        shown = [Shown.of(piece, self.title) for piece in self.pieces]
        files = [file for one in shown for file in one.write(folder)]
        levels = tuple(sound_levels(one.sound, SAMPLE_RATE) for one in shown)
        outcome = replace(self, levels=levels)
        names = [file.name for file in files]
        files += [folder / "report.json", folder / "index.html"]
        text = {**outcome._lasting(), "files": [*names, "report.json", "index.html"]}
        write_atomic(files[-2], json.dumps(plain(text), indent=2, allow_nan=False) + "\n")
        write_outcome_page(files[-1], outcome, shown, names)
        return replace(outcome, files=tuple(files))


def made_folder(folder: str | Path) -> Path:
    """The folder, made where it is missing.  Raises InputFileError where a file has its name."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputFileError("this is a file, not a folder", where=str(path)) from None
    return path


def written_score(piece: Composed, title: str) -> Score:
    """The score of a piece."""
    return score_of(piece.piece, piece.key, title)


def written_midi(piece: Composed, title: str) -> bytes:
    """The MIDI file of a piece."""
    return midi_bytes_of(piece.piece, title, piece.key)


def engraved(xml_text: str) -> Engraving:
    """The engraved score of our own MusicXML."""
    from partimento.render.sheet import engrave

    # Not guarded: the text comes from our own writer, not from a file.
    return engrave(xml_text, guarded=False)


def rendered(piece: BarPiece) -> np.ndarray:
    """Stereo sound (samples, 2) at 44.1 kHz, each instrument with its timbre; none without notes.

    The first five minutes.
    """
    from partimento.render.piece_sound import piece_parts
    from partimento.render.sound import render_parts

    parts = piece_parts(piece, HEARD_SEC)
    return render_parts(parts, SAMPLE_RATE) if parts else np.zeros((0, 2), dtype=np.float32)
