"""The page of a request: what was understood, and each piece to see, to hear and to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.files import write_atomic
from partimento.music.barpiece import TICKS
from partimento.music.barpiece_write import instruments_of
from partimento.music.instruments import INSTRUMENTS
from partimento.music.musicxml_write import musicxml_text
from partimento.render.page import (
    Cell,
    Figure,
    FigureSection,
    LinkSection,
    ScoreSection,
    Section,
    TableSection,
    TextSection,
    page_wav,
    write_page,
)
from partimento.render.roll import RollNote, piano_roll_svg
from partimento.render.sheet import Engraving, TimeEvent
from partimento.render.sound import lead_in_sec, write_wav
from partimento.tasks.text2midi.outcome import (
    SAMPLE_RATE,
    Composed,
    engraved,
    rendered,
    written_midi,
    written_score,
)

if TYPE_CHECKING:
    from partimento.tasks.text2midi.outcome import Outcome

MOST_ON_PAGE = 12
"""Pieces that the page shows and plays; the files of the others are linked."""
_NOT_JUDGED = "nothing was asked for that can be judged"


@dataclass(frozen=True)
class Shown:
    """A piece in all its forms."""

    piece: Composed
    midi: bytes
    xml: str
    engraving: Engraving
    sound: np.ndarray
    roll: str

    @classmethod
    def of(cls, piece: Composed, title: str) -> Shown:
        """Write, engrave, render and draw."""
        xml = musicxml_text(written_score(piece, title))
        sound = rendered(piece.piece)
        midi = written_midi(piece, title)
        return cls(piece, midi, xml, engraved(xml), sound, roll_svg(piece, title))

    def write(self, folder: Path) -> list[Path]:
        """``01.mid .musicxml .svg -roll.svg .wav``; returns the files."""
        stem = folder / self.piece.stem
        files: dict[Path, bytes | str] = {
            stem.with_suffix(".mid"): self.midi,
            stem.with_suffix(".musicxml"): self.xml,
            stem.with_suffix(".svg"): self.engraving.svg,
            folder / f"{self.piece.stem}-roll.svg": self.roll,
        }
        for path, data in files.items():
            write_atomic(path, data)
        written = list(files)
        if len(self.sound):
            written.append(write_wav(stem.with_suffix(".wav"), self.sound, SAMPLE_RATE))
        return written


def roll_svg(composed: Composed, title: str) -> str:
    """The piano roll, one colour for each instrument; bars that were given are solid."""
    piece = composed.piece
    order = instruments_of(piece)
    border = composed.given_bars * piece.bar_ticks
    columns = (piece.onset, piece.duration, piece.pitch, piece.instrument)
    notes = [
        RollNote(on / TICKS, held / TICKS, pitch, order.index(voice), not border or on < border)
        for on, held, pitch, voice in zip(*(c.tolist() for c in columns), strict=True)
    ]
    lines = [bar * piece.bar_ticks / TICKS for bar in range(piece.bars + 1)]
    names = [INSTRUMENTS[i].name.capitalize() for i in order]
    return piano_roll_svg(notes, title=title, bar_lines=lines, voice_names=names)


def write_outcome_page(
    path: Path, outcome: Outcome, shown: Sequence[Shown], names: Sequence[str]
) -> None:
    """Write the page beside the files that it links to."""
    sections: list[Section] = [understood_section(outcome)]
    if outcome.could_not:
        sections.append(TextSection("What could not be done", outcome.could_not))
    for one in shown[:MOST_ON_PAGE]:
        sections += _piece(one)
    if outcome.closest:
        sections.append(_closest(outcome))
    sections.append(LinkSection("Files", [(name, name) for name in (*names, "report.json")]))
    write_page(path, outcome.title, sections, lead=_lead(outcome))


def _lead(outcome: Outcome) -> str:
    count = len(outcome.pieces)
    facts = outcome.facts
    pieces = "one piece" if count == 1 else f"{count} pieces"
    best = f", each the best of {facts['best_of']}" if facts["best_of"] > 1 else ""
    model = f" with {Path(facts['weights']).name}" if facts.get("weights") else ""
    return f"{facts['how'].capitalize()}: {pieces}{best}{model}, seed {facts['seed']}."


def understood_section(outcome: Outcome) -> TableSection:
    """Every attribute: what the text said, what was set, what was asked for in the end."""
    said: dict[str, str] = {}
    for f in outcome.understood.found:
        before = f"{said[f.attribute]}, " if f.attribute in said else ""
        said[f.attribute] = f"{before}{f.words} ({f.how})"
    rows: list[list[Cell]] = []
    for name, value in flat(outcome.asked.to_dict()).items():
        settings = [
            outcome.settings[s] for s in _SET_BY.get(name, (name,)) if s in outcome.settings
        ]
        force = _FORCED_BY.get(name, name) in outcome.forced
        words = said.get(_FOUND_BY.get(name, name), "")
        if value is None and not words:
            continue
        shown = "free" if value is None else value
        rows.append([name, shown, words, ", ".join(settings), "forced" if force else ""])
    unused = outcome.understood.unused
    text = f"Words that were not used: {', '.join(unused)}." if unused else ""
    if not rows:
        rows = [["nothing", "free choice", "", "", ""]]
    columns = ("attribute", "asked for", "in the text", "set", "forced")
    return TableSection("What was understood", columns, rows, text=text)


_SET_BY = {
    "tempo_bpm": ("tempo",),
    "tempo_word": ("tempo",),
    "mode": ("mode", "key"),
    "excluded_instruments": ("exclude",),
}
_FORCED_BY = {"tempo_bpm": "tempo", "tempo_word": "tempo"}
_FOUND_BY = {"excluded_instruments": "excluded"}


def flat(attributes: dict[str, Any]) -> dict[str, Cell]:
    """Attributes as table cells: the mood unfolded, lists joined."""
    found: dict[str, Cell] = {}
    for name, value in attributes.items():
        inner = value if isinstance(value, dict) else {name: value}
        for key, one in inner.items():
            found[key] = cell(one)
    return found


def cell(value: Any) -> Cell:
    """A value as one table cell."""
    if isinstance(value, list | tuple):
        if len(value) == 2 and all(isinstance(v, int | float) for v in value):
            return f"{value[0]:g} to {value[1]:g}"
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, str | bool | int):
        return value
    return round(float(value), 2)


def _piece(shown: Shown) -> list[Section]:
    composed = shown.piece
    piece = composed.piece
    heading = f"Piece {composed.number}"
    chosen = composed.chosen
    drawn = f", the best of {len(chosen.scores)} draws" if len(chosen.scores) > 1 else ""
    judged = any(row.ok is not None for row in chosen.rows)
    met = f"{chosen.score:.0%} of what was asked for is met" if judged else _NOT_JUDGED
    text = (
        f"{piece.bars} bar{'' if piece.bars == 1 else 's'} of {piece.meter}, "
        f"{piece.tempo_bpm:g} quarters a minute, {piece.seconds:.0f} s; {met}{drawn}."
    )
    sections: list[Section] = []
    if len(shown.sound):
        sections.append(_score(heading, shown, text))
        figure = Figure(shown.roll, "piano roll", follows=heading)
        sections.append(FigureSection(f"Piano roll {composed.number}", [figure]))
    else:
        sections.append(TextSection(heading, [text, "There is no note to hear."]))
    if chosen.rows:
        sections.append(match_section(composed))
    return sections


def _score(heading: str, shown: Shown, text: str) -> ScoreSection:
    """Score and sound together: the tempo never changes, so quarters tell the seconds."""
    quarter_sec = 60.0 / shown.piece.piece.tempo_bpm
    events = [
        TimeEvent(e.quarter, float(e.quarter) * quarter_sec + lead_in_sec(), e.on, e.off)
        for e in shown.engraving.events
    ]
    return ScoreSection(heading, shown.engraving.svg, events, page_wav(shown.sound), text)


def match_section(composed: Composed) -> TableSection:
    """What was asked for beside what was measured."""
    signs = {True: "met", False: "not met", None: "cannot be told"}
    rows = [
        [row.attribute, cell(row.asked), cell(row.measured), signs[row.ok],
         "forced" if row.forced else ""]
        for row in composed.chosen.rows
    ]  # fmt: skip
    columns = ("attribute", "asked for", "measured", "result", "forced")
    return TableSection(f"Match {composed.number}", columns, rows)


def _closest(outcome: Outcome) -> TableSection:
    names = ("title", "composer", "source", "licence", "similarity", "why")
    facts = [one.to_dict() for one in outcome.closest]
    rows = [[cell(one[name]) for name in names] for one in facts]
    text = "By their descriptions; the music above was composed anew."
    return TableSection("Closest pieces in the training data", names, rows, text=text)
