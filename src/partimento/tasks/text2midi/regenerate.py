"""Some bars of a piece drawn anew, everything else as it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes, measured_instruments
from partimento.music.barpiece import BarPiece
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.best_of import MOST_PIECES, Chosen
from partimento.tasks.text2midi.compose import DEFAULT_WEIGHTS, check_drawing, resolve_sampling
from partimento.tasks.text2midi.interface import Conditions, TextModel
from partimento.tasks.text2midi.match import match_report, match_score
from partimento.tasks.text2midi.outcome import Composed, Outcome
from partimento.tasks.text2midi.parsing import Understood, parse
from partimento.tasks.text2midi.region import Bars, Instruments, Region
from partimento.tasks.text2midi.region_draw import (
    FUTURE_BARS,
    Drawing,
    Drawn,
    PlainRegions,
    RegionModel,
    draw_region,
)
from partimento.tasks.text2midi.region_locks import lock_name
from partimento.tasks.text2midi.region_window import Window
from partimento.tasks.text2midi.request import check_meter, given_piece
from partimento.tasks.text2midi.restyle import conditions_from
from partimento.tasks.text2midi.wishes import Asked, Settings, asked_for, checked_text, forced_names

CANDIDATES = 8


def regenerate(
    piece_file: str | Path,
    text: str = "",
    *,
    bars: Bars,
    instruments: Instruments = None,
    locked: Sequence[str | int] = (),
    settings: Settings | None = None,
    n: int = 1,
    candidates: int = CANDIDATES,
    seed: int = 0,
    guidance: float | int = 1.5,
    temperature: float | int | None = None,
    top_p: float | int | None = None,
    weights: str | Path | TextModel = DEFAULT_WEIGHTS,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Draw some bars of a MIDI file anew; with ``out`` write the pieces to that folder.

    Every note outside stays as it is: onset, duration, pitch, velocity, instrument.  So do notes
    of instruments that are not named, locked notes, and notes held beyond the last of the bars.
    The model knows what stands before and, while it draws, the notes that stay inside.  What
    follows is heard by reranking: of ``candidates`` draws the one is kept under which the two bars
    after the region are the most probable.  Conditions are what the text and ``settings`` say, and
    where they are silent what the piece is like; its meter and tempo always hold.

    Parameters
    ----------
    piece_file: bars are counted from its first tick, in its own meter; notes are put on the grid
        of 1/24 quarter, on which composed pieces lie already.
    bars: ``"3-4"``, ``(3, 4)``, or 3 for one; from 1, both included, at most 48.
    instruments: names whose notes are replaced, ``"violin,cello"`` or a list; one that does not
        play yet begins to.  All of the piece by default.
    locked: notes that stay, as ``"3:1:C4"`` (bar, beat, pitch) or rows of the note table; see
        :mod:`partimento.tasks.text2midi.region_locks`.
    settings, guidance, temperature, top_p, weights: as for
        :func:`partimento.tasks.text2midi.compose.compose`.
    n: results, each the best of its own ``candidates``; at most 64 draws together.

    The same arguments give the same bytes.  Raises ConfigError for impossible options,
    InputFileError and MusicError for a file that cannot be used.
    """
    began = time.perf_counter()
    sampling = resolve_sampling(None, temperature, top_p)
    check_drawing(seed, guidance)
    _check_counts(n, candidates)
    given = given_piece(piece_file, own_bars=True)
    check_meter(given, piece_file)
    request = _Request.of(given, text, settings, bars, instruments, locked)
    how = Drawing(seed, sampling, float(guidance), progress)
    outcome = request.outcome(_model(weights), n, candidates, how, Path(piece_file).stem)
    outcome = outcome if out is None else outcome.saved(out)
    return replace(outcome, seconds=time.perf_counter() - began)


@dataclass(frozen=True)
class _Request:
    """What is asked of which region.

    ``stated``: what text and settings say of the new notes; ``attributes``: the conditions.
    """

    region: Region
    understood: Understood
    asked: Asked
    stated: Attributes
    attributes: Attributes
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        given: BarPiece,
        text: str,
        settings: Settings | None,
        bars: Bars,
        instruments: Instruments,
        locked: Sequence[str | int],
    ) -> _Request:
        """Read and check."""
        understood = parse(checked_text(text))
        asked = asked_for(understood.attributes, settings)
        stated, notes = _as_given(asked.attributes, given)
        named = instruments or stated.instruments or None
        region = Region.of(given, bars, named, locked)
        region = _without(region, stated.excluded)
        if instruments:
            stated = replace(stated, instruments=())
        window = Window.of(region)
        held = replace(stated, meter=given.meter, tempo_bpm=given.tempo_bpm, instruments=())
        attributes = conditions_from(given, held)
        plays = measured_instruments(window.staying) if len(window.staying) else ()
        band = tuple(dict.fromkeys((*region.names, *plays)))
        attributes = replace(attributes, instruments=band, bars=window.bars)
        return cls(region, understood, asked, stated, attributes, notes)

    def outcome(
        self, model: TextModel, n: int, candidates: int, how: Drawing, source: str
    ) -> Outcome:
        """Draw, judge, tell."""
        text = self.understood.text.strip()
        semantic = tuple(model.semantic(text)) if text else ()
        window = Window.of(self.region)
        opens, closes = window.opens or None, window.closes or None
        conditions = Conditions(self.attributes, semantic, opens=opens, closes=closes)
        drawn, nats = draw_region(region_model(model), window, conditions, n, candidates, how)
        forced = forced_names(self.attributes, (), False)
        pieces = tuple(
            Composed(number, self._judged(one, forced), self.attributes)
            for number, one in enumerate(drawn, start=1)
        )
        empty = [f"piece {i + 1}: no new note fits" for i, d in enumerate(drawn) if d.chosen.empty]
        facts = {**_settings(how, model, n, candidates), "semantic": list(semantic)}
        facts |= {"how": f"{self.region.words} drawn anew", "source": source}
        facts |= {"bars": self.region.given.bars, "region": self._told(drawn, nats)}
        return Outcome(
            understood=self.understood,
            asked=self.attributes,
            settings=self.asked.settings,
            forced=tuple(sorted(forced)),
            could_not=(*self.asked.could_not, *self.notes, *empty),
            pieces=pieces,
            facts=facts,
            # Where no text names the piece, what was done to which file does.
            name="" if text else f"{source}, {facts['how']}",
        )

    def _judged(self, drawn: Drawn, forced: frozenset[str]) -> Chosen:
        """The chosen draw and the matches of all; only the region's own notes are judged."""
        region = self.region
        judged = []
        for chance in drawn.chances:
            piece = chance.piece
            mine = piece.select(np.isin(piece.instrument, region.band))
            rows = match_report(
                self.stated, mine.excerpt(region.first, region.end - region.first), forced
            )
            judged.append((tuple(rows), match_score(rows)))
        scores = tuple(score for _, score in judged)
        rows_of_it, score = judged[drawn.place]
        return Chosen(drawn.chosen.piece, rows_of_it, score, drawn.place, scores)

    def _told(self, drawn: Sequence[Drawn], given_nats: float) -> dict[str, Any]:
        """Facts of the region for the report; rows are those of each piece's note table."""
        region = self.region
        locks = [lock_name(region.given, int(row)) for row in np.flatnonzero(region.locked)]
        last = min(region.end + FUTURE_BARS, region.given.bars)
        return {
            "first_bar": region.first + 1,
            "last_bar": region.end,
            "instruments": list(region.names),
            "locked": locks,
            "notes_kept": int(region.kept.sum()),
            "notes_replaced": int((~region.kept).sum()),
            "new_rows": [np.flatnonzero(one.chosen.new).tolist() for one in drawn],
            "chosen_by": "the likeliest future" if last > region.end else "the likeliest end",
            "future_bars": [region.end + 1, last] if last > region.end else None,
            "future_nats_of_draws": [
                [round(c.future_nats, 3) for c in one.chances] for one in drawn
            ],
            "chosen_draws": [one.place for one in drawn],
            "future_nats_of_given": round(given_nats, 3),
        }


def _as_given(stated: Attributes, given: BarPiece) -> tuple[Attributes, tuple[str, ...]]:
    """What can be asked of some bars: meter, tempo and length are those of the piece."""
    notes = []
    if stated.meter not in (None, given.meter):
        notes.append(f"the meter stays {given.meter}, that of the piece")
    if stated.tempo_bpm is not None or stated.tempo_word is not None:
        notes.append(f"the tempo stays {given.tempo_bpm:g}, that of the piece")
    if stated.bars is not None:
        notes.append(f"the piece keeps its {given.bars} bars")
    return stated.without("meter", "tempo_bpm", "tempo_word", "bars"), tuple(notes)


def _without(region: Region, excluded: Sequence[str]) -> Region:
    """The region without new notes of excluded instruments; their old ones are replaced.

    Raises ConfigError where nobody is left to play.
    """
    band = tuple(
        i for i, name in zip(region.band, region.names, strict=True) if name not in excluded
    )
    if not band:
        raise ConfigError(
            f"{', '.join(region.names)}: to be drawn anew, and ruled out by the text",
            where="the text",
            fix="Name other instruments with --instruments",
        )
    return replace(region, band=band)


def _settings(how: Drawing, model: TextModel, n: int, candidates: int) -> dict[str, Any]:
    sampling: Sampling = how.sampling
    return {
        "weights": model.name,
        "seed": how.seed,
        "n": n,
        "best_of": candidates,
        "guidance": how.guidance,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
    }


def _check_counts(n: int, candidates: int) -> None:
    if not 1 <= candidates <= MOST_PIECES:
        raise ConfigError(
            f"{candidates} candidates are not possible",
            where="--candidates",
            fix=f"Draw 1 to {MOST_PIECES}",
        )
    if not 1 <= n <= MOST_PIECES // candidates:
        raise ConfigError(
            f"{n} pieces of {candidates} candidates each are not possible",
            where="-n",
            fix=f"All draws together are at most {MOST_PIECES}",
        )


def _model(weights: str | Path | TextModel) -> TextModel:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.text2midi.loading import load_text_model

    return load_text_model(weights)


def region_model(model: TextModel) -> RegionModel:
    """How a model draws regions: the strong one note by note around what stays, others by bars."""
    from partimento.tasks.text2midi.region_session import StrongRegions
    from partimento.tasks.text2midi.strong_player import StrongTextModel

    return StrongRegions(model) if isinstance(model, StrongTextModel) else PlainRegions(model)
