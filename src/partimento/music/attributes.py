"""Attributes of music that words can name: measured on a piece, asked for in a text.

Shape suffixes: N notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.keys import ALL_KEYS

LEVELS: dict[str, tuple[str, ...]] = {
    "density": ("sparse", "medium", "dense"),
    "register": ("low", "middle", "high"),
    "polyphony": ("monophonic", "thin", "full"),
    "dynamics": ("soft", "medium", "loud"),
    "articulation": ("staccato", "normal", "legato"),
    "arousal": ("low", "medium", "high"),
}
"""Words of the levels, from little to much."""
LEVEL_EDGES: dict[str, tuple[float, float]] = {
    "density": (2.6, 5.2),
    "register": (60.0, 68.0),
    "polyphony": (1.05, 2.4),
    "dynamics": (66.0, 92.0),
    "articulation": (0.72, 0.97),
    "arousal": (2.6, 5.2),
}
"""Between the levels.  Density: notes a second; register: mean pitch; polyphony: notes sounding
at once where any sounds; dynamics: mean velocity; articulation: median share of the time to the
next onset of the same instrument that a note sounds; arousal: from density (see docs/log.md)."""
TEMPO_WORDS: tuple[str, ...] = ("very slow", "slow", "moderate", "fast", "very fast")
TEMPO_EDGES: tuple[float, ...] = (60.0, 84.0, 120.0, 168.0)
"""Beats a minute between the words: adagio, andante, allegro, presto by their metronome marks."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of a piece or asked of one; None where nothing is.

    ``tempo_bpm`` counts quarters a minute, a number or a range; ``key`` is ``D minor``; ``density``
    ``register`` ``polyphony`` ``dynamics`` ``articulation`` ``arousal`` are words of
    :data:`LEVELS`; ``valence`` is low or high.  ``numbers`` holds, by the same names, measured or
    asked values in the units of :data:`LEVEL_EDGES`, which are finer than the words.
    ``instruments`` and ``excluded`` are names of :mod:`partimento.music.instruments` (or
    ``drums``).
    """

    tempo_bpm: float | tuple[float, float] | None = None
    tempo_word: str | None = None
    key: str | None = None
    mode: str | None = None
    meter: str | None = None
    style: str | None = None
    valence: str | None = None
    arousal: str | None = None
    density: str | None = None
    register: str | None = None
    polyphony: str | None = None
    dynamics: str | None = None
    articulation: str | None = None
    instruments: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    bars: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``partimento parse`` and ``partimento attributes``: null if unknown."""
        tempo = self.tempo_bpm
        return {
            "tempo_bpm": list(tempo) if isinstance(tempo, tuple) else tempo,
            "tempo_word": self.tempo_word,
            "key": self.key,
            "mode": self.mode,
            "meter": self.meter,
            "style": self.style,
            "mood": {"valence": self.valence, "arousal": self.arousal},
            "density": self.density,
            "register": self.register,
            "polyphony": self.polyphony,
            "dynamics": self.dynamics,
            "articulation": self.articulation,
            "instruments": list(self.instruments) or None,
            "excluded_instruments": list(self.excluded) or None,
            "bars": self.bars,
        }

    def without(self, *names: str) -> Attributes:
        """The same with some attributes forgotten, their numbers too."""
        empty: dict[str, Any] = {
            name: () if name in ("instruments", "excluded") else None for name in names
        }
        numbers = {k: v for k, v in self.numbers.items() if k not in names}
        return replace(self, numbers=numbers, **empty)


def level(name: str, value: float) -> str:
    """The word for a measured value of one of :data:`LEVELS`."""
    return LEVELS[name][int(np.searchsorted(LEVEL_EDGES[name], value, side="right"))]


def tempo_word(bpm: float) -> str:
    """The word for a tempo in beats a minute."""
    return TEMPO_WORDS[int(np.searchsorted(TEMPO_EDGES, bpm, side="right"))]


def measure(piece: BarPiece) -> Attributes:
    """Everything that can be read off the notes; ``style`` and ``valence`` stay open.

    The tempo is known only where the file states one.  Raises ValueError for a piece without
    notes.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes has no attributes")
    numbers = measured_numbers(piece)
    key = measured_key(piece)
    tempo = round(piece.tempo_bpm, 2) if piece.tempo_stated else None
    words: dict[str, Any] = {name: level(name, numbers[name]) for name in LEVELS}
    return Attributes(
        tempo_bpm=tempo,
        tempo_word=None if tempo is None else tempo_word(tempo),
        key=key,
        mode=key.split()[1],
        meter=piece.meter,
        instruments=measured_instruments(piece),
        bars=piece.bars,
        numbers=numbers,
        **words,
    )


def measured_numbers(piece: BarPiece) -> dict[str, float]:
    """Density, register, polyphony, dynamics, articulation and arousal as numbers."""
    density = len(piece) / piece.seconds
    return {
        "density": density,
        "register": float(piece.pitch.mean()),
        "polyphony": mean_polyphony(piece),
        "dynamics": float(piece.velocity.mean()),
        "articulation": held_share(piece),
        "arousal": density,
    }


def mean_polyphony(piece: BarPiece) -> float:
    """Notes that sound at once, averaged over the ticks in which any sounds."""
    change = np.zeros(piece.bars * piece.bar_ticks + 1, dtype=np.int64)
    np.add.at(change, piece.onset, 1)
    np.add.at(change, piece.onset + piece.duration, -1)
    sounding = change.cumsum()
    return float(sounding.sum() / max(1, (sounding > 0).sum()))


def held_share(piece: BarPiece) -> float:
    """Median share of the time until the same instrument's next onset that a note is held."""
    shares = []
    for voice in np.unique(piece.instrument):
        mine = piece.instrument == voice
        onsets, held = piece.onset[mine], piece.duration[mine]
        times = np.unique(onsets)
        if len(times) < 2:
            continue
        place = np.searchsorted(times, onsets)
        inner = place < len(times) - 1
        gap = times[place[inner] + 1] - onsets[inner]
        # A rest of half a bar or more is a rest, not a short touch.
        near = gap <= piece.bar_ticks // 2
        shares.append(np.minimum(1.0, held[inner][near] / gap[near]))
    found = np.concatenate(shares) if shares else np.ones(1)
    return float(np.median(found)) if len(found) else 1.0


def measured_instruments(piece: BarPiece, least: float = 0.02) -> tuple[str, ...]:
    """Names of the instruments with at least ``least`` of the notes, the busiest first."""
    count = np.bincount(piece.instrument, minlength=len(INSTRUMENT_NAMES))
    order = np.argsort(-count, kind="stable")
    return tuple(INSTRUMENT_NAMES[i] for i in order if count[i] and count[i] >= least * len(piece))


# Albrecht and Shanahan, "The use of large corpora to train a new type of key-finding algorithm",
# Music Perception 31(1), 2013: profiles of pitch classes above the tonic.
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)


def key_profiles() -> np.ndarray:
    """(24, 12) profiles in the order of :data:`partimento.music.keys.ALL_KEYS`."""
    profiles = {"major": _MAJOR, "minor": _MINOR}
    rows = [np.roll(profiles[key.mode], key.tonic_pitch_class) for key in ALL_KEYS]
    return np.array(rows)


def pitch_class_weights(piece: BarPiece) -> np.ndarray:
    """(12,) summed durations of the pitch classes in quarters."""
    found: np.ndarray = np.bincount(
        piece.pitch % 12, weights=np.minimum(piece.duration, 2 * TICKS) / TICKS, minlength=12
    )
    return found


_LAST_BASS = 0.01
"""Bonus of the keys whose tonic ends the piece: chosen on half of the tunes, see docs/log.md."""


def measured_key(piece: BarPiece) -> str:
    """The likeliest of 24 keys, as ``D minor``: Euclidean distance to the profiles.

    Keys whose tonic is the lowest note of the last onset are a little likelier.
    """
    weights = pitch_class_weights(piece)
    share = weights / max(1e-9, weights.sum())
    distance = ((key_profiles() - share) ** 2).sum(1)
    last = int(piece.pitch[piece.onset == piece.onset.max()].min()) % 12
    tonics = np.array([key.tonic_pitch_class for key in ALL_KEYS])
    return str(ALL_KEYS[int((distance - _LAST_BASS * (tonics == last)).argmin())])
