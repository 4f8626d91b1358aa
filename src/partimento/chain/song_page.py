"""The page of a song: cover, score that follows the performance, critique, choice, match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partimento.music.barpiece import TICKS
from partimento.music.barpiece_write import instruments_of
from partimento.music.instruments import INSTRUMENTS
from partimento.render.page import (
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
from partimento.render.performance_roll import performance_roll_svg
from partimento.render.sheet import TimeEvent
from partimento.render.sound import lead_in_sec
from partimento.tasks.critique.judge_page import radar_figure
from partimento.tasks.text2midi.outcome_page import (
    cell,
    match_section,
    understood_section,
)

if TYPE_CHECKING:
    from partimento.chain.song import Song

HEADING = "Score and performance"


def write_song_page(path: Path, song: Song, names: Sequence[str]) -> Path:
    """Write the self-contained page beside the files that it links to; returns its path."""
    sections: list[Section] = []
    if song.picture.svg is not None:
        sections.append(FigureSection("Cover", [Figure(song.picture.svg, song.picture.note)]))
    sections += [_score(song), _roll(song), *_critique(song), _takes(song)]
    sections.append(understood_section(song.composed))
    if song.best.piece.chosen.rows:
        sections.append(match_section(song.best.piece))
    if song.composed.could_not:
        sections.append(TextSection("What could not be done", song.composed.could_not))
    sections.append(LinkSection("Files", [(name, name) for name in names]))
    write_page(path, song.composed.title, sections, lead=_lead(song))
    return path


def _lead(song: Song) -> str:
    pieces = len({take.piece.number for take in song.takes})
    return (
        f"{pieces} pieces were composed from the words and each was played by "
        f"{len(song.takes) // pieces} players; this one was kept by {song.chosen_by}."
    )


def played_events(song: Song) -> list[TimeEvent]:
    """The score's events at the seconds at which they were played."""
    piece, played = song.best.piece.piece, song.best.played
    written, index = np.unique(piece.onset, return_inverse=True)
    # Of several notes that were written together the middle one tells the time.
    heard = np.array([np.median(played.onset_sec[index == n]) for n in range(len(written))])
    end = piece.bars * piece.bar_ticks
    ticks = np.append(written, max(end, int(written[-1]) + 1))
    seconds = np.append(heard, max(played.seconds, float(heard[-1]) + 0.01))
    return [
        TimeEvent(
            event.quarter,
            float(np.interp(float(event.quarter) * TICKS, ticks, seconds)) + lead_in_sec(),
            event.on,
            event.off,
        )
        for event in song.engraving.events
    ]


def _score(song: Song) -> ScoreSection:
    best, piece = song.best, song.best.piece.piece
    text = (
        f"{piece.bars} bars of {piece.meter}, {best.played.seconds:.0f} s; "
        f"{best.piece.chosen.score:.0%} of what was asked for is met. "
        "Played by rules of expression."
    )
    wav = page_wav(song.sound)
    return ScoreSection(HEADING, song.engraving.svg, played_events(song), wav, text)


def _roll(song: Song) -> FigureSection:
    played = song.best.played
    order = instruments_of(played.piece)
    part = [order.index(voice) for voice in played.piece.instrument.tolist()]
    columns = (
        played.onset_sec, played.offset_sec, played.piece.pitch, played.velocity, np.array(part)
    )  # fmt: skip
    names = [INSTRUMENTS[voice].name.capitalize() for voice in order]
    svg = performance_roll_svg(
        np.stack(columns, axis=1).astype(np.float64), names, title="Performance"
    )
    return FigureSection("What was played", [Figure(svg, "Deeper colour is louder.")])


def _critique(song: Song) -> list[Section]:
    judged = song.best.judged
    if judged is None:
        return [TextSection("Critique", ["The critic could not judge this performance."])]
    said = [judged.summary(), *judged.caveats()]
    if len(set(song.best.piece.piece.instrument.tolist())) > 1:
        said.append("The critic has learnt from the piano alone and heard all parts as one.")
    return [
        TextSection("Critique", said),
        FigureSection("Nineteen dimensions", [radar_figure([judged], "This performance")]),
    ]


def _takes(song: Song) -> TableSection:
    rows = [[cell(value) for value in take.row().values()] for take in song.takes]
    columns = list(song.takes[0].row())
    text = f"Kept: {song.best.name}, by {song.chosen_by}."
    return TableSection("All that was tried", columns, rows, text=text)
