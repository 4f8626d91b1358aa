"""Does a piece do what was asked?  One row for each attribute asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.attributes import (
    LEVELS,
    Attributes,
    level,
    measured_instruments,
    measured_key,
    measured_numbers,
    tempo_word,
)
from partimento.music.barpiece import BarPiece
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.keys import Key

Classify = Callable[[BarPiece], tuple[str, float] | None]

TEMPO_BINS: tuple[float, ...] = (40.0, 60.0, 70.0, 90.0, 110.0, 140.0, 160.0, 210.0)
"""Edges between the nine bins of tempo of MidiCaps (Melechovsky et al. 2024), quarters a minute."""
TEMPO_TOLERANCE = 0.05
"""A tempo asked for as a number is met within this share of it: what listeners hear as equal."""
UNMEASURABLE = ("valence",)
"""Attributes that notes do not tell well enough to be judged."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute: what was asked, what the piece has.

    ``ok`` is None where nothing can be measured.  ``forced``: the sampler could do nothing else.
    """

    attribute: str
    asked: Any
    measured: Any
    ok: bool | None
    forced: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Heard:
    """What a piece has, each attribute measured when it is first asked for.

    ``classify`` tells the style; by default
    :func:`partimento.music.style_classifier.classify`.
    """

    def __init__(self, piece: BarPiece, classify: Classify | None = None) -> None:
        self.piece = piece
        self._classify = classify or _classify
        self._shipped = classify is None

    @cached_property
    def key(self) -> str | None:
        """Measured key; None without notes."""
        return measured_key(self.piece) if len(self.piece) else None

    @cached_property
    def numbers(self) -> dict[str, float]:
        """By the names of LEVELS; empty without notes."""
        return measured_numbers(self.piece) if len(self.piece) else {}

    @cached_property
    def style(self) -> str | None:
        """None where it cannot be told."""
        found = self._classify(self.piece) if len(self.piece) else None
        return None if found is None else found[0]

    def can_be(self, style: str) -> bool:
        """Whether the classifier can answer a style at all."""
        return not self._shipped or style in _known_styles()

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """Those with 2 % of the notes, the busiest first."""
        return measured_instruments(self.piece) if len(self.piece) else ()

    @cached_property
    def all_instruments(self) -> frozenset[str]:
        """Every one that plays a note."""
        return frozenset(INSTRUMENT_NAMES[int(i)] for i in np.unique(self.piece.instrument))

    @cached_property
    def bars(self) -> int:
        """Bars up to the last that sounds."""
        return sounding_bars(self.piece)


def match_report(
    asked: Attributes,
    made: BarPiece,
    forced: Collection[str] = (),
    *,
    classify: Classify | None = None,
) -> list[Row]:
    """One row for each attribute that ``asked`` states; unstated ones have none.

    ``forced`` names attributes as :class:`~partimento.tasks.text2midi.interface.Wish` does.
    A tempo number counts as met within 5 %, a range where it holds the tempo; keys are compared
    by pitch class and mode; levels by their words; instruments: those asked for play and no
    other has 2 % of the notes; bars: the last sounding one is at most one away.  ``classify``
    tells the style (see :class:`Heard`); a style that it has not learnt cannot be judged.  In a
    piece without notes nothing is met.
    """
    return judge(asked, Heard(made, classify), forced)


def judge(asked: Attributes, heard: Heard, forced: Collection[str] = ()) -> list[Row]:
    """:func:`match_report` for a piece that is compared with several wishes."""
    rows: list[Row | None] = [
        _tempo(asked, heard.piece),
        *_tonal(asked, heard),
        None if asked.meter is None else _row("meter", asked.meter, heard.piece.meter),
        _style(asked, heard),
        *_levels(asked, heard),
        *_instruments(asked, heard),
        _bars(asked, heard),
        *(Row(n, getattr(asked, n), None, None) for n in UNMEASURABLE if getattr(asked, n)),
    ]
    return [_with_force(row, forced) for row in rows if row is not None]


def match_score(rows: Sequence[Row]) -> float:
    """Share of the attributes met, of those that can be judged and were not forced.

    Where all were forced, the share of these; 1 where nothing was asked.
    """
    judged = [row for row in rows if row.ok is not None]
    free = [row for row in judged if not row.forced] or judged
    return sum(bool(row.ok) for row in free) / len(free) if free else 1.0


def same_key(one: str, other: str) -> bool:
    """The same pitch class and mode, whatever the spelling.

    >>> same_key("C# minor", "Db minor")
    True
    """
    return _key_number(one) == _key_number(other)


@lru_cache(maxsize=256)
def _key_number(name: str) -> tuple[int, str]:
    try:
        key = Key.parse(name)
    except ConfigError:
        # A spelling such as Db minor needs more accidentals than a signature has.
        tonic, _, mode = name.strip().partition(" ")
        flats, sharps = tonic[1:].count("b"), tonic.count("#")
        pitch_class = Key(tonic[:1].upper(), "major").tonic_pitch_class + sharps - flats
        return pitch_class % 12, mode.strip() or "major"
    return key.tonic_pitch_class, key.mode


def tempo_bin(bpm: float | int) -> int:
    """Number of the bin of :data:`TEMPO_BINS`, 0 to 8."""
    return int(np.searchsorted(TEMPO_BINS, bpm, side="right"))


def tempo_bin_matches(asked: float | int, measured: float | int, tolerance: int = 0) -> bool:
    """The same bin, or one at most ``tolerance`` bins away.

    Text2midi (Bhandari et al. 2025) gives both figures, with a tolerance of one bin.
    """
    return abs(tempo_bin(asked) - tempo_bin(measured)) <= tolerance


def sounding_bars(piece: BarPiece) -> int:
    """Bars up to the last that sounds; 0 without notes."""
    if not len(piece):
        return 0
    return -(-int((piece.onset + piece.duration).max()) // piece.bar_ticks)


def _row(attribute: str, asked: Any, measured: Any) -> Row:
    return Row(attribute, asked, measured, bool(asked == measured))


def _with_force(row: Row, forced: Collection[str]) -> Row:
    name = {"tempo_word": "tempo"}.get(row.attribute, row.attribute)
    return Row(row.attribute, row.asked, row.measured, row.ok, name in forced)


def _tempo(asked: Attributes, made: BarPiece) -> Row | None:
    bpm = round(float(made.tempo_bpm), 2)
    if isinstance(asked.tempo_bpm, tuple):
        low, high = asked.tempo_bpm
        # A file keeps whole microseconds a quarter, so a bound may come back a little off.
        return Row("tempo", [low, high], bpm, low - 0.01 <= bpm <= high + 0.01)
    if asked.tempo_bpm is not None:
        near = abs(bpm - asked.tempo_bpm) <= TEMPO_TOLERANCE * asked.tempo_bpm
        return Row("tempo", asked.tempo_bpm, bpm, near)
    if asked.tempo_word is not None:
        return _row("tempo_word", asked.tempo_word, tempo_word(bpm))
    return None


def _tonal(asked: Attributes, heard: Heard) -> list[Row]:
    rows = []
    if asked.key is not None:
        met = heard.key is not None and same_key(asked.key, heard.key)
        rows.append(Row("key", asked.key, heard.key, met))
    if asked.mode is not None:
        rows.append(_row("mode", asked.mode, heard.key and heard.key.split()[1]))
    return rows


def _style(asked: Attributes, heard: Heard) -> Row | None:
    if asked.style is None:
        return None
    if len(heard.piece) and (heard.style is None or not heard.can_be(asked.style)):
        return Row("style", asked.style, heard.style, None)
    return _row("style", asked.style, heard.style)


def _known_styles() -> tuple[str, ...]:
    from partimento.music.style_classifier import known_styles

    return known_styles()


def _classify(made: BarPiece) -> tuple[str, float] | None:
    from partimento.music.style_classifier import classify

    return classify(made)


def _levels(asked: Attributes, heard: Heard) -> list[Row]:
    rows = []
    for name in LEVELS:
        word = asked_level(asked, name)
        if word is not None:
            number = heard.numbers.get(name)
            rows.append(_row(name, word, None if number is None else level(name, number)))
    return rows


def asked_level(asked: Attributes, name: str) -> str | None:
    """The word asked for; where only a number was, its word."""
    word: str | None = getattr(asked, name)
    if word is None and name in asked.numbers:
        return level(name, asked.numbers[name])
    return word


def _instruments(asked: Attributes, heard: Heard) -> list[Row]:
    rows = []
    if asked.instruments:
        wanted, main = set(asked.instruments), heard.instruments
        ok = wanted <= heard.all_instruments and set(main) <= wanted
        rows.append(Row("instruments", list(asked.instruments), list(main), ok))
    if asked.excluded:
        unwanted = sorted(heard.all_instruments & set(asked.excluded))
        rows.append(Row("excluded", list(asked.excluded), unwanted, not unwanted))
    return rows


def _bars(asked: Attributes, heard: Heard) -> Row | None:
    if asked.bars is None:
        return None
    met = heard.piece.bars == asked.bars and abs(heard.bars - asked.bars) <= 1
    return Row("bars", asked.bars, heard.bars, met)
