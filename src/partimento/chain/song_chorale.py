"""The melody of a composed piece as a chorale in four parts, checked for voice leading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from partimento.chain.song_setting import Setting, setting
from partimento.core.errors import MusicError
from partimento.music.attributes import measured_key
from partimento.music.barpiece import BarPiece
from partimento.music.barpiece_write import score_of
from partimento.music.keys import Key
from partimento.music.score import Score
from partimento.music.skyline import broadened, closing, melody, without_lead
from partimento.tasks.chorale.harmonize import Alternative, harmonize
from partimento.tasks.text2midi.outcome import Composed

MOST_BARS, USUAL_BARS = 18, 16
"""A longer melody is cut at a cadence in time, or after the usual length."""
TEMPO = (60.0, 96.0)
"""Slowest and fastest quarters a minute at which it is sung."""
DRAFTS, TEMPERATURE = 4, 0.3
"""Drafts, drawn closer to what the network holds most likely than a single one would be."""
_SEVERITY = {"error": 3.0, "warning": 1.0, "info": 0.25}
_EIGHTH = Fraction(1, 2)


@dataclass(frozen=True)
class UpperLine:
    """A melody to be sung; ``whole`` and ``doubled`` as in :class:`Chorale`."""

    score: Score
    whole: bool
    doubled: bool


@dataclass(frozen=True)
class Chorale:
    """The chorale with what the checker says of it.

    ``whole`` tells whether the melody was taken to its end, ``doubled`` whether its note values
    were doubled, ``costs`` what :func:`cost` gave each draft.
    """

    setting: Setting
    found: Alternative
    key: str
    whole: bool
    doubled: bool
    costs: tuple[float, ...] = ()

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        return {
            **self.setting.report(),
            "key": self.key,
            "whole_melody": self.whole,
            "doubled": self.doubled,
            "costs_of_drafts": list(self.costs),
            **self.found.report,
        }


def chorale(piece: Composed, seed: int) -> Chorale:
    """The melody of a piece harmonised in four parts with the shipped weights.

    The melody is :func:`partimento.music.skyline.melody`, in doubled note values where it moves
    faster than quarters, and cut where it is longer than :data:`MOST_BARS` bars.  It is kept note
    for note.  Of :data:`DRAFTS` drafts the one with the least :func:`cost` is kept.
    """
    line = upper_line(piece.piece, piece.key)
    made = harmonize(
        line.score,
        voices="S",
        key=piece.key or "auto",
        n=DRAFTS,
        seed=seed,
        temperature=TEMPERATURE,
    )
    costs = [cost(one) for one in made.alternatives]
    found = made.alternatives[int(np.argmin(costs))]
    score = replace(found.score, title=f"Chorale in {made.key.name}")
    said = (_said(line.whole, line.doubled, made.key.name),)
    done = setting(score, "Chorale", "chorale", seed, said)
    return Chorale(done, found, made.key.name, line.whole, line.doubled, tuple(costs))


def upper_line(piece: BarPiece, key: str | None = None) -> UpperLine:
    """The melody of a piece as a score that a soprano can sing, in ``key`` or the one measured.

    Raises MusicError for a piece without notes.
    """
    if len(piece) == 0:
        raise MusicError("this piece has no notes", fix="Choose another one")
    line = melody(piece)
    values = broadened(line)
    broad = without_lead(values)
    tonic = Key.parse(key or measured_key(line)).tonic_pitch_class
    sung = _calm(closing(broad, tonic, MOST_BARS, USUAL_BARS))
    score = score_of(sung, key)
    score = replace(score, notes=tuple(replace(note, velocity=None) for note in score.notes))
    return UpperLine(score, sung.bars == broad.bars, values is not line)


def cost(draft: Alternative) -> float:
    """How much a draft leaves to be wished: the less, the better.

    Findings of the checker by their severity, notes shorter than an eighth (in a chorale mostly
    slips) by halves, chords on the beat that are none per five in the hundred, the network's
    surprise per 0.05 nats a note.
    """
    report = draft.report
    findings = sum(_SEVERITY[row["severity"]] for row in report["findings"])
    written, soprano = draft.score.notes, draft.score.parts[0].id
    short = sum(n.duration_quarter < _EIGHTH and n.part != soprano for n in written)
    strange = report["measures"]["on_beat_other"] / 5
    return round(float(findings + short / 2 + strange + report["nats_per_note"] / 0.05), 3)


def _calm(line: BarPiece) -> BarPiece:
    return replace(line, tempo_bpm=float(np.clip(line.tempo_bpm, *TEMPO)))


def _said(whole: bool, doubled: bool, key: str) -> str:
    part = "The melody" if whole else "The beginning of the melody"
    values = ", in doubled note values," if doubled else ""
    return (
        f"{part}{values} was harmonised for choir in {key}, note for note; this is the best of "
        f"{DRAFTS} drafts."
    )
