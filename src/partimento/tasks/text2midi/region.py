"""A region of a piece to be drawn anew, and what of the piece stays.

What stays: every note that begins outside the region's bars, every note of an instrument that is
not named, notes that are locked one by one, and notes that are held beyond the region's last bar
line.  New notes begin and end inside the region, and never sound together with one of the same
pitch and instrument that stays; so all that stays is identical to what was given.

Shape suffixes: N notes of the piece, P 128 pitches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.barpiece import BarPiece
from partimento.music.barpiece_write import MOST_INSTRUMENTS
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENT_NAMES, INSTRUMENTS
from partimento.tasks.text2midi.region_locks import locked_notes
from partimento.tasks.text2midi.wishes import MOST_BARS

CONTEXT_BARS = 16
"""The model reads so many bars before the region."""
MOST_REGION_BARS = MOST_BARS - CONTEXT_BARS
Bars = str | int | Sequence[int]
Instruments = str | Sequence[str] | None
_SPAN = re.compile(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?")
_COLUMNS = ("onset", "duration", "pitch", "velocity", "instrument")


@dataclass(frozen=True)
class Region:
    """Bars ``first`` (from 0) to before ``end`` of ``given``, drawn anew by ``band``.

    ``band``: ids of the instruments whose notes are replaced and who may play new ones; ``named``:
    they were named, and are not just all of the piece; ``kept`` (N,) bool is true for the notes of
    ``given`` that stay; ``locked`` (N,) for those of them that were locked one by one.
    """

    given: BarPiece
    first: int
    end: int
    band: tuple[int, ...]
    named: bool
    kept: np.ndarray
    locked: np.ndarray

    @classmethod
    def of(
        cls,
        given: BarPiece,
        bars: Bars,
        instruments: Instruments = None,
        locked: Sequence[str | int] = (),
    ) -> Region:
        """Read and check; see :func:`partimento.tasks.text2midi.regenerate.regenerate`.

        Raises ConfigError for bars, instruments and locks that the piece does not have.
        """
        first, end = parsed_bars(bars, given.bars)
        named = parsed_instruments(instruments)
        band = named or tuple(int(i) for i in np.unique(given.instrument))
        start_tick, end_tick = first * given.bar_ticks, end * given.bar_ticks
        _check_count(given, band)
        held = locked_notes(given, locked)
        inside = (given.onset >= start_tick) & (given.onset < end_tick)
        beyond = given.onset + given.duration > end_tick
        replaced = inside & np.isin(given.instrument, band) & ~held & ~beyond
        return cls(given, first, end, band, bool(named), ~replaced, held)

    @property
    def start_tick(self) -> int:
        """Where it begins."""
        return self.first * self.given.bar_ticks

    @property
    def end_tick(self) -> int:
        """Where it ends."""
        return self.end * self.given.bar_ticks

    @property
    def words(self) -> str:
        """Its bars as musicians count them: ``bar 3``, ``bars 3 to 4``."""
        if self.end - self.first == 1:
            return f"bar {self.end}"
        return f"bars {self.first + 1} to {self.end}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the band."""
        return tuple(INSTRUMENT_NAMES[i] for i in self.band)

    @cached_property
    def staying(self) -> BarPiece:
        """The notes that stay."""
        return self.given.select(self.kept)

    @cached_property
    def _near(self) -> BarPiece:
        """Notes that stay and sound in the region or begin there."""
        stays = self.staying
        sounds = (stays.onset < self.end_tick) & (stays.onset + stays.duration > self.start_tick)
        return stays.select(sounds)

    def free(self, tick: int, instrument: int) -> np.ndarray:
        """(P,) bool: pitches in the instrument's range that nothing that stays holds at ``tick``.

        None outside the region and for instruments that are not in the band.
        """
        mask = np.zeros(128, dtype=bool)
        if instrument not in self.band or not self.start_tick <= tick < self.end_tick:
            return mask
        mask[INSTRUMENTS[instrument].low : INSTRUMENTS[instrument].high + 1] = True
        near = self._near
        sounds = (near.onset <= tick) & (near.onset + near.duration > tick)
        mask[near.pitch[sounds & (near.instrument == instrument)]] = False
        return mask

    def room(self, tick: int, instrument: int, pitch: int) -> int:
        """Ticks that a new note may last: to the region's end, or until the pitch is needed."""
        near = self._near
        same = (near.onset > tick) & (near.pitch == pitch) & (near.instrument == instrument)
        return int(near.onset[same].min(initial=self.end_tick)) - tick

    def fitted(self, new: BarPiece) -> BarPiece:
        """Of ``new`` (ticks of ``given``) what fits, notes shortened where they must be."""
        kept, held = np.zeros(len(new), dtype=bool), new.duration.copy()
        last: dict[tuple[int, int], int] = {}
        columns = zip(*(getattr(new, n).tolist() for n in _COLUMNS), strict=True)
        for row, (tick, ticks, pitch, _, instrument) in enumerate(columns):
            if not self.free(tick, instrument)[pitch]:
                continue
            before = last.get((instrument, pitch))
            if before is not None and new.onset[before] + held[before] > tick:
                if new.onset[before] == tick:
                    continue
                held[before] = tick - new.onset[before]
            last[instrument, pitch] = row
            kept[row], held[row] = True, min(ticks, self.room(tick, instrument, pitch))
        return replace(new, duration=held).select(kept)

    def joined(self, new: BarPiece) -> tuple[BarPiece, np.ndarray]:
        """What stays with ``new`` notes that fit: the piece, and (its notes,) bool, true for new.

        The notes that stay are the very ones that were given.
        """
        stays = self.staying
        on, held, key, loud, who = (
            np.concatenate([getattr(stays, n), getattr(new, n)]) for n in _COLUMNS
        )
        order = np.lexsort((key, who, on))
        fresh = np.arange(len(order)) >= len(stays)
        return with_notes(self.given, np.stack((on, held, key, loud, who))[:, order]), fresh[order]


def with_notes(piece: BarPiece, columns: np.ndarray) -> BarPiece:
    """The bars of a piece with other notes.

    ``columns`` (5, N): onset, duration, pitch, velocity, instrument, sorted.
    """
    on, held, key, loud, who = columns
    return replace(piece, onset=on, duration=held, pitch=key, velocity=loud, instrument=who)


def parsed_bars(bars: Bars, most: int) -> tuple[int, int]:
    """First bar, from 0, and the bar after the last, of ``"3-4"``, ``"3"``, 3 or ``(3, 4)``.

    Raises ConfigError for bars that a piece of ``most`` bars does not have, and for more than 48.

    >>> parsed_bars("3-4", 8), parsed_bars(3, 8)
    ((2, 4), (2, 3))
    """
    if isinstance(bars, str):
        span = _SPAN.fullmatch(bars)
        numbers = [] if span is None else [int(part) for part in span.groups() if part]
    else:
        numbers = [bars] if isinstance(bars, int) else list(bars)
    if len(numbers) not in (1, 2):
        raise ConfigError(
            f"{str(bars)[:40]!r} names no bars", where="--bars", fix="Write 3-4, or 3 for one bar"
        )
    first, last = numbers[0], numbers[-1]
    if not 1 <= first <= last <= most:
        raise ConfigError(
            f"bars {first} to {last} are not in this piece",
            where="--bars",
            fix=f"It has bars 1 to {most}",
        )
    if last - first >= MOST_REGION_BARS:
        raise ConfigError(
            f"{last - first + 1} bars at once are too many",
            where="--bars",
            fix=f"Draw at most {MOST_REGION_BARS} bars anew",
        )
    return first - 1, last


def _check_count(given: BarPiece, band: tuple[int, ...]) -> None:
    count = len({*band, *given.instrument.tolist()})
    if count > MOST_INSTRUMENTS:
        raise ConfigError(
            f"this would be {count} instruments; a MIDI file holds {MOST_INSTRUMENTS} apart",
            where="--instruments",
            fix="Name fewer",
        )


def parsed_instruments(instruments: Instruments) -> tuple[int, ...]:
    """Ids of instruments by names, ``"violin,cello"`` or a list; none for all.

    Raises ConfigError for a name that is not known.
    """
    names = instruments.split(",") if isinstance(instruments, str) else instruments or ()
    cleaned = [name.strip().lower() for name in names if name.strip()]
    for name in cleaned:
        if name not in INSTRUMENT_ID:
            raise ConfigError(
                f"no instrument is called {name[:40]!r}",
                where="--instruments",
                fix=f"Use names of {', '.join(INSTRUMENT_NAMES)}",
            )
    return tuple(sorted({INSTRUMENT_ID[name] for name in cleaned}))
