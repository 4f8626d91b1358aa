"""Fits the style classifier on labelled training pieces and measures it on held-out ones.

``python -m partimento.tasks.text2midi.style_fit --data abc_tunes mutopia --out FILE``

Tunes without a label are unknown, not folk, and left out; so are styles with fewer than 25
training pieces.  Pieces count alike, however many stretches they have; rare styles count more, by
one over the square root of their share.  Strength of the penalty and this root were chosen by
cross-validation inside the training part (groups of near-duplicates and composers kept together).
Shape suffixes: N stretches, F statistics, C styles.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.music.piece_statistics import piece_statistics
from partimento.music.style_classifier import CLIP, STRETCH, StyleModel
from partimento.music.styles import FAMILY
from partimento.tasks.text2midi.corpus import excerpts, read_corpus
from partimento.tasks.text2midi.interface import CorpusPiece

LEAST_PIECES = 25
MOST_EXCERPTS = 6
"""Stretches of one piece that are looked at."""
PENALTY = 0.02
"""Inverse strength C of the L2 penalty."""
RARE_POWER = 0.5
_NOBODY = ("", "traditional", "anonymous", "anon")


@dataclass(frozen=True, slots=True)
class Rows:
    """Statistics (N, F), styles (N,), pieces' numbers (N,); names of the statistics (F)."""

    values_NF: np.ndarray
    style: np.ndarray
    piece: np.ndarray
    names: tuple[str, ...]

    @property
    def share(self) -> np.ndarray:
        """(N,) one over the number of the piece's stretches."""
        count = np.bincount(self.piece)
        return np.asarray(1.0 / count[self.piece])

    def only(self, styles: Sequence[str]) -> Rows:
        """Rows of some styles."""
        kept = np.isin(self.style, list(styles))
        return Rows(self.values_NF[kept], self.style[kept], self.piece[kept], self.names)


def labelled_rows(pieces: Sequence[CorpusPiece]) -> Rows:
    """Statistics of stretches of 16 bars of every labelled piece.

    Raises DataError where no piece has a label.
    """
    values: list[list[float]] = []
    styles: list[str] = []
    numbers: list[int] = []
    names: tuple[str, ...] = ()
    for number, piece in enumerate(pieces):
        if not piece.about.get("style"):
            continue
        found = excerpts(piece, STRETCH, None)
        chosen = np.unique(np.linspace(0, len(found) - 1, MOST_EXCERPTS).round().astype(int))
        for i in chosen if found else ():
            statistics = piece_statistics(found[i].music)
            names = tuple(statistics)
            values.append(list(statistics.values()))
            styles.append(piece.about["style"])
            numbers.append(number)
    if not values:
        raise DataError("no piece of this data has a style", fix="Give the tunes or Mutopia")
    return Rows(np.array(values), np.array(styles), np.array(numbers), names)


def learnt_styles(rows: Rows, least: int = LEAST_PIECES) -> tuple[str, ...]:
    """Styles with at least ``least`` pieces, in alphabetical order."""
    of_piece = dict(zip(rows.piece.tolist(), rows.style.tolist(), strict=True))
    count = Counter(of_piece.values())
    return tuple(sorted(style for style, pieces in count.items() if pieces >= least))


def fit_style(rows: Rows, styles: Sequence[str]) -> StyleModel:
    """Logistic regression on rows of ``styles``; raises ValueError for fewer than two styles."""
    from sklearn.linear_model import LogisticRegression

    if len(styles) < 2:
        raise ValueError("a classifier needs at least two styles")
    rows = rows.only(styles)
    mean = rows.values_NF.mean(0)
    scale = rows.values_NF.std(0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    standard_NF = np.clip((rows.values_NF - mean) / scale, -CLIP, CLIP)
    total = {style: rows.share[rows.style == style].sum() for style in styles}
    weight = rows.share * np.array([total[style] ** -RARE_POWER for style in rows.style])
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit(standard_NF, rows.style, sample_weight=weight / weight.mean())
    names = tuple(str(name) for name in model.classes_)
    if len(names) == 2:  # scikit-learn keeps one column for two classes
        half = model.coef_[0] / 2, model.intercept_[0] / 2
        weight_FC = np.stack([-half[0], half[0]], axis=1)
        return StyleModel(rows.names, names, mean, scale, weight_FC, np.array([-half[1], half[1]]))
    return StyleModel(rows.names, names, mean, scale, model.coef_.T, model.intercept_)


def measure_style(model: StyleModel, rows: Rows) -> dict[str, Any]:
    """:func:`measure_answers` of a model on those rows whose style it knows."""
    rows = rows.only(model.styles)
    return measure_answers(model.styles, model.probabilities(rows.values_NF), rows)


def measure_answers(styles: Sequence[str], shares_NC: np.ndarray, rows: Rows) -> dict[str, Any]:
    """Accuracy, balanced accuracy, chance and confusion of probabilities (N, C).

    Every piece counts once.  ``chance`` is the share of the commonest style; ``random`` that two
    pieces drawn at random have one style.  Raises ValueError without rows.
    """
    if not len(rows.style):
        raise ValueError("there is no row of a style that the model knows")
    said = np.array(list(styles))[shares_NC.argmax(1)]
    right = said == rows.style
    present = sorted(set(rows.style.tolist()))
    weight = rows.share
    recall = {
        s: float(np.average(right[rows.style == s], weights=weight[rows.style == s]))
        for s in present
    }
    part = np.array([weight[rows.style == s].sum() for s in present]) / weight.sum()
    family = np.array([FAMILY[s] for s in rows.style])
    same = np.array([FAMILY[s] for s in said]) == family
    return {
        "pieces": len(np.unique(rows.piece)),
        "excerpts": len(rows.style),
        "accuracy": float(np.average(right, weights=weight)),
        "balanced_accuracy": float(np.mean(list(recall.values()))),
        "family_accuracy": float(np.average(same, weights=weight)),
        "mean_probability_of_answer": float(np.average(shares_NC.max(1), weights=weight)),
        "chance": float(part.max()),
        "random": float((part**2).sum()),
        "recall": recall,
        "accuracy_by_family": {
            str(f): float(np.average(right[family == f], weights=weight[family == f]))
            for f in sorted(set(family.tolist()))
        },
        "confusion": _confusion(rows, said),
    }


def _confusion(rows: Rows, said: np.ndarray) -> dict[str, dict[str, float]]:
    """Style -> what was said of it -> share of its pieces, the commonest first."""
    table: dict[str, dict[str, float]] = {}
    for style in sorted(set(rows.style.tolist())):
        mine = rows.style == style
        total = rows.share[mine].sum()
        found = {
            str(s): float(rows.share[mine & (said == s)].sum() / total)
            for s in np.unique(said[mine])
        }
        table[style] = dict(sorted(found.items(), key=lambda item: -item[1]))
    return table


def cross_validate(pieces: Sequence[CorpusPiece], folds: int = 5) -> dict[str, Any]:
    """Measures on training pieces, each said by a model that saw nothing of its group.

    Groups are near-duplicates of tunes and composers, where one is named.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    rows = labelled_rows(pieces)
    styles = learnt_styles(rows)
    rows = rows.only(styles)
    group = np.array([_kept_together(pieces[i]) for i in rows.piece])
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    said_NC = np.zeros((len(rows.style), len(styles)))
    for train, test in parts.split(rows.values_NF, rows.style, group):
        part = Rows(rows.values_NF[train], rows.style[train], rows.piece[train], rows.names)
        model = fit_style(part, styles)
        said_NC[np.ix_(test, [styles.index(s) for s in model.styles])] = model.probabilities(
            rows.values_NF[test]
        )
    return measure_answers(styles, said_NC, rows)


def _kept_together(piece: CorpusPiece) -> str:
    """The composer where somebody is named, else the group."""
    named = piece.composer.lower() not in _NOBODY
    return f"composer {piece.composer}" if named else piece.group


def style_figures(model: StyleModel, pieces: Sequence[CorpusPiece]) -> dict[str, Any]:
    """The model on held-out pieces, and the recipe in cross-validation on training pieces."""
    train = [piece for piece in pieces if piece.part == "train"]
    valid = [piece for piece in pieces if piece.part == "valid"]
    return {
        "styles": list(model.styles),
        "held_out": measure_style(model, labelled_rows(valid)),
        "cross_validated": cross_validate(train),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on the training part, write the model, print its figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders or archives")
    parser.add_argument("--out", type=Path, required=True, help="model to write (.npz)")
    options = parser.parse_args(arguments)
    pieces = [piece for source in options.data for piece in read_corpus(source)]
    rows = labelled_rows([piece for piece in pieces if piece.part == "train"])
    model = fit_style(rows, learnt_styles(rows))
    write_atomic(options.out, model.to_bytes())
    figures = style_figures(model, pieces)
    for part in ("held_out", "cross_validated"):
        print(part, {k: v for k, v in figures[part].items() if isinstance(v, float)})


if __name__ == "__main__":
    main()
