"""What the strong model learns from: excerpts, varied, each under a prefix measured on itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from partimento.music.attributes import LEVELS, Attributes, measure
from partimento.music.barpiece import METERS, BarPiece, bar_piece
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.tasks.text2midi.corpus import Excerpt
from partimento.tasks.text2midi.interface import Conditions
from partimento.tasks.text2midi.steps import BAR, NO_DURATION, NO_PITCH, NOWHERE, Steps, encode
from partimento.tasks.text2midi.strong import StepBatch
from partimento.tasks.text2midi.vocabulary import prefix, prefixes, tempo_class, tonic_of

LOWEST, HIGHEST = 21, 108
MELODIC = (
    *("piano", "violin", "flute", "whistle", "accordion", "recorder", "clarinet", "oboe"),
    *("trumpet", "guitar", "harp", "cello", "saxophone", "bagpipe", "banjo", "choir", "viola"),
)
"""What a single line may be given to instead."""
KEYBOARDS = ("piano", "harpsichord", "organ", "guitar", "harp", "accordion", "strings")
"""What a piece for one instrument in several parts may be given to instead."""
UNSTATED_TEMPI = (60.0, 180.0)
MEASURED = ("key", "mode", "meter", "tempo_bpm", "tempo_word", "style", "valence")
_DROPPABLE = (*MEASURED, *LEVELS, "instruments")


@dataclass(frozen=True, slots=True)
class Variation:
    """How much an excerpt is varied; see the recipe's data section."""

    transpose: int = 6
    stretch: float = 0.2
    velocity: int = 10
    reinstrument: float = 0.5
    whole_dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class Example:
    """Steps under a prefix."""

    steps: Steps
    prefix: list[int]
    tonic: int
    meter: int
    tempo: int
    tempo_counts: bool


def vary(piece: BarPiece, rng: np.random.Generator, how: Variation) -> BarPiece:
    """Transposed, faster or slower, louder or softer, on other instruments of its kind.

    Where no tempo is stated one is drawn, evenly by its logarithm, from 60 to 180.
    """
    low = max(-how.transpose, LOWEST - int(piece.pitch.min()))
    high = min(how.transpose, HIGHEST - int(piece.pitch.max()))
    moved = piece.transpose(int(rng.integers(low, high + 1))) if low <= high else piece
    if piece.tempo_stated:
        tempo = piece.tempo_bpm * float(np.exp(rng.uniform(-1, 1) * np.log1p(how.stretch)))
    else:
        tempo = float(np.exp(rng.uniform(*np.log(UNSTATED_TEMPI))))
    loud = int(rng.integers(-how.velocity, how.velocity + 1)) if how.velocity else 0
    velocity = np.clip(moved.velocity + loud, 8, 127)
    moved = replace(moved, tempo_bpm=float(np.clip(tempo, 30, 280)), velocity=velocity)
    return reinstrument(moved, rng) if rng.random() < how.reinstrument else moved


def reinstrument(piece: BarPiece, rng: np.random.Generator) -> BarPiece:
    """A piece for one instrument goes to another whose range holds it; others stay."""
    voices = np.unique(piece.instrument)
    if len(voices) != 1:
        return piece
    single = len(np.unique(piece.onset)) == len(piece)
    names = MELODIC if single else KEYBOARDS
    low, high = int(piece.pitch.min()), int(piece.pitch.max())
    fitting = [INSTRUMENTS[INSTRUMENT_ID[n]] for n in names]
    fitting = [i for i in fitting if i.low <= low and high <= i.high]
    if not fitting:
        return piece
    chosen = INSTRUMENT_ID[fitting[int(rng.integers(len(fitting)))].name]
    columns = (piece.onset, piece.duration, piece.pitch, piece.velocity)
    return bar_piece(
        *columns,
        np.full(len(piece), chosen),
        meter=piece.meter,
        bars=piece.bars,
        tempo_bpm=piece.tempo_bpm,
        tempo_stated=piece.tempo_stated,
    )


def described(excerpt: Excerpt, music: BarPiece) -> Attributes:
    """Measured attributes with the style that people gave, the tempo as heard."""
    found = measure(replace(music, tempo_stated=True))
    valence = "high" if found.mode == "major" else "low"
    return replace(found, style=excerpt.piece.about.get("style") or None, valence=valence)


def forget(attributes: Attributes, rng: np.random.Generator) -> Attributes:
    """Some attributes left out, so that unstated ones stay open; of others the word alone stays.

    One number drawn for all decides how many stay, so that short and long prefixes are both met.
    """
    keep = rng.uniform(0.15, 1.0)
    dropped = [name for name in _DROPPABLE if rng.random() > keep]
    if "key" not in dropped:
        dropped = [name for name in dropped if name != "mode"]
    left = attributes.without(*dropped)
    coarse = {name for name in LEVELS if rng.random() < 0.5}
    left = replace(left, numbers={k: v for k, v in left.numbers.items() if k not in coarse})
    return left.without("tempo_bpm") if rng.random() < 0.3 else left


def example(music: BarPiece, conditions: Conditions, *, counts_bars: bool = True) -> Example:
    """Steps and prefix of one excerpt as it stands."""
    return Example(
        encode(music),
        prefix(conditions, music.bars if counts_bars else None),
        tonic_of(conditions.attributes),
        METERS.index(music.meter),
        tempo_class(music.tempo_bpm),
        music.tempo_stated,
    )


def collate(examples: Sequence[Example]) -> StepBatch:
    """Examples of any length as one batch; padding repeats bar lines."""
    size = max(len(e.steps) for e in examples)
    valid = torch.zeros(len(examples), size, dtype=torch.bool)
    for row, one in enumerate(examples):
        valid[row, : len(one.steps)] = True
    fills = {
        "target": BAR, "recalled_place": NOWHERE, "recalled_pitch": NO_PITCH,
        "recalled_duration": NO_DURATION, "open": 1,
    }  # fmt: skip
    columns: dict[str, Tensor] = {}
    for name in (f.name for f in fields(Steps)):
        arrays = [getattr(e.steps, name) for e in examples]
        out = np.full(
            (len(arrays), size, *arrays[0].shape[1:]), fills.get(name, 0), dtype=arrays[0].dtype
        )
        for row, array in enumerate(arrays):
            out[row, : len(array)] = array
        tensor = torch.from_numpy(out)
        columns[name] = tensor if name in ("open", "age") else tensor.long()
    return StepBatch(
        prefix=torch.from_numpy(prefixes([e.prefix for e in examples])),
        tonic=torch.tensor([e.tonic for e in examples]),
        meter=torch.tensor([e.meter for e in examples]),
        tempo=torch.tensor([e.tempo for e in examples]),
        tempo_counts=torch.tensor([e.tempo_counts for e in examples]),
        valid=valid,
        **columns,
    )


def share(prefixed: Example, conditions: Conditions, bars: int) -> Example:
    """The same steps under other conditions."""
    return replace(prefixed, prefix=prefix(conditions, bars), tonic=tonic_of(conditions.attributes))
