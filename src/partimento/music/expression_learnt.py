"""A written piece played as the learnt expression has it: the counterpart of the rules' ``play``.

The network tells how pianists would shape tempo, loudness, touch and pedal at each note; a style
says how loud, how bound and in which manner this one player does.  The rules are in
:mod:`partimento.music.expression`, whose :class:`~partimento.music.expression.Played` comes out.

Shape suffixes: N notes, B beats, M distinct onsets, S styles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.expression import Played
from partimento.music.expression_features import beat_ticks
from partimento.music.expression_model import ExpressionModel, Manners, load_expression
from partimento.music.expression_targets import TIMING_SEC
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.performance import fold_sustain

_FASTEST, _SLOWEST = -0.5, 0.9
"""Limits of the log of a beat's length over the mean: 0.6 to 2.5 times."""
_LATEST_SEC = 0.09
_ORDERED = 0.4
"""Share of the gap to a neighbour that a note may move, so that onsets keep their order."""
_SHORTEST, _LONGEST = -2.5, 0.7
"""Limits of the log of held over written time."""
_LEAST_SEC, _LIFT_SEC = 0.04, 0.01
_PRESS_SEC = 0.06
"""The pedal goes down again so long after the onset that it was lifted at."""
_BRIEF_SEC = 0.3
"""A shorter pedal is not changed but held on."""
_SOFTEST, _LOUDEST = 12, 122
_DRY_TOUCH, _BOUND_TOUCH = -0.4, -0.2
"""Least touch of the piano where no pedal holds it, as measured on sections played without one
(log of held over written time, -0.41); and of other instruments, as the rules' 0.8 to 0.9."""
_MOST = 2.0


@dataclass(frozen=True, slots=True)
class Style:
    """One player: ``manner`` (S numbers) among the pianists learnt from; () is their mean."""

    manner: tuple[float, ...] = ()
    loudness: float = 66.0
    """Mean MIDI velocity."""
    spread: float = 15.0
    """MIDI velocities in one standard deviation."""
    touch: float = -0.5
    """Mean log of held over written time; a pedal fills what is left."""
    amount: float = 1.0
    """Of all expression: 0 plays as written."""
    timing: float = 1.0
    """Of the shifts of single notes within their beat."""
    unsteady: float = 0.0
    """Share of what the prediction leaves open that is filled by chance."""
    pedal: bool = True


def draw_style(
    rng: np.random.Generator, energy: float | int = 0.5, model: ExpressionModel | None = None
) -> Style:
    """A player among those learnt from: ``energy`` 0 is soft and bound, 1 loud and short."""
    manners = (model or load_expression()).manners
    spread, touch = rng.normal(manners.level_mean, 0.7 * manners.level_sd)
    return Style(
        manner=tuple(np.clip(rng.normal(size=len(manners.moves)), -_MOST, _MOST).tolist()),
        loudness=float(np.clip(54 + 28 * energy + rng.normal(0.0, 4.0), 40, 96)),
        spread=float(np.clip(spread, 8.0, 22.0)),
        touch=float(np.clip(touch - 0.3 * (energy - 0.5), -1.2, 0.05)),
        amount=float(np.exp(rng.normal(0.0, 0.15))),
        unsteady=float(rng.uniform(0.1, 0.3)),
        pedal=bool(rng.random() < 0.95 - 0.3 * energy),
    )


def play_learnt(
    piece: BarPiece,
    style: Style,
    rng: np.random.Generator,
    model: ExpressionModel | None = None,
) -> Played:
    """The piece as this player plays it: every note once, pitches untouched.

    Only the piano has a pedal.  Other instruments take tempo and loudness from what pianists would
    do, for nothing else was learnt.  Raises ValueError for a piece without notes, or a manner that
    has another length than the model's.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes cannot be played")
    model = model or load_expression()
    if len(style.manner) not in (0, model.styles):
        raise ValueError(f"a manner of {len(style.manner)} numbers, the model has {model.styles}")
    manner = np.array(style.manner) if style.manner else None
    shape = model.predict(piece, manner)
    noise = _wandering(model.manners, len(piece), style.unsteady, rng)
    clock = _Clock.of(piece, style, shape[:, 0], noise[:, 0])
    onset = _onsets(piece, clock, (shape[:, 3] + noise[:, 3]) * style.amount * style.timing)
    velocity = _velocities(piece, style, shape[:, 1] + noise[:, 1])
    mine = piece.instrument == INSTRUMENT_ID["piano"]
    pressed = shape[:, 4:] - model.manners.pedal_logit
    touch = np.where(mine, max(style.touch, _DRY_TOUCH), max(style.touch, _BOUND_TOUCH))
    touch = np.where(mine & style.pedal & (pressed[:, 0] > 0.0), style.touch, touch)
    written = clock.seconds(piece.onset + piece.duration) - clock.seconds(piece.onset)
    bound = shape[:, 2] - shape[:, 2].mean() + noise[:, 2]
    held = written * np.exp(np.clip(touch + style.amount * bound, _SHORTEST, _LONGEST))
    offset = _released(piece, onset, onset + np.maximum(held, _LEAST_SEC))
    if not (style.pedal and mine.any()):
        return Played(piece, onset, offset, velocity, np.zeros((0, 2)))
    spans = _pedal(piece.select(mine), pressed[mine], clock, float(offset[mine].max()))
    folded = np.where(mine, fold_sustain(offset, spans), offset)
    return Played(piece, onset, _released(piece, onset, folded), velocity, spans)


@dataclass(frozen=True, slots=True)
class _Clock:
    """Beats (B,) in ticks and in seconds; even between them."""

    tick: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, piece: BarPiece, style: Style, slow: np.ndarray, noise: np.ndarray) -> _Clock:
        """Every beat as slow as its notes say; empty beats lie between their neighbours.

        The written tempo stays the geometric mean of the beats' tempi.
        """
        step = beat_ticks(piece.meter)
        count = -(-piece.bars * piece.bar_ticks // step)
        beat = piece.onset // step
        notes = np.bincount(beat, minlength=count)
        told = np.flatnonzero(notes)
        mean = np.bincount(beat, weights=slow, minlength=count)[told] / notes[told]
        # One value of chance a beat: that of its first note.
        mean = mean + noise[np.searchsorted(beat, told)]
        all_beats = np.interp(np.arange(count), told, mean)
        relative = style.amount * (all_beats - all_beats.mean())
        pace = 60.0 / piece.tempo_bpm / TICKS * np.exp(np.clip(relative, _FASTEST, _SLOWEST))
        return cls(np.arange(count + 1) * step, np.concatenate([[0.0], np.cumsum(step * pace)]))

    def seconds(self, tick: np.ndarray) -> np.ndarray:
        """Played time of ticks from 0 to the end of the last bar."""
        return np.asarray(np.interp(tick, self.tick, self.second))


def _wandering(manners: Manners, notes: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """(N, 4) first-order processes with the spread and memory of what the prediction left."""
    memory = manners.noise_memory
    steps = rng.normal(size=(notes, len(memory))) * np.sqrt(1.0 - memory**2)
    steps[0] /= np.sqrt(1.0 - memory**2)
    for n in range(1, notes):
        steps[n] += memory * steps[n - 1]
    return np.asarray(share * manners.noise_sd * steps)


def _onsets(piece: BarPiece, clock: _Clock, late: np.ndarray) -> np.ndarray:
    """(N,) seconds from 0 on; notes of different written times keep their order.

    ``late`` (N,) in the unit of the targets.
    """
    tick, of = np.unique(piece.onset, return_inverse=True)
    when = clock.seconds(tick)
    gap = np.diff(when, prepend=-np.inf, append=np.inf)
    limit = np.minimum(_LATEST_SEC, _ORDERED * np.minimum(gap[:-1], gap[1:]))[of]
    return np.asarray(np.maximum(when[of] + np.clip(TIMING_SEC * late, -limit, limit), 0.0))


def _velocities(piece: BarPiece, style: Style, shape: np.ndarray) -> np.ndarray:
    """MIDI velocities; written ones count by half, as in the rules."""
    written = 0.5 * (piece.velocity - piece.velocity.mean())
    loud = style.loudness + written + style.amount * style.spread * (shape - shape.mean())
    return np.clip(np.rint(loud), _SOFTEST, _LOUDEST).astype(np.int64)


def _released(piece: BarPiece, onset: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(N,) ends, none after the same key of the same instrument is struck again."""
    order = np.lexsort((onset, piece.pitch, piece.instrument))
    same = (np.diff(piece.pitch[order]) == 0) & (np.diff(piece.instrument[order]) == 0)
    again = np.full(len(onset), np.inf)
    again[order[:-1][same]] = onset[order[1:][same]]
    # Half of the way where a key is repeated faster than it can be lifted.
    latest = np.maximum(again - _LIFT_SEC, 0.5 * (onset + again))
    return np.asarray(np.minimum(offset, latest))


def _pedal(piano: BarPiece, logit: np.ndarray, clock: _Clock, end: float) -> np.ndarray:
    """Spans (P, 2) from what is predicted at the onsets of the piano's notes.

    ``logit`` (N, 2): the pedal is down after this onset; it was up just before.  Beside that the
    pedal is changed on beats with another bass and stays up in bars of a single line, which is no
    prediction but a safeguard: a change that was missed blurs all that follows.
    """
    times, of = np.unique(piano.onset, return_inverse=True)
    votes = np.bincount(of)
    down, change = (np.bincount(of, weights=logit[:, k]) / votes > 0.0 for k in (0, 1))
    change |= _other_bass(piano, times, of)
    down &= _in_parts(piano, times)
    spans: list[tuple[float, float]] = []
    since: float | None = None
    when = clock.seconds(times).tolist()
    for now, held, lifted in zip(when, down.tolist(), change.tolist(), strict=True):
        if since is not None and (not held or (lifted and now - since > _BRIEF_SEC)):
            if now > since:
                spans.append((since, now))
            since = None
        if held and since is None:
            since = now + _PRESS_SEC
    if since is not None and end > since:
        spans.append((since, end))
    return np.array(spans, dtype=np.float64).reshape(-1, 2)


def _in_parts(piano: BarPiece, times: np.ndarray) -> np.ndarray:
    """(M,) whether several notes sound together in the bar of an onset."""
    following = np.append(piano.onset[1:], np.iinfo(np.int64).max)
    bars = piano.onset[piano.onset + piano.duration > following] // piano.bar_ticks
    return np.isin(times // piano.bar_ticks, bars)


def _other_bass(piano: BarPiece, times: np.ndarray, of: np.ndarray) -> np.ndarray:
    """(M,) where a low note is struck on a beat that is not the low note of before."""
    lowest = np.full(len(times), 128)
    np.minimum.at(lowest, of, piano.pitch)
    bass = (lowest <= np.median(piano.pitch) - 5) & (times % beat_ticks(piano.meter) == 0)
    mark = np.zeros(len(times), dtype=bool)
    places = np.flatnonzero(bass)
    mark[places] = np.diff(lowest[places], prepend=-1) != 0
    return mark
