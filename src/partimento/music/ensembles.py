"""Ensembles of four: who plays soprano, alto, tenor and bass, in which clef and range."""

from __future__ import annotations

from dataclasses import dataclass

from partimento.core.errors import ConfigError
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS


@dataclass(frozen=True, slots=True)
class Seat:
    """One player: ``name`` stands before the staff, ``program`` is General MIDI (from 0).

    ``low`` and ``high`` are the lowest and highest MIDI pitch, both included.
    """

    name: str
    clef: str
    program: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Four seats from the highest voice to the lowest.

    ``one_player``: all four voices on the two staves of one instrument.
    """

    name: str
    seats: tuple[Seat, ...]
    one_player: bool = False


def _seat(name: str, instrument: str, clef: str, **other: int) -> Seat:
    """A seat in the comfortable range of an instrument, unless ``other`` says otherwise."""
    kind = INSTRUMENTS[INSTRUMENT_ID[instrument]]
    found = {"program": kind.program, "low": kind.low, "high": kind.high, **other}
    return Seat(name, clef, **found)


def _keyboard(name: str, instrument: str) -> Ensemble:
    return Ensemble(name, (_seat(instrument.capitalize(), instrument, "G2"),) * 4, one_player=True)


ENSEMBLES: dict[str, Ensemble] = {
    ensemble.name: ensemble
    for ensemble in (
        Ensemble(
            "string quartet",
            (
                _seat("Violin I", "violin", "G2"),
                _seat("Violin II", "violin", "G2"),
                _seat("Viola", "viola", "C3"),
                _seat("Cello", "cello", "F4"),
            ),
        ),
        Ensemble(
            "brass quartet",
            (
                _seat("Trumpet I", "trumpet", "G2"),
                _seat("Trumpet II", "trumpet", "G2"),
                _seat("Horn", "horn", "F4"),
                _seat("Trombone", "trombone", "F4"),
            ),
        ),
        Ensemble(
            "wind quartet",
            (
                _seat("Flute", "flute", "G2"),
                _seat("Oboe", "oboe", "G2", low=58),
                _seat("Clarinet", "clarinet", "G2"),
                _seat("Bassoon", "bassoon", "F4"),
            ),
        ),
        Ensemble(
            "saxophone quartet",
            (
                _seat("Soprano saxophone", "saxophone", "G2", program=64, low=56, high=88),
                _seat("Alto saxophone", "saxophone", "G2", program=65, low=49, high=81),
                _seat("Tenor saxophone", "saxophone", "G2", program=66, low=44, high=76),
                _seat("Baritone saxophone", "saxophone", "F4", program=67, low=36, high=69),
            ),
        ),
        Ensemble(
            "choir",
            (
                _seat("Soprano", "choir", "G2", low=60, high=81),
                _seat("Alto", "choir", "G2", low=53, high=76),
                _seat("Tenor", "choir", "G2_8", low=46, high=69),
                _seat("Bass", "choir", "F4", low=36, high=64),
            ),
        ),
        _keyboard("keyboard", "piano"),
        _keyboard("organ", "organ"),
        _keyboard("harpsichord", "harpsichord"),
    )
}
"""By name.  All are written at sounding pitch."""


def ensemble_named(name: str) -> Ensemble:
    """The ensemble of a name, whatever its letters' case.

    Raises ConfigError for an unknown one.

    >>> [seat.name for seat in ensemble_named("String quartet").seats]
    ['Violin I', 'Violin II', 'Viola', 'Cello']
    """
    plain = " ".join(name.lower().split())
    if plain in ENSEMBLES:
        return ENSEMBLES[plain]
    raise ConfigError(
        f"there is no ensemble {name[:40]!r}",
        where="--arrange",
        fix=f"Use one of {', '.join(ENSEMBLES)}",
    )
