"""Ways of playing beside what pianists did on works that nothing was learnt from.

Tempo of beats, velocity and articulation of notes, each about its mean in the section; correlation
and share explained; a work counts once, intervals are from a bootstrap over works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.progress import Progress
from partimento.music.expression import Played, Player, draw_player, play
from partimento.music.expression_learnt import Style, draw_style, play_learnt
from partimento.music.expression_measures import (
    Quantities,
    agreements,
    by_work,
    mean_quantities,
    quantities_of,
    quantities_played,
)
from partimento.music.expression_model import SHIPPED, ExpressionModel, load_expression
from partimento.music.expression_pairs import Pair, read_pairs

Rows = list[tuple[str, dict[str, float]]]
WAYS: tuple[str, ...] = (
    "deadpan", "rules", "rules drawn", "learnt", "learnt drawn", "another pianist",
    "mean of other pianists",
)  # fmt: skip
"""``drawn`` is the mean over players as `song` draws them; without it the mean player.  Other
pianists played the same section, where there are any: what can be known of one from others."""


def agreement_on_works(
    folder: str | Path,
    *,
    weights: str | Path = SHIPPED,
    part: str = "validation",
    players: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Every way of :data:`WAYS` on the performed sections of a part.

    ``folder``: as :func:`partimento.music.expression_pairs.read_pairs`.  Raises DataError as it
    does, and for weights of another kind.
    """
    model = load_expression(weights)
    pairs = list(read_pairs(folder, part))
    real = [quantities_of(pair) for pair in pairs]
    rows: dict[str, Rows] = {way: [] for way in WAYS}
    for n, pair in enumerate(pairs):
        rng = np.random.default_rng([seed, n])
        others = [
            real[m] for m, other in enumerate(pairs)
            if m != n and (other.work, other.section) == (pair.work, pair.section)
        ]  # fmt: skip
        for way, told in {**_played(pair, model, players, rng), **_people(others)}.items():
            rows[way].append((pair.work, _mean([agreements(real[n], one) for one in told])))
        if progress is not None:
            progress(n + 1, len(pairs), "sections played")
    difference: Rows = [
        (work, {name: ours[name] - theirs[name] for name in ours})
        for (work, ours), (_, theirs) in zip(rows["learnt"], rows["rules"], strict=True)
    ]
    return {
        "weights": model.name,
        "part": part,
        "works": len({pair.work for pair in pairs}),
        "performances": len({pair.performance for pair in pairs}),
        "sections": len(pairs),
        "notes": int(sum(pair.found.sum() for pair in pairs)),
        "ways": {way: by_work(row, seed) for way, row in rows.items() if row},
        "learnt_less_rules": by_work(difference, seed),
    }


def _people(others: Sequence[Quantities]) -> dict[str, list[Quantities]]:
    """What another pianist, and the mean of all others, tell of this one."""
    if not others:
        return {}
    return {"another pianist": list(others), "mean of other pianists": [mean_quantities(others)]}


def _played(
    pair: Pair, model: ExpressionModel, players: int, rng: np.random.Generator
) -> dict[str, list[Quantities]]:
    """The section as rules and network have it."""
    spread = float(model.manners.level_mean[0])
    mean = Player(unsteady=0.0)
    style = Style(spread=spread)
    nothing = np.zeros(len(pair.piece))
    silent = Quantities(np.zeros(len(pair.beat_tick) - 1), nothing, nothing)
    return {
        "deadpan": [silent],
        "rules": [_by_rules(pair, mean, spread, rng)],
        "rules drawn": [_by_rules(pair, draw_player(rng), spread, rng) for _ in range(players)],
        "learnt": [_as_learnt(pair, style, model, rng)],
        "learnt drawn": [
            _as_learnt(pair, draw_style(rng, model=model), model, rng) for _ in range(players)
        ],
    }


def _by_rules(pair: Pair, player: Player, spread: float, rng: np.random.Generator) -> Quantities:
    """The tempo is measured without the lead and the unsteadiness of single notes."""
    dry = replace(player, pedal=False)
    steady = replace(dry, lead=0.0, unsteady=0.0)
    return _both(pair, play(pair.piece, dry, rng), play(pair.piece, steady, rng), spread)


def _as_learnt(
    pair: Pair, style: Style, model: ExpressionModel, rng: np.random.Generator
) -> Quantities:
    dry = replace(style, pedal=False, timing=0.0)
    played = play_learnt(pair.piece, dry, rng, model)
    return _both(pair, played, played, style.spread)


def _both(pair: Pair, notes: Played, beats: Played, spread: float) -> Quantities:
    told = quantities_played(notes, pair.beat_tick, spread)
    return replace(told, tempo=quantities_played(beats, pair.beat_tick, spread).tempo)


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every measure over players; NaN where one is not known."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
