"""How good the learnt expression is: beside pianists on held-out works, and heard by the critic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from partimento.chain.song import JUDGED_BY
from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.music.barpiece import BarPiece
from partimento.music.expression import Played, draw_player, play
from partimento.music.expression_learnt import Style, draw_style, play_learnt
from partimento.music.expression_measures import by_work
from partimento.music.expression_model import SHIPPED, ExpressionModel, load_expression
from partimento.music.performance_write import write_performance
from partimento.tasks.critique.judge import critique
from partimento.tasks.critique.loading import DEFAULT_WEIGHTS as CRITIC
from partimento.tasks.critique.outcome import Critique
from partimento.tasks.piano.expression_evaluate import agreement_on_works
from partimento.tasks.text2midi.compose import compose
from partimento.tasks.text2midi.wishes import MOST_BARS

TEXTS: tuple[str, ...] = (
    "a calm piece in C major for piano",
    "a lively dance in G major in 3/4",
    "a sad slow piece in D minor for piano",
    "a fast virtuosic piano piece in E minor",
    "a gentle waltz in F major for piano",
    "a dramatic piece in C minor for piano",
    "a cheerful jig in 6/8",
    "a slow hymn in E flat major",
    "a dreamy nocturne in B flat major for piano",
    "a march in D major",
    "an energetic baroque piece for piano in A minor",
    "a simple folk tune in A major for piano",
)
"""What is composed for the critic: moods, meters and tempi in turn; chosen once, never changed."""


def evaluate_expression(
    folder: str | Path,
    *,
    weights: str | Path = SHIPPED,
    part: str = "validation",
    players: int = 3,
    pieces: int = len(TEXTS),
    bars: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learnt expression, rules and no expression at all, on performed and on composed pieces.

    ``folder`` holds ASAP unpacked with its ``performances.csv``; ``part`` is what to measure on.
    ``pieces`` (0 to 12) are composed, played by ``players`` players in each way, and judged.

    Raises ConfigError for impossible counts, DataError for a folder without the data.
    """
    for name, count, least, most in (
        ("players", players, 1, 16),
        ("pieces", pieces, 0, len(TEXTS)),
        ("bars", bars, 2, MOST_BARS),
    ):
        if not least <= count <= most:
            raise ConfigError(
                f"{count} is not between {least} and {most}",
                where=f"--{name}",
                fix=f"Use {least} to {most}",
            )
    report = agreement_on_works(
        folder, weights=weights, part=part, players=players, seed=seed, progress=progress
    )
    if pieces:
        model = load_expression(weights)
        report["critic"] = judged_ways(model, players, pieces, bars, seed, progress)
    return report


def judged_ways(
    model: ExpressionModel, players: int, pieces: int, bars: int, seed: int,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The critic's score of the interpretation of composed pieces played in each way."""
    with TemporaryDirectory() as place:
        for number in range(pieces):
            made = compose(TEXTS[number], bars=bars, n=1, seed=seed + number)
            for way, several in _ways(made.pieces[0].piece, model, players, (seed, number)).items():
                for take, played in enumerate(several):
                    path = Path(place) / f"{number:02d}-{way}-{take}.mid"
                    write_performance(played.performance(), path)
            if progress is not None:
                progress(number + 1, pieces, "pieces composed")
        result = critique(sorted(map(str, Path(place).glob("*.mid"))), weights=CRITIC)
    means = _means(result)
    return {
        "dimension": JUDGED_BY, "critic": CRITIC, "pieces": pieces, "bars": bars,
        "players": players,
        "ways": {way: _interval(found, seed) for way, found in sorted(means.items())},
        "learnt_less_rules": _interval(
            {n: x - means["rules"][n] for n, x in means["learnt"].items() if n in means["rules"]},
            seed,
        ),
    }  # fmt: skip


def _means(result: Critique) -> dict[str, dict[str, float]]:
    """Way -> piece -> mean score over its players."""
    scores: dict[str, dict[str, list[float]]] = {}
    for judged in result.judged:
        piece, way, _ = judged.clip.performance.stem.split("-")
        scores.setdefault(way, {}).setdefault(piece, []).append(judged.score(JUDGED_BY))
    return {
        way: {piece: float(np.mean(found)) for piece, found in pieces.items()}
        for way, pieces in scores.items()
    }


def _ways(
    piece: BarPiece, model: ExpressionModel, players: int, seed: tuple[int, int]
) -> dict[str, list[Played]]:
    """One piece without expression, by players of the rules, and by learnt ones."""
    if len(piece) == 0:
        return {}
    # Keys held for 92 % of what is written, as the rules' mean player holds them.
    plain = Style(amount=0.0, touch=-0.08, pedal=False)
    even = replace(piece, velocity=np.full(len(piece), 64))

    def many(one: Callable[[np.random.Generator], Played]) -> list[Played]:
        return [one(np.random.default_rng([*seed, n])) for n in range(players)]

    return {
        "deadpan": [play_learnt(even, plain, np.random.default_rng(seed[0]), model)],
        "rules": many(lambda rng: play(piece, draw_player(rng), rng)),
        "learnt": many(lambda rng: play_learnt(piece, draw_style(rng, model=model), rng, model)),
    }


def _interval(found: Mapping[str, float], seed: int) -> dict[str, float]:
    """Mean with a 95 % interval over pieces."""
    rows = [(piece, {"score": score}) for piece, score in sorted(found.items())]
    return by_work(rows, seed).get("score", {}) if rows else {}
