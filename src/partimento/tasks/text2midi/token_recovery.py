"""Can the semantic token be told from the music?

A logistic regression learns from real training music which semantic token its caption has; then it
guesses the token that generated music was asked for.  How well it guesses for real held-out music
is the ceiling.  Shapes: P pieces, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.core.errors import MissingExtraError
from partimento.music.attributes import LEVELS, measure
from partimento.music.barpiece import METERS, BarPiece
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.tasks.text2midi.intervals import Interval, mean_interval
from partimento.tasks.text2midi.quality import note_values, pitch_classes, places

Labelled = tuple[BarPiece, int]


def features(piece: BarPiece) -> np.ndarray:
    """(F,) attribute statistics: numbers, tempo, mode, meter, instruments, three histograms."""
    found = measure(piece)
    meter, instruments = np.zeros(len(METERS)), np.zeros(len(INSTRUMENTS))
    if piece.meter in METERS:
        meter[METERS.index(piece.meter)] = 1.0
    instruments[[INSTRUMENT_ID[name] for name in found.instruments]] = 1.0
    plain = [
        *(found.numbers[name] for name in LEVELS),
        float(piece.tempo_stated),
        np.log2(piece.tempo_bpm / 120.0) * piece.tempo_stated,
        float(found.mode == "minor"),
    ]
    shares = [
        h / max(1, h.sum()) for h in (pitch_classes(piece), note_values(piece), places(piece))
    ]
    return np.concatenate([plain, meter, instruments, *shares])


def recovery_report(
    training: Sequence[Labelled],
    held_out: Sequence[Labelled],
    generated: Mapping[str, Sequence[Labelled]],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy on real held-out music (the ceiling), by chance, and on generated music.

    ``generated`` maps a name of how it was asked for to its pieces with the tokens asked for;
    ``share_of_ceiling`` is accuracy over ceiling, ``normalised`` the same above chance.  Chance:
    the commonest token of the training music, always.  ``groups`` of the held-out pieces.

    Raises ValueError where the training music has fewer than two tokens, MissingExtraError without
    scikit-learn.
    """
    classes = np.array([token for _, token in training])
    if len(np.unique(classes)) < 2:
        raise ValueError("a classifier needs music of two semantic tokens at least")
    guess = _fit(np.stack([features(piece) for piece, _ in training]), classes)
    common = int(np.bincount(classes).argmax())
    names = list(groups) if groups is not None else [str(i) for i in range(len(held_out))]
    ceiling = _accuracy(guess, held_out, names, np.random.default_rng([seed, 70]))
    chance = float(np.mean([token == common for _, token in held_out]))
    report: dict[str, Any] = {
        "tokens": len(np.unique(classes)),
        "training": len(training),
        "ceiling": ceiling.to_dict(),
        "chance": chance,
    }
    for place, (name, rows) in enumerate(generated.items()):
        rng = np.random.default_rng([seed, 71 + place])
        found = _accuracy(guess, rows, [str(i) for i in range(len(rows))], rng)
        above = ceiling.value - chance
        report[name] = {
            **found.to_dict(),
            "share_of_ceiling": found.value / ceiling.value if ceiling.value > 0 else None,
            "normalised": (found.value - chance) / above if above > 0 else None,
        }
    return report


def _fit(table_PF: np.ndarray, classes: np.ndarray) -> Any:
    """Standardised features into a logistic regression with an L2 penalty."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingExtraError(
            "scikit-learn is not installed, and the classifier of semantic tokens needs it",
            fix="Install partimento[train]",
        ) from error
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return model.fit(table_PF, classes)


def _accuracy(
    guess: Any, rows: Sequence[Labelled], groups: Sequence[str], rng: np.random.Generator
) -> Interval:
    """Silent pieces count as wrong."""
    kept = [i for i, (piece, _) in enumerate(rows) if len(piece)]
    right = np.zeros(len(rows))
    if kept:
        guessed = guess.predict(np.stack([features(rows[i][0]) for i in kept]))
        right[kept] = guessed == np.array([rows[i][1] for i in kept])
    return mean_interval(right, groups, rng)
