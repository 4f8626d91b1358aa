"""Which clips may not be parted between training and test: those that share their notes.

Some passages of PercePiano contain others (8 bars inside 16, the return of a theme), and some
files are the same byte for byte.  A model that learnt from one has seen the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.limits import MIDI_BYTES, read_limited
from partimento.music.events import quantise_performance
from partimento.music.leaks import GRAM, containment_matrix
from partimento.music.performance import read_performance
from partimento.music.pitch_runs import collapsed_pitches, pack_grams

if TYPE_CHECKING:
    from partimento.music.percepiano import Clip

SCORE_THRESHOLD = 0.25
"""Containment of 6-grams of two scores from which on they share a group.

Measured on the 72 scores: 66 of 2,556 pairs have 1.0 (the one inside the other), 17 more 0.38 to
0.73 (the return of a theme with other accompaniment), the others at most 0.35.
"""
PLAYED_THRESHOLD = 0.35
"""The same where one of the two is known by its performances only, which break chords and err.

Measured on the 747 human performances without scores: the largest containment between two
performances then gives the same 26 groups as the scores; between groups it is at most 0.30.
"""
_WITNESSES = 30
"""So many performances of one passage are compared at most."""


@dataclass(frozen=True, slots=True)
class _Line:
    """Pitches (L,) of a passage in the order of the music; ``written`` where no player erred."""

    passage: int
    pitches: np.ndarray
    written: bool


def passage_groups(clips: Sequence[Clip]) -> np.ndarray:
    """Number of the group (N,) int64 of each clip, in order of first appearance.

    Clips of one passage, of passages that contain one another for a good part (see the thresholds)
    and byte-identical files share a group; so do clips linked through others.  Passages are
    compared by the score MIDI, else the MusicXML, else the deadpan performance; where some have
    none of these, by all performances too.  A file that cannot be read is linked by its name and
    bytes only.
    """
    names = sorted({clip.passage for clip in clips})
    place = {name: i for i, name in enumerate(names)}
    members: list[list[Clip]] = [[] for _ in names]
    for clip in clips:
        members[place[clip.passage]].append(clip)
    near = np.eye(len(names), dtype=bool)
    for one, other in _shared_notes(_lines(members)):
        near[one, other] = True
    for name, copy in _same_bytes(clips):
        near[place[name], place[copy]] = True
    component = _components(near | near.T)
    return _renumbered(component[[place[clip.passage] for clip in clips]])


def _shared_notes(lines: Sequence[_Line]) -> list[tuple[int, int]]:
    """Pairs of passages that share more of their notes than the threshold."""
    shares = containment_matrix([np.unique(pack_grams(line.pitches, GRAM)) for line in lines])
    written = np.array([line.written for line in lines], dtype=bool)
    both = written[:, None] & written[None, :]
    pairs = np.nonzero(shares >= np.where(both, SCORE_THRESHOLD, PLAYED_THRESHOLD))
    return [(lines[i].passage, lines[j].passage) for i, j in zip(*pairs, strict=True)]


def _lines(members: Sequence[Sequence[Clip]]) -> list[_Line]:
    """What is known of the notes of the passages, whose clips ``members`` holds.

    One line as written where there is one; where any passage has none, all their performances too.
    """
    written = [_written(i, clips) for i, clips in enumerate(members)]
    lines = [line for line in written if line is not None]
    if len(lines) < len(members):
        lines += [line for i, clips in enumerate(members) for line in _played(i, clips)]
    return lines


def _written(passage: int, clips: Sequence[Clip]) -> _Line | None:
    """The notes from the score MIDI, else the MusicXML, else a deadpan performance."""
    first = clips[0]
    if first.score_midi is not None:
        with suppress(PartimentoError):
            return _Line(passage, _midi_line(first.score_midi), True)
    if first.score is not None:
        with suppress(PartimentoError):
            return _Line(passage, _xml_line(first.score), True)
    for clip in clips:
        if clip.deadpan:
            with suppress(PartimentoError):
                return _Line(passage, _midi_line(clip.performance), True)
    return None


def _played(passage: int, clips: Sequence[Clip]) -> list[_Line]:
    human = [clip for clip in clips if not clip.deadpan]
    lines = []
    for clip in human[:_WITNESSES]:
        with suppress(PartimentoError):
            lines.append(_Line(passage, _midi_line(clip.performance), False))
    return lines


def _midi_line(path: Path) -> np.ndarray:
    return collapsed_pitches(quantise_performance(read_performance(path)))


def _xml_line(path: Path) -> np.ndarray:
    """Pitches of a score file, chord after chord, from low to high within a chord."""
    from partimento.music.files import read_score
    from partimento.music.score import note_table

    table = note_table(read_score(path))
    order = np.lexsort((table["midi"], table["onset_quarter"]))
    pitches: np.ndarray = np.asarray(table["midi"])[order].astype(np.int64)
    return pitches


def _same_bytes(clips: Sequence[Clip]) -> list[tuple[str, str]]:
    """Pairs of passages, by name, that have a performance file in common, byte for byte."""
    first: dict[str, str] = {}
    pairs = []
    for clip in clips:
        try:
            data = read_limited(clip.performance, MIDI_BYTES)
        except PartimentoError:
            continue
        other = first.setdefault(hashlib.sha256(data).hexdigest(), clip.passage)
        if other != clip.passage:
            pairs.append((other, clip.passage))
    return pairs


def _components(near: np.ndarray) -> np.ndarray:
    """Number (P,) of the connected part of each node of a symmetric graph (P, P)."""
    number = np.full(len(near), -1, dtype=np.int64)
    for start in range(len(near)):
        if number[start] >= 0:
            continue
        new, ends = int(number.max(initial=-1)) + 1, [start]
        number[start] = new
        while ends:
            more = np.flatnonzero(near[ends.pop()] & (number < 0))
            number[more] = new
            ends.extend(int(index) for index in more)
    return number


def _renumbered(groups: np.ndarray) -> np.ndarray:
    """The groups numbered in order of first appearance."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    result: np.ndarray = rank[inverse]
    return result
