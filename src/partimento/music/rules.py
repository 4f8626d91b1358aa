"""Voice-leading rules while a frame is being decoded: what each candidate pitch would break.

The frame before and the voices already chosen are known; for one more voice, every pitch 0-127 is
judged at once.  The definitions are those of :mod:`theory`; their answers are kept as cached bit
sets (a Python int whose bit ``p`` stands for pitch ``p``): one call takes some ten microseconds.

A rule has a price in nats.  From ``FORBIDDEN_NATS`` on it forbids: no model likes a note that much.
Since the prices of all broken rules add up, a frame in which everything is forbidden (two given
voices may already break a rule) still has a least bad choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from partimento.music import theory
from partimento.music.grid import SILENCE, VOICE_RANGES, VOICES

RuleMode = Literal["strict", "free", "off"]
"""How strictly a decoder keeps the rules; see :meth:`Rules.preset`."""

PITCHES = 128
FORBIDDEN_NATS = 25.0
OCTAVE_SEMITONES = 12
_EVERY = (1 << PITCHES) - 1
_CONSONANT_TRIADS = ((0, 4, 7), (0, 3, 7))
_OUTER = (0, VOICES - 1)
# What a voice may do after the leading tone: stay, rise to the tonic, or fall by a step or a third
# (through the scale, or to the fifth of the tonic chord).
_AFTER_LEADING_TONE = (0, 1, -1, -2, -3, -4, 12, -12)


@dataclass(frozen=True)
class Rules:
    """Prices in nats; 0 switches a rule off, ``FORBIDDEN_NATS`` or more forbids."""

    parallel: float = 0.0
    """Parallel fifths, octaves and unisons with any chosen voice."""
    contrary: float = 0.0
    """Fifths and octaves by contrary motion with any chosen voice."""
    direct: float = 0.0
    """Direct fifths and octaves between the outer voices, soprano leaping."""
    crossing: float = 0.0
    """Above a higher voice, or below a lower one."""
    overlap: float = 0.0
    """Beyond the note that a neighbouring voice leaves."""
    spacing: float = 0.0
    """More than an octave between soprano and alto, or alto and tenor."""
    out_of_range: float = 0.0
    """Outside the range of the voice."""
    leading_tone: float = 0.0
    """Doubling the leading tone, or leaving it by leap (needs ``leading_tone`` in the call)."""
    cadence: float = 0.0
    """At a cadence anything but a major or minor triad in root position."""

    @classmethod
    def preset(cls, mode: str) -> Rules:
        """``strict`` forbids, ``free`` discourages, ``off`` allows everything.

        Strict prices are ordered: where all is forbidden, a range gives way last, then parallels,
        crossing, cadence, contrary motion, spacing, the leading tone, direct motion and overlap.
        Free prices are roughly what Bach pays: he overlaps in 4 of 100 changes, crosses in 2.5 of
        100 frames, hardly ever writes parallels.
        """
        if mode not in ("strict", "free", "off"):
            raise ValueError(f"mode {mode!r} is none of strict, free, off")
        return _PRESETS[mode]

    def costs(
        self,
        previous: Sequence[int],
        current: Sequence[int],
        voice: int,
        *,
        leading_tone: int | None = None,
        cadence: bool = False,
    ) -> NDArray[np.float64]:
        """Price in nats of every pitch for ``voice``, float array (128,).

        ``previous``: the four pitches (S, A, T, B) of the frame before, negative for silence; all
        negative at the start of a phrase, which frees the motion.  ``current``: this frame;
        negative for silence and for voices that are not chosen yet (-2), whose own entry at
        ``voice`` is ignored.  ``leading_tone``: its pitch class (0-11) in the local key, None to
        leave the rule out.  ``cadence``: whether this frame is held as a cadence.
        """
        total = np.zeros(PITCHES)
        for price, bits in self._broken(previous, current, voice, leading_tone, cadence):
            if bits:
                total += price * as_array(bits)
        return total

    def costs_ahead(
        self, current: Sequence[int], following: Sequence[int], voice: int
    ) -> NDArray[np.float64]:
        """Price in nats of every pitch for ``voice`` for what it does with the given next frame.

        ``following``: the next frame's four pitches, negative where they are silent or still to be
        drawn.  Parallels and contrary fifths and octaves into notes that are given can be avoided
        from here only.
        """
        total = np.zeros(PITCHES)
        for price, test in ((self.parallel, theory.parallel), (self.contrary, theory.contrary)):
            if price and following[voice] >= 0:
                bits = _into_given(test, current, following, voice)
                total += price * as_array(bits)
        return total

    def forbidden(
        self,
        previous: Sequence[int],
        current: Sequence[int],
        voice: int,
        *,
        leading_tone: int | None = None,
        cadence: bool = False,
    ) -> NDArray[np.bool_]:
        """Which pitches a forbidding rule excludes, bool array (128,); see :meth:`costs`."""
        bits = 0
        for price, broken in self._broken(previous, current, voice, leading_tone, cadence):
            if price >= FORBIDDEN_NATS:
                bits |= broken
        return as_array(bits).copy()

    def _broken(
        self,
        previous: Sequence[int],
        current: Sequence[int],
        voice: int,
        leading_tone: int | None,
        cadence: bool,
    ) -> Iterator[tuple[float, int]]:
        """Price and bit set of every rule that is switched on."""
        if self.out_of_range:
            yield self.out_of_range, _OUTSIDE[voice]
        if self.parallel:
            yield self.parallel, _with_movers(theory.parallel, previous, current, voice)
        if self.contrary:
            yield self.contrary, _with_movers(theory.contrary, previous, current, voice)
        if self.direct and voice in _OUTER:
            yield self.direct, _direct(previous, current, voice)
        if self.crossing:
            yield self.crossing, _crossing(current, voice)
        if self.overlap:
            yield self.overlap, _overlap(previous, current, voice)
        if self.spacing:
            yield self.spacing, _spacing(current, voice)
        if self.leading_tone and leading_tone is not None:
            yield self.leading_tone, _leading_tone(previous, current, voice, leading_tone)
        if self.cadence and cadence:
            yield self.cadence, _cadence(current, voice)


_PRESETS = {
    "strict": Rules(
        parallel=80.0,
        contrary=45.0,
        direct=30.0,
        crossing=60.0,
        overlap=28.0,
        spacing=40.0,
        out_of_range=100.0,
        leading_tone=35.0,
        cadence=50.0,
    ),
    "free": Rules(
        parallel=6.0,
        contrary=4.0,
        direct=1.0,
        crossing=1.5,
        overlap=0.5,
        spacing=1.5,
        out_of_range=30.0,
        leading_tone=1.0,
        cadence=3.0,
    ),
    "off": Rules(),
}
RULE_NAMES: tuple[str, ...] = tuple(f.name for f in fields(Rules))


@lru_cache(maxsize=8192)
def as_array(bits: int) -> NDArray[np.bool_]:
    """A bit set as a read-only bool array (128,)."""
    raw = np.frombuffer(bits.to_bytes(PITCHES // 8, "little"), dtype=np.uint8)
    array = np.unpackbits(raw, bitorder="little").astype(bool)
    array.flags.writeable = False
    return array


def as_bits(array: NDArray[np.bool_]) -> int:
    """The bit set of a bool array (128,)."""
    return int.from_bytes(np.packbits(array, bitorder="little").tobytes(), "little")


def _below(pitch: int) -> int:
    """All pitches lower than ``pitch``."""
    return (1 << pitch) - 1 if pitch > 0 else 0


def _above(pitch: int) -> int:
    """All pitches higher than ``pitch``."""
    return _EVERY & ~((1 << pitch + 1) - 1)


_OUTSIDE = tuple(_below(low) | _above(high) for low, high in VOICE_RANGES)
_CLASS = tuple(sum(1 << p for p in range(PITCHES) if p % 12 == c) for c in range(12))
_Motion = Callable[..., NDArray[np.bool_]]


@lru_cache(maxsize=100_000)
def _motion(test: _Motion, mine: int, other: int, next_other: int) -> int:
    """Candidates that make ``test`` (parallel or contrary) true for fifths or octaves."""
    pitches = np.arange(PITCHES)
    fifths = test(mine, other, pitches, next_other, theory.FIFTH)
    return as_bits(fifths | test(mine, other, pitches, next_other, theory.OCTAVE))


def _with_movers(test: _Motion, previous: Sequence[int], current: Sequence[int], voice: int) -> int:
    """Candidates that make ``test`` true with any chosen voice."""
    mine, bits = previous[voice], 0
    if mine < 0:
        return 0
    for other in range(VOICES):
        if other != voice and previous[other] >= 0 and current[other] >= 0:
            bits |= _motion(test, mine, previous[other], current[other])
    return bits


@lru_cache(maxsize=100_000)
def _motion_from(test: _Motion, other: int, next_mine: int, next_other: int) -> int:
    """Candidates that make ``test`` true when both voices go on to notes that are given."""
    pitches = np.arange(PITCHES)
    fifths = test(pitches, other, next_mine, next_other, theory.FIFTH)
    return as_bits(fifths | test(pitches, other, next_mine, next_other, theory.OCTAVE))


def _into_given(test: _Motion, current: Sequence[int], following: Sequence[int], voice: int) -> int:
    """Candidates that make ``test`` true with any voice that is chosen now and given next."""
    bits = 0
    for other in range(VOICES):
        if other != voice and current[other] >= 0 and following[other] >= 0:
            bits |= _motion_from(test, current[other], following[voice], following[other])
    return bits


@lru_cache(maxsize=100_000)
def _direct_bits(soprano: int, bass: int, chosen: int, voice: int) -> int:
    """Candidates for the soprano (voice 0, ``chosen`` is the bass) or bass that are direct."""
    pitches = np.arange(PITCHES)
    upper, lower = (pitches, chosen) if voice == 0 else (chosen, pitches)
    fifths = theory.direct(soprano, bass, upper, lower, theory.FIFTH)
    return as_bits(fifths | theory.direct(soprano, bass, upper, lower, theory.OCTAVE))


def _direct(previous: Sequence[int], current: Sequence[int], voice: int) -> int:
    soprano, bass = previous[_OUTER[0]], previous[_OUTER[1]]
    chosen = current[_OUTER[1] if voice == _OUTER[0] else _OUTER[0]]
    if min(soprano, bass, chosen) < 0:
        return 0
    return _direct_bits(soprano, bass, chosen, voice)


def _crossing(current: Sequence[int], voice: int) -> int:
    """Above any higher voice or below any lower one that is chosen."""
    bits = 0
    for other in range(VOICES):
        if other != voice and current[other] >= 0:
            bits |= _above(current[other]) if other < voice else _below(current[other])
    return bits


def _overlap(previous: Sequence[int], current: Sequence[int], voice: int) -> int:
    """Beyond what a neighbour leaves; a neighbour still to be chosen is taken to keep its order."""
    bits = 0
    for upper, lower in ((voice - 1, voice), (voice, voice + 1)):
        if upper < 0 or lower >= VOICES or min(previous[upper], previous[lower]) < 0:
            continue
        other = current[upper if lower == voice else lower]
        if other >= 0:
            bits |= _overlap_bits(previous[upper], previous[lower], other, voice == upper)
        elif other != SILENCE:
            bits |= _below(previous[lower]) if voice == upper else _above(previous[upper])
    return bits


@lru_cache(maxsize=100_000)
def _overlap_bits(upper: int, lower: int, chosen: int, for_upper: bool) -> int:
    pitches = np.arange(PITCHES)
    pair = (pitches, chosen) if for_upper else (chosen, pitches)
    return as_bits(theory.overlap(upper, lower, *pair))


def _spacing(current: Sequence[int], voice: int) -> int:
    """More than an octave from the neighbour, bass excepted."""
    bits = 0
    if 1 <= voice <= 2 and current[voice - 1] >= 0:
        bits |= _below(current[voice - 1] - OCTAVE_SEMITONES)
    if voice <= 1 and current[voice + 1] >= 0:
        bits |= _above(current[voice + 1] + OCTAVE_SEMITONES)
    return bits


def _leading_tone(
    previous: Sequence[int], current: Sequence[int], voice: int, leading_tone: int
) -> int:
    bits = 0
    if any(p >= 0 and p % 12 == leading_tone for v, p in enumerate(current) if v != voice):
        bits |= _CLASS[leading_tone]
    mine = previous[voice]
    if mine >= 0 and mine % 12 == leading_tone:
        allowed = sum(1 << mine + s for s in _AFTER_LEADING_TONE if 0 <= mine + s < PITCHES)
        bits |= _EVERY & ~allowed
    return bits


def _cadence(current: Sequence[int], voice: int) -> int:
    """Candidates that make a root-position triad impossible (or do not complete one)."""
    chosen = [v for v in range(VOICES) if v != voice and current[v] >= 0]
    bass = VOICES - 1
    # The bass can only bring the root: the third must come from the voices above it.
    open_voices = [v for v in range(bass) if v != voice and current[v] < SILENCE]
    complete = not open_voices
    bass_class = current[bass] % 12 if bass in chosen else -1
    classes = frozenset(current[v] % 12 for v in chosen)
    return _cadence_bits(classes, bass_class, voice == bass, complete)


@lru_cache(maxsize=20_000)
def _cadence_bits(classes: frozenset[int], bass: int, for_bass: bool, complete: bool) -> int:
    bits = _EVERY
    for candidate in range(12):
        root = candidate if for_bass else bass
        if _fits_triad(classes | {candidate}, root, complete):
            bits &= ~_CLASS[candidate]
    return bits


def _fits_triad(classes: frozenset[int], root: int, complete: bool) -> bool:
    """Part of a major or minor triad on ``root`` (-1: any); complete ones need their third."""
    for fundamental in range(12) if root < 0 else (root,):
        for shape in _CONSONANT_TRIADS:
            triad = {(fundamental + member) % 12 for member in shape}
            if classes <= triad and (not complete or (fundamental + shape[1]) % 12 in classes):
                return True
    return False
