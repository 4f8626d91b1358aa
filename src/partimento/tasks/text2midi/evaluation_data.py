"""What the evaluation measures on: excerpts with captions, as a model is given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes, measure
from partimento.tasks.text2midi.captions import caption
from partimento.tasks.text2midi.corpus import Excerpt, excerpts
from partimento.tasks.text2midi.interface import CorpusPiece, TextModel
from partimento.tasks.text2midi.parsing import parse

MOST_PER_GROUP = 3
"""Excerpts of one group of near-duplicates at most."""
EACH: tuple[str, ...] = (
    *("tempo", "key", "mode", "meter", "style", "density", "register", "polyphony"),
    *("dynamics", "articulation", "arousal", "instruments"),
)
"""Attributes that are looked at one by one; tempo stands for its number and its word."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """An excerpt and its caption.

    ``stated`` is what the parser understands of the caption, ``measured`` what the excerpt has
    (with the style that people wrote), ``semantic`` the numbers of the caption's tokens.
    """

    excerpt: Excerpt
    caption: str
    stated: Attributes
    measured: Attributes
    semantic: tuple[int, ...]

    @property
    def group(self) -> str:
        """Near-duplicates share one."""
        return self.excerpt.piece.group

    @property
    def table(self) -> str:
        """Where the piece comes from: its book, where the data tell, or else the data set."""
        piece = self.excerpt.piece
        return piece.about.get("book") or piece.source


def prompted_excerpts(
    pieces: Sequence[CorpusPiece],
    model: TextModel,
    *,
    bars: int = 16,
    limit: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Prompted]:
    """At most ``limit`` excerpts, as many groups as possible, with a long caption each.

    Which excerpts, and their captions' words, depend on ``seed`` and on the data alone.

    Raises DataError where no piece has an excerpt.
    """
    chosen = choose(pieces, bars, limit, np.random.default_rng([seed, 0]))
    words = np.random.default_rng([seed, 1])
    found = []
    for done, excerpt in enumerate(chosen):
        found.append(prompted(excerpt, model, words))
        if progress is not None:
            progress(done + 1, len(chosen), "captions")
    return found


def choose(
    pieces: Sequence[CorpusPiece], bars: int, limit: int, rng: np.random.Generator
) -> list[Excerpt]:
    """Excerpts drawn group by group: no group gives a second before every other gave a first."""
    groups: dict[str, list[CorpusPiece]] = {}
    for piece in sorted(pieces, key=lambda p: p.id):
        groups.setdefault(piece.group, []).append(piece)
    names = sorted(groups)
    order = [names[i] for i in rng.permutation(len(names))]
    drawn: list[list[Excerpt]] = []
    for name in order:
        if len(drawn) == limit:
            break
        every = [e for piece in groups[name] for e in excerpts(piece, bars)]
        if every:
            picks = rng.permutation(len(every))[:MOST_PER_GROUP]
            drawn.append([every[i] for i in picks])
    found = [row[turn] for turn in range(MOST_PER_GROUP) for row in drawn if len(row) > turn]
    if not found:
        raise DataError(
            "no piece is long enough to be measured",
            fix="Give data with pieces of some bars and eight notes or more",
        )
    return found[:limit]


def prompted(excerpt: Excerpt, model: TextModel, rng: np.random.Generator) -> Prompted:
    """An excerpt with its caption and what a model is given for it."""
    measured = measured_with_style(excerpt)
    text = caption(measured, excerpt.piece.about, rng, "long")
    return Prompted(excerpt, text, parse(text).attributes, measured, model.semantic(text))


def measured_with_style(excerpt: Excerpt) -> Attributes:
    """Measured attributes, and the style that people wrote."""
    style = excerpt.piece.about.get("style") or None
    return replace(measure(excerpt.music), style=style)


def only(attributes: Attributes, *names: str) -> Attributes:
    """The same with nothing but some attributes; ``tempo`` stands for number and word."""
    wide = {f for n in names for f in (("tempo_bpm", "tempo_word") if n == "tempo" else (n,))}
    fields = [f for f in Attributes.__dataclass_fields__ if f != "numbers"]
    return attributes.without(*(f for f in fields if f not in wide))


def states(attributes: Attributes, name: str) -> bool:
    """Whether an attribute of :data:`EACH` is stated."""
    if name == "tempo":
        return attributes.tempo_bpm is not None or attributes.tempo_word is not None
    return bool(getattr(attributes, name)) or name in attributes.numbers


def counts(prompts: Sequence[Prompted]) -> Mapping[str, int]:
    """How many pieces, groups and excerpts there are."""
    return {
        "n_pieces": len({p.excerpt.piece.id for p in prompts}),
        "n_groups": len({p.group for p in prompts}),
        "n_excerpts": len(prompts),
    }
