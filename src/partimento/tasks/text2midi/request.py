"""What is asked for, read and checked: texts, settings and files, before any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.attributes import Attributes, measure
from partimento.music.barpiece import METERS, BarPiece, bar_piece, read_bar_piece
from partimento.music.barpiece_write import MOST_INSTRUMENTS
from partimento.tasks.text2midi.blend import filled_in
from partimento.tasks.text2midi.interface import Conditions, TextModel, Wish
from partimento.tasks.text2midi.outcome import Composed, Outcome
from partimento.tasks.text2midi.parsing import Understood, parse
from partimento.tasks.text2midi.restyle import conditions_from
from partimento.tasks.text2midi.wishes import (
    MOST_BARS,
    Asked,
    Settings,
    asked_for,
    checked_bars,
    checked_text,
    drawn_tempo,
)

if TYPE_CHECKING:
    from partimento.tasks.text2midi.retrieval import Neighbour

CONTEXT_BARS = 16
"""Of a file to continue the model reads so many bars, the last ones."""
LONGEST_GIVEN = 256
"""Bars of a file to continue or restyle."""
MOST_KEPT = 6
"""Instruments of a file to continue that go on playing, the busiest."""
_TEMPO_STREAM = 7
"""Sets the drawing of tempi apart from all other draws of a seed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, read and checked: everything but the model.

    ``stated`` is what texts and settings say; ``attributes`` are the conditions: in them the traits
    of a file to restyle fill in what is not stated.
    """

    understood: Understood
    asked: Asked
    stated: Attributes
    attributes: Attributes
    bars: int
    like: str | None = None
    given: BarPiece | None = None
    continues: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        text: str,
        like: str | None,
        settings: Settings | None,
        bars: int | None,
        continue_from: str | Path | None,
        restyle: str | Path | None,
    ) -> Request:
        """Read and check; raises as :func:`partimento.tasks.text2midi.compose.compose`."""
        understood = parse(checked_text(text))
        asked = asked_for(understood.attributes, settings)
        stated = asked.attributes
        liked = None if like is None else checked_text(like, "--like")
        if liked is not None:
            stated = filled_in(stated, asked_for(parse(liked).attributes).attributes)
        if bars is not None:
            stated = replace(stated, bars=bars)
        attributes, given, most = stated, None, MOST_BARS
        notes: tuple[str, ...] = ()
        if continue_from is not None:
            given = given_piece(continue_from)
            check_meter(given, continue_from)
            attributes, notes = _as_given(attributes, given)
            most = MOST_BARS - min(CONTEXT_BARS, given.bars)
        elif restyle is not None:
            given = given_piece(restyle)
            attributes = conditions_from(given, attributes)
            length = stated.bars or min(MOST_BARS, given.bars)
            attributes = replace(attributes, bars=length)
        length = checked_bars(bars, attributes.bars, most)
        continues = continue_from is not None
        return cls(understood, asked, stated, attributes, length, liked, given, continues, notes)

    @property
    def whole_text(self) -> str:
        """Both texts, for the semantic tokens and the nearest pieces."""
        return " ".join(part for part in (self.understood.text.strip(), self.like) if part)

    @property
    def start_bars(self) -> int:
        """Bars of the file that stand before the new ones."""
        return self.given.bars if self.continues and self.given is not None else 0

    @property
    def how(self) -> str:
        """What was done, in a few words."""
        if self.given is None:
            return "composed"
        return "continued" if self.continues else "composed anew with the traits of the file"

    def wishes(
        self,
        model: TextModel,
        count: int,
        forced: frozenset[str],
        seed: int,
        also: Conditions | None,
        weight: float,
    ) -> tuple[list[Wish], list[Attributes]]:
        """A wish for each draw, and its attributes; tempi of a range are drawn one by one."""
        semantic = tuple(model.semantic(self.whole_text)) if self.whole_text else ()
        start = self._start()
        opens = None if start is not None and start.bars < self.start_bars else True
        wishes, asked = [], []
        for number in range(count):
            rng = np.random.default_rng([seed, _TEMPO_STREAM, number])
            attributes = drawn_tempo(self.attributes, rng)
            asked.append(attributes)
            wishes.append(
                Wish(
                    Conditions(attributes, semantic, opens=opens, closes=True),
                    bars=self.bars,
                    forced=forced,
                    start=start,
                    also=also,
                    blend=weight,
                )
            )
        return wishes, asked

    def _start(self) -> BarPiece | None:
        """The last bars of the file to continue, as many as the model reads."""
        if not self.continues or self.given is None:
            return None
        count = min(CONTEXT_BARS, self.given.bars)
        return self.given.excerpt(self.given.bars - count, count)

    def finished(self, piece: BarPiece, asked: Attributes) -> BarPiece:
        """The drawn piece at exactly the tempo asked for, after all bars of the given one."""
        if isinstance(asked.tempo_bpm, float | int) and not self.continues:
            piece = replace(piece, tempo_bpm=float(asked.tempo_bpm), tempo_stated=True)
        start = self._start()
        if start is None or self.given is None:
            return piece
        return joined(self.given, piece.excerpt(start.bars, piece.bars - start.bars))

    def outcome(
        self,
        pieces: Sequence[Composed],
        forced: frozenset[str],
        facts: dict[str, Any],
        closest: tuple[Neighbour, ...],
    ) -> Outcome:
        """All that there is to tell."""
        return Outcome(
            understood=self.understood,
            asked=self.attributes,
            settings=self.asked.settings,
            forced=tuple(sorted(forced)),
            could_not=(*self.asked.could_not, *self.notes),
            pieces=tuple(pieces),
            facts={**facts, **({} if self.like is None else {"like": self.like})},
            closest=closest,
        )


def given_piece(path: str | Path, *, own_bars: bool = False) -> BarPiece:
    """A file to go on from, to restyle or to change; see ``read_bar_piece`` for ``own_bars``.

    Raises MusicError for one that is too long, and what ``read_bar_piece`` raises.
    """
    piece = read_bar_piece(path, own_bars=own_bars)
    kinds = len(np.unique(piece.instrument))
    if piece.bars > LONGEST_GIVEN or kinds > MOST_INSTRUMENTS:
        raise MusicError(
            f"this piece has {piece.bars} bars and {kinds} instruments; {LONGEST_GIVEN} bars and "
            f"{MOST_INSTRUMENTS} instruments are the most",
            where=str(path),
            fix="Cut the file",
        )
    return piece


def check_meter(given: BarPiece, path: str | Path) -> None:
    """Raise MusicError for a meter that no model has learnt."""
    if given.meter not in METERS:
        raise MusicError(
            f"no music in {given.meter} was learnt from, so none can follow",
            where=str(path),
            fix=f"Known are {', '.join(METERS)}",
        )


def _as_given(attributes: Attributes, given: BarPiece) -> tuple[Attributes, tuple[str, ...]]:
    """The meter and tempo of the file hold; what is asked otherwise cannot be done.

    Key and instruments go on as they are where nothing else is asked for.
    """
    notes = []
    if attributes.meter not in (None, given.meter):
        notes.append(f"the meter stays {given.meter}, that of the file to continue")
    if attributes.tempo_bpm is not None or attributes.tempo_word is not None:
        notes.append(f"the tempo stays {given.tempo_bpm:g}, that of the file to continue")
    held = attributes.without("tempo_bpm", "tempo_word")
    held = replace(held, meter=given.meter, tempo_bpm=given.tempo_bpm)
    measured = measure(given)
    kept = Attributes(
        key=measured.key, mode=measured.mode, instruments=measured.instruments[:MOST_KEPT]
    )
    return filled_in(held, kept), tuple(notes)


def joined(first: BarPiece, then: BarPiece) -> BarPiece:
    """Two pieces of one meter, one after the other, at the tempo of the first."""
    shift = first.bars * first.bar_ticks
    columns = [
        np.concatenate([getattr(first, name), getattr(then, name) + added])
        for name, added in (
            *(("onset", shift), ("duration", 0), ("pitch", 0), ("velocity", 0)),
            ("instrument", 0),
        )
    ]
    return bar_piece(
        *columns,
        meter=first.meter,
        bars=first.bars + then.bars,
        tempo_bpm=first.tempo_bpm,
        tempo_stated=True,
    )
