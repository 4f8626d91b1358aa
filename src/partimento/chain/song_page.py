"""The page of a song: cover, score that follows the performance, chorale, critique, choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partimento.chain.song_setting import Setting
from partimento.chain.voice_leading_page import voice_leading_section
from partimento.music.barpiece_write import instruments_of
from partimento.music.expression import Played
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
from partimento.render.sheet import Engraving, TimeEvent
from partimento.render.sound import lead_in_sec
from partimento.tasks.critique.judge_page import radar_figure
from partimento.tasks.text2midi.outcome_page import (
    cell,
    match_section,
    understood_section,
)

if TYPE_CHECKING:
    from partimento.chain.song import Song, Take

HEADING = "Score and performance"


def write_song_page(path: Path, song: Song, names: Sequence[str]) -> Path:
    """Write the self-contained page beside the files that it links to; returns its path."""
    links = LinkSection("Files", [(name, name) for name in names])
    sections = [*song_sections(song), links]
    write_page(path, song.composed.title, sections, lead=song_lead(song))
    return path


def song_sections(song: Song) -> list[Section]:
    """Everything on the page but the links to files, in reading order."""
    sections: list[Section] = []
    if song.picture.svg is not None:
        note = song.picture.note
        caption = f"{note[0].upper()}{note[1:]}."
        sections.append(FigureSection("Cover", [Figure(song.picture.svg, caption, fits=True)]))
    sections += [_score(song), _roll(song), *_critique(song)]
    if song.chorale is not None:
        sections.append(_setting(song.chorale.setting))
        sections.append(voice_leading_section("Voice leading of the chorale", song.chorale.found))
    if song.arrangement is not None:
        sections.append(_setting(song.arrangement))
    sections += [_takes(song), _understood(song)]
    if song.best.piece.chosen.rows:
        sections.append(replace(match_section(song.best.piece), heading="Match with the words"))
    if song.composed.could_not:
        sections.append(TextSection("What could not be done", song.composed.could_not))
    return sections


_PLAYED = {
    "learnt": "Played with an expression learnt from pianists.",
    "rules": "Played by rules of expression.",
}


def song_lead(song: Song) -> str:
    """How many were tried and why this one was kept, in one sentence."""
    pieces = len({take.piece.number for take in song.takes})
    players = len(song.takes) // pieces
    composed = "One piece was" if pieces == 1 else f"{pieces} pieces were"
    by = "one player" if players == 1 else f"{players} players"
    start = (
        f"{composed} composed from the words{' and' if pieces == 1 else ', each'} played by {by}"
    )
    return f"{start}." if len(song.takes) == 1 else f"{start}. Kept by {song.chosen_by}."


def played_events(song: Song) -> list[TimeEvent]:
    """The score's events at the seconds at which they were played."""
    return events_as_played(song.engraving, song.best.played)


def events_as_played(engraving: Engraving, played: Played) -> list[TimeEvent]:
    """Events of an engraved score at the seconds at which a player played its notes."""
    seconds = played.seconds_at([float(event.quarter) for event in engraving.events]).tolist()
    return [
        TimeEvent(event.quarter, sec + lead_in_sec(), event.on, event.off)
        for event, sec in zip(engraving.events, seconds, strict=True)
    ]


def _score(song: Song) -> ScoreSection:
    best, piece = song.best, song.best.piece.piece
    met = (
        f"{best.piece.chosen.score:.0%} of what was asked for is met. "
        if best.piece.chosen.rows
        else ""
    )
    bars = "one bar" if piece.bars == 1 else f"{piece.bars} bars"
    text = (
        f"{bars.capitalize()} of {piece.meter}, {best.played.seconds:.0f} seconds. {met}"
        + _PLAYED[song.expression]
    )
    wav = page_wav(song.sound)
    return ScoreSection(HEADING, song.engraving.svg, played_events(song), wav, text)


def _setting(made: Setting) -> ScoreSection:
    events = events_as_played(made.engraving, made.played)
    text = " ".join(made.said)
    return ScoreSection(made.heading, made.engraving.svg, events, page_wav(made.sound), text)


def _understood(song: Song) -> TableSection:
    """What was understood of the sentence: of the piece, and of what to do with it."""
    section = understood_section(song.composed)
    asked = [
        [
            one.what,
            one.value,
            f"{one.words} (said)" if one.words else "",
            "" if one.words else "set",
            "",
        ]
        for one in song.wishes.asked
    ]
    return replace(section, rows=[*section.rows, *asked])


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
    return [
        TextSection("Critique", [judged.summary(), *critic_caveats(song.best)]),
        FigureSection("Nineteen dimensions", [radar_figure([judged], "This performance")]),
    ]


def critic_caveats(take: Take) -> list[str]:
    """What to know before believing the critic on this performance; nothing where it is silent."""
    if take.judged is None:
        return []
    said = take.judged.caveats()
    if len(np.unique(take.piece.piece.instrument)) > 1:
        said.append("The critic has learnt from the piano alone and heard all parts as one.")
    return said


def _takes(song: Song) -> TableSection:
    rows = [[cell(value) for value in take.row().values()] for take in song.takes]
    columns = list(song.takes[0].row())
    text = (
        f"Kept: {song.best.name}, by {song.chosen_by}. The match is the share of what was asked "
        "for that is met; convincing is the critic's score of the interpretation, from 0 to 1."
    )
    return TableSection("All that was tried", columns, rows, text=text)
