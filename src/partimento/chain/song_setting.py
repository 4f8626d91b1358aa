"""A score made from a composed piece: engraved, played by rules of expression, heard, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from partimento.music.arrange import arrange
from partimento.music.barpiece import TICKS, BarPiece, bar_piece
from partimento.music.expression import Played, Player, play
from partimento.music.instruments import OF_PROGRAM
from partimento.music.midi_write import midi_bytes
from partimento.music.musicxml_write import musicxml_text
from partimento.music.score import Score
from partimento.render.piece_sound import played_parts
from partimento.render.sheet import Engraving
from partimento.render.sound import render_parts, sound_levels, wav_bytes
from partimento.tasks.text2midi.outcome import SAMPLE_RATE, engraved

TOGETHER = Player(touch=0.98, loudness=74.0, pedal=False, unsteady=0.6, lead=0.4)
"""Four who breathe together: bound, and the upper voice hardly ahead."""
_LOUD = 72
_BREATH_SEC = 0.25
"""Silence before the first note."""


@dataclass(frozen=True)
class Setting:
    """A score with everything that comes of it; ``name`` is that of its files.

    ``said``: sentences for the page.  ``sound`` float32 (samples, 2) at 44.1 kHz.
    """

    heading: str
    name: str
    score: Score = field(repr=False)
    engraving: Engraving = field(repr=False)
    played: Played = field(repr=False)
    sound: np.ndarray = field(repr=False)
    said: tuple[str, ...] = ()

    def files(self) -> Mapping[str, bytes | str]:
        """``NAME.musicxml .mid .svg .wav`` with their contents."""
        return {
            f"{self.name}.musicxml": musicxml_text(self.score),
            f"{self.name}.mid": midi_bytes(self.score),
            f"{self.name}.svg": self.engraving.svg,
            f"{self.name}.wav": wav_bytes(self.sound, SAMPLE_RATE),
        }

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        return {
            "title": self.score.title,
            "parts": [part.name for part in self.score.parts],
            "bars": len(self.score.measures),
            "notes": len(self.score.sounding()),
            "said": list(self.said),
            "sound": sound_levels(self.sound, SAMPLE_RATE),
        }


def setting(score: Score, heading: str, name: str, seed: int, said: Sequence[str] = ()) -> Setting:
    """Engrave, play and render a score.  Raises ValueError for one without notes."""
    played = play(_bars_of(score), TOGETHER, np.random.default_rng([seed, len(name)]))
    played = starting_soon(played)
    sound = render_parts(played_parts(played), SAMPLE_RATE)
    made = engraved(musicxml_text(score))
    return Setting(heading, name, score, made, played, sound, tuple(said))


def arranged(score: Score, ensemble: str, title: str, what: str, seed: int) -> Setting:
    """A score for an ensemble; ``what`` names it in a sentence, such as "the chorale".

    Raises what :func:`partimento.music.arrange.arrange` raises.
    """
    made = arrange(score, ensemble)
    names = [part.name for part in made.score.parts]
    players = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    pitch = "" if len(names) == 1 else ", who read it at sounding pitch"
    said = (f"{what.capitalize()} is played by {players}{pitch}.", *made.sentences)
    heading = f"Arranged for {ensemble}"
    return setting(
        replace(made.score, title=f"{title}, for {ensemble}"), heading, "arrangement", seed, said
    )


def starting_soon(played: Played) -> Played:
    """The same playing without the silence of written rests before the first note."""
    early = float(played.onset_sec.min()) - _BREATH_SEC
    if early <= 0:
        return played
    return replace(
        played,
        onset_sec=played.onset_sec - early,
        offset_sec=played.offset_sec - early,
        pedal_sec=np.maximum(played.pedal_sec - early, 0.0),
    )


def _bars_of(score: Score) -> BarPiece:
    """The sounding notes on the grid of bars, as rules of expression read them.

    For scores in one meter without a pickup, such as those that come of a composed piece.
    """
    programs = {part.id: part.program & 127 for part in score.parts}
    notes = score.sounding()
    meter = score.time_signatures[0]
    return bar_piece(
        np.array([round(n.onset_quarter * TICKS) for n in notes]),
        np.array([max(1, round(n.duration_quarter * TICKS)) for n in notes]),
        np.array([n.midi for n in notes]),
        np.array([_LOUD if n.velocity is None else n.velocity for n in notes]),
        np.array([OF_PROGRAM[programs[n.part]] for n in notes]),
        meter=f"{meter.beats}/{meter.beat_type}",
        bars=len(score.measures),
        tempo_bpm=score.tempi[0].quarter_per_minute,
    )
