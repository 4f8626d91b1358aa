"""A written piece played: tempo, loudness, touch and pedal by the rules of the literature.

The KTH rules (Friberg, Bresin & Sundberg 2006: phrase arch, duration contrast, high loud, melodic
charge, metrical accent), the final ritard of Friberg & Sundberg (1999), melody lead (Goebl 2001).
Every rule has a quantity; quantities are drawn around those of the literature, so that several
players of one piece differ.  Nothing is learnt here.

Shape suffixes: N notes, B bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from partimento.music.attributes import measured_key
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.keys import Key
from partimento.music.performance import Performance

KEYBOARDS = ("piano", "harpsichord", "organ")
MELODIC_CHARGE = np.array([0, 6.5, 2, 4.5, 4, 2.5, 6, 1, 5.5, 3, 3.5, 5])
"""Melodic charge by semitones over the tonic's root (Friberg 1991, Table 1)."""
_RITARD_POWER = 3.0
"""Of the final ritard's curve: braking with constant power, like a runner who stops."""
_RITARD_BARS = 1.5
_SMALLEST_SEC = 0.04


@dataclass(frozen=True, slots=True)
class Player:
    """Quantities of the rules; 1 is what the literature recommends."""

    phrase_bars: int = 4
    arch: float = 1.0
    contrast: float = 1.0
    high_loud: float = 1.0
    charge: float = 1.0
    accent: float = 1.0
    lead: float = 1.0
    ritard: float = 1.0
    touch: float = 0.92
    """Share of a written duration that is held."""
    loudness: float = 66.0
    """MIDI velocity in the middle of everything."""
    pedal: bool = True
    unsteady: float = 1.0
    """Quantity of the small irregularities of a hand (a few milliseconds)."""


def draw_player(rng: np.random.Generator, energy: float = 0.5) -> Player:
    """A player near the literature: ``energy`` 0 is soft and bound, 1 loud and short."""
    around = {
        name: float(np.exp(rng.normal(0.0, 0.3)))
        for name in ("arch", "contrast", "high_loud", "charge", "accent", "lead", "ritard")
    }
    return Player(
        phrase_bars=int(rng.choice([2, 4, 4, 8])),
        touch=float(np.clip(1.0 - 0.2 * energy + rng.normal(0.0, 0.04), 0.6, 1.05)),
        loudness=float(np.clip(54 + 28 * energy + rng.normal(0.0, 4.0), 40, 96)),
        pedal=bool(rng.random() < 0.9 - 0.4 * energy),
        unsteady=float(rng.uniform(0.5, 1.2)),
        **around,
    )


@dataclass(frozen=True, slots=True)
class Played:
    """A piece with the time and force of every note, in the order of the piece's notes.

    ``onset_sec``, ``offset_sec`` float64 (N,); ``velocity`` int64 (N,); ``pedal_sec`` (P, 2).
    """

    piece: BarPiece
    onset_sec: np.ndarray
    offset_sec: np.ndarray
    velocity: np.ndarray
    pedal_sec: np.ndarray

    @property
    def seconds(self) -> float:
        """Time of the last note's end."""
        return float(self.offset_sec.max(initial=0.0))

    def seconds_at(self, quarters: Sequence[float] | np.ndarray) -> np.ndarray:
        """Seconds (K,) at which the performance reaches places of the score, in quarters (K,).

        Of several notes that are written together the middle one tells the time; between onsets
        time runs evenly.
        """
        piece = self.piece
        written, index = np.unique(piece.onset, return_inverse=True)
        heard = [np.median(self.onset_sec[index == n]) for n in range(len(written))]
        heard_sec = np.maximum.accumulate(np.array(heard))
        end = max(piece.bars * piece.bar_ticks, int(written[-1]) + 1)
        end_sec = max(self.seconds, float(heard_sec[-1]) + 0.01)
        places = np.asarray(quarters, dtype=np.float64) * TICKS
        return np.interp(places, np.append(written, end), np.append(heard_sec, end_sec))

    def performance(self) -> Performance:
        """All notes on one keyboard, as a critic of piano playing hears them; pedal folded in."""
        order = np.lexsort((self.piece.pitch, self.onset_sec))
        return Performance(
            self.onset_sec[order], self.offset_sec[order], self.piece.pitch[order],
            self.velocity[order], self.pedal_sec,
        )  # fmt: skip


def play(piece: BarPiece, player: Player, rng: np.random.Generator) -> Played:
    """The piece as this player plays it: every note once, pitches untouched.

    Raises ValueError for a piece without notes.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes cannot be played")
    clock = _Clock.of(piece, player)
    top = _melody(piece)
    charge = _charges(piece)
    onset = clock.seconds(piece.onset) - 0.02 * player.lead * top
    onset = onset + rng.normal(0.0, 0.006 * player.unsteady, len(piece))
    onset = np.maximum(onset, 0.0)
    written = clock.seconds(piece.onset + piece.duration) - clock.seconds(piece.onset)
    held = written * _contrasted(written, player) * player.touch
    velocity = _loudness(piece, player, clock, top, charge, rng)
    offset = onset + np.maximum(held, _SMALLEST_SEC)
    played = Played(piece, onset, offset, velocity, np.zeros((0, 2)))
    return _pedalled(played, clock) if player.pedal and _has_keyboard(piece) else played


@dataclass(frozen=True, slots=True)
class _Clock:
    """Seconds at every tick of a fine grid, and the place of each tick in its phrase."""

    at_tick: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, piece: BarPiece, player: Player) -> _Clock:
        """Phrase arch: slower and softer at both ends of a phrase; ritard at the very end."""
        ticks = piece.bars * piece.bar_ticks + 1
        phrase = player.phrase_bars * piece.bar_ticks
        place = (np.arange(ticks) % phrase) / phrase
        # The last phrase ends with the piece, however many bars are left for it.
        left = ticks % phrase
        if 0 < left < phrase and ticks > left:
            place[-left:] = np.linspace(0.0, 1.0, left, endpoint=False)
        slower = 1.0 + 0.08 * player.arch * (2.0 * place - 1.0) ** 2
        step = 60.0 / piece.tempo_bpm / TICKS * slower / _ritard(piece, player, ticks)
        seconds = np.concatenate([[0.0], np.cumsum(step[:-1])])
        return cls(seconds, place)

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        """Played time of ticks; what lies beyond the last bar follows at its tempo."""
        last = len(self.at_tick) - 1
        inside = np.clip(ticks, 0, last)
        pace = self.at_tick[last] - self.at_tick[last - 1] if last > 0 else 0.0
        return np.asarray(self.at_tick[inside] + (ticks - inside) * pace)


def _ritard(piece: BarPiece, player: Player, ticks: int) -> np.ndarray:
    """Relative speed: 1, and over the last bars down to 1 / (1 + 0.6 ritard)."""
    length = min(ticks, round(_RITARD_BARS * piece.bar_ticks))
    speed = np.ones(ticks)
    last = 1.0 / (1.0 + 0.6 * player.ritard)
    x = np.linspace(0.0, 1.0, length)
    speed[ticks - length :] = (1.0 + (last**_RITARD_POWER - 1.0) * x) ** (1.0 / _RITARD_POWER)
    return speed


def _melody(piece: BarPiece) -> np.ndarray:
    """(N,) 1 for the highest of several notes that begin together, else 0."""
    starts, index, size = np.unique(piece.onset, return_inverse=True, return_counts=True)
    highest = np.full(len(starts), -1)
    np.maximum.at(highest, index, piece.pitch)
    return ((piece.pitch == highest[index]) & (size[index] > 1)).astype(np.float64)


def _charges(piece: BarPiece) -> np.ndarray:
    """(N,) melodic charge: how remarkable a note is in the key, by the circle of fifths."""
    key = measured_key(piece)
    root = Key.parse(key).tonic_pitch_class if key else 0
    return np.asarray(MELODIC_CHARGE[(piece.pitch - root) % 12])


def _contrasted(written_sec: np.ndarray, player: Player) -> np.ndarray:
    """Duration contrast: short notes shorter, up to 12 % at a quarter of a second."""
    short = np.clip((0.6 - written_sec) / 0.6, 0.0, 1.0)
    return np.asarray(1.0 - 0.12 * player.contrast * short)


def _loudness(
    piece: BarPiece,
    player: Player,
    clock: _Clock,
    top: np.ndarray,
    charge: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """MIDI velocities; one decibel is about 2.5 steps."""
    place = clock.place[np.clip(piece.onset, 0, len(clock.place) - 1)]
    beat = piece.onset % piece.bar_ticks
    accent = np.where(beat == 0, 4.0, np.where(beat % TICKS == 0, 1.5, 0.0))
    written = 0.5 * (piece.velocity - piece.velocity.mean())
    loud = (
        player.loudness
        + written
        + 9.0 * player.arch * np.sin(np.pi * place)
        + 0.25 * player.high_loud * (piece.pitch - 60)
        + 0.9 * player.charge * (charge - charge.mean())
        + player.accent * accent
        + 5.0 * player.lead * top
        + rng.normal(0.0, 2.0 * player.unsteady, len(piece))
    )
    return np.clip(np.rint(loud), 12, 122).astype(np.int64)


def _has_keyboard(piece: BarPiece) -> bool:
    return bool(np.isin(piece.instrument, [INSTRUMENT_ID["piano"]]).any())


def _pedalled(played: Played, clock: _Clock) -> Played:
    """The piano's notes under a pedal that is changed at each new bass note, and at each bar."""
    piece = played.piece
    bars = np.arange(piece.bars) * piece.bar_ticks
    mine = piece.instrument == INSTRUMENT_ID["piano"]
    low = mine & (piece.pitch <= np.median(piece.pitch[mine]) - 5)
    changes = np.unique(np.concatenate([bars, piece.onset[low]]))
    times = clock.seconds(changes) + 0.06
    times = times[np.diff(times, prepend=-1.0) > 0.35]
    spans = np.stack([times, np.append(times[1:], played.seconds) - 0.05], axis=1)
    spans = spans[spans[:, 1] > spans[:, 0]]
    held = played.offset_sec.copy()
    for start, end in spans:
        inside = mine & (held > start) & (held < end)
        held[inside] = end
    return replace(played, offset_sec=held, pedal_sec=spans)
