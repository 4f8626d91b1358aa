"""Variations of a performance: some stretches are played anew, the rest stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.music.events import TICKS_PER_SECOND
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.gap import Candidate, fill_gap
from partimento.tasks.piano.infill import inside_gap
from partimento.tasks.piano.interface import PianoModel
from partimento.tasks.piano.likeness import piece_details
from partimento.tasks.piano.loading import DEFAULT_WEIGHTS, load_piano
from partimento.tasks.piano.outcome import Outcome, Piece
from partimento.tasks.piano.passage import (
    Struck,
    read_struck,
    refuse_endless,
    tick_after,
    together,
)
from partimento.tasks.piano.playing import (
    Timing,
    checked_count,
    resolve_precision,
    resolve_sampling,
)

CANDIDATES = 4
REGION_SEC = 2.0
"""Length of the stretches that stay or are played anew; longer ones are several in a row."""
LONGEST_REGION_SEC = 8.0
LONGEST_SEC = 900.0


def vary(
    source: str | Path,
    *,
    start: float | int = 0.0,
    end: float | int | None = None,
    strength: float | int = 0.5,
    n: int = 1,
    candidates: int = CANDIDATES,
    style: str = "balanced",
    temperature: float | int | None = None,
    top_k: int | None = None,
    top_p: float | int | None = None,
    seed: int = 0,
    weights: str = DEFAULT_WEIGHTS,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Outcome:
    """Play parts of the seconds ``start`` to ``end`` (default: the end) anew.

    ``strength`` is the share of the time that is played anew, in stretches of two seconds and
    more that begin with an onset; the rest stays to the millisecond.  Each stretch is filled as
    ``infill`` does it, with the best of ``candidates``.  Variation i draws with ``seed + i - 1``.

    Raises ConfigError for impossible options, InputFileError and MusicError for a file that cannot
    be used.
    """
    checked_count(n)
    checked_count(candidates, "--candidates")
    if not 0 < strength <= 1:
        raise ConfigError(
            f"a strength of {strength:g} is not possible",
            where="--strength",
            fix="Use a value above 0, up to 1 (everything is played anew)",
        )
    sampling = resolve_sampling(style, temperature, top_k, top_p)
    precision = resolve_precision(precision, device)
    notes, warnings = read_struck(source)
    refuse_endless(tick_after(notes), str(source), "Cut the silence out, or use a part of it")
    span = _span(notes, start, end, str(source))
    model = load_piano(weights, device)
    maker = _Maker(model, notes, sampling, candidates, precision)
    pieces, timing = [], Timing(0.0, 0, 0.0, 0, 0)
    for number in range(1, n + 1):
        regions = choose_regions(notes, span, float(strength), seed + number - 1)
        made, taken = maker.make(regions, seed + number - 1, progress)
        timing = timing.plus(taken)
        pieces.append(_piece(style, made, span, sampling, seed + number - 1, number))
    facts = {
        "source": str(source),
        "weights": str(weights),
        "precision": precision,
        "device": device,
        "strength": float(strength),
        "candidates": candidates,
    }
    name = Path(source).stem or "performance"
    return Outcome("vary", name, tuple(pieces), timing, facts, "given", warnings)


@dataclass(frozen=True, slots=True)
class _Varied:
    """A variation: all notes, what was drawn in each region, the regions in ticks."""

    notes: Struck
    drawn: list[Candidate]
    regions: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Maker:
    """Plays regions of a performance anew, one after the other."""

    model: PianoModel
    notes: Struck
    sampling: Sampling
    candidates: int
    precision: str

    def make(
        self, regions: list[tuple[int, int]], seed: int, progress: Progress | None
    ) -> tuple[_Varied, Timing]:
        """Later regions hear what was played in earlier ones."""
        notes, drawn = self.notes, []
        total = Timing(0.0, 0, 0.0, 0, 0)
        for index, (begin, stop) in enumerate(regions):
            given = notes.select(~inside_gap(notes, begin, stop))
            # Each region has its own draws, and they depend on nothing that happened before.
            own = int(np.random.default_rng([seed, index]).integers(2**31))
            found, timing = fill_gap(
                self.model, given, begin, stop, self.sampling, own, self.candidates, self.precision
            )
            notes = together(given, found[0].notes)
            drawn.append(found[0])
            total = total.plus(timing)
            if progress is not None:
                progress(index + 1, len(regions), "stretches")
        return _Varied(notes, drawn, regions), total


def choose_regions(
    notes: Struck, span_ticks: tuple[int, int], strength: float, seed: int
) -> list[tuple[int, int]]:
    """Stretches (from, to) in ticks, in order, that cover about ``strength`` of the span.

    Their borders are onsets, so that no chord is cut; neighbours are joined up to 8 s.
    """
    borders = _borders(notes.ticks().onset, span_ticks)
    lengths = np.diff(borders)
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(lengths), dtype=bool)
    for index in rng.permutation(len(lengths)).tolist():
        if lengths[chosen].sum() >= strength * lengths.sum() - 0.5 * lengths[index]:
            break
        chosen[index] = True
    if not chosen.any():
        chosen[int(rng.integers(len(lengths)))] = True
    regions: list[tuple[int, int]] = []
    longest = round(LONGEST_REGION_SEC * TICKS_PER_SECOND)
    for index in np.flatnonzero(chosen).tolist():
        begin, stop = int(borders[index]), int(borders[index + 1])
        if regions and regions[-1][1] == begin and stop - regions[-1][0] <= longest:
            regions[-1] = (regions[-1][0], stop)
        else:
            regions.append((begin, stop))
    return regions


def _borders(onset: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    """Ticks at least two seconds apart where stretches may begin: the span's ends and onsets."""
    step = round(REGION_SEC * TICKS_PER_SECOND)
    borders = [span[0]]
    for tick in onset[(onset > span[0]) & (onset < span[1])].tolist():
        if tick - borders[-1] >= step:
            borders.append(tick)
    if len(borders) > 1 and span[1] - borders[-1] < step:
        borders.pop()
    return np.array([*borders, span[1]], dtype=np.int64)


def _span(
    notes: Struck, start: float | int, end: float | int | None, where: str
) -> tuple[int, int]:
    last = notes.end / 1000
    stop = last if end is None else min(float(end), last)
    if not 0 <= start < stop:
        raise ConfigError(
            f"there is nothing to vary from {start:g} s to {stop:g} s",
            where="--from, --to",
            fix=f"{where} lasts {last:.2f} s",
        )
    if stop - start > LONGEST_SEC:
        raise ConfigError(
            f"{stop - start:.0f} s are too long for a variation",
            where="--from, --to",
            fix=f"Vary {LONGEST_SEC:.0f} s at a time",
        )
    first = max(round(start * TICKS_PER_SECOND), int(notes.ticks().onset[0]))
    return first, max(first + 1, round(stop * TICKS_PER_SECOND))


def _piece(
    label: str, varied: _Varied, span: tuple[int, int], sampling: Sampling, seed: int, number: int
) -> Piece:
    """The report's facts: how much was played anew, and how well it leads on."""
    tokens = np.concatenate([np.zeros(0, np.int16), *(c.played.tokens for c in varied.drawn)])
    regions = [[a / TICKS_PER_SECOND, b / TICKS_PER_SECOND] for a, b in varied.regions]
    anew = sum(b - a for a, b in varied.regions) / (span[1] - span[0])
    given = varied.notes.select(~varied.notes.made)
    details = piece_details(given.ticks(), varied.notes)
    details.pop("to_primer", None)
    more = {"strength": round(anew, 4), "regions_sec": regions, **details}
    seconds = (span[0] / TICKS_PER_SECOND, span[1] / TICKS_PER_SECOND)
    return Piece(label, varied.notes, tokens, seconds, False, sampling, seed, number, more)
