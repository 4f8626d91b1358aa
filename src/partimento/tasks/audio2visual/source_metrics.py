"""How near predictions come to the prompts of their classes in text space.

Shape suffixes: N clips, K classes, E numbers of a target, flattened.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.doctor.outputs import output_diversity


@dataclass(frozen=True, slots=True)
class TextSpaceFigures:
    """Figures of one target over clips."""

    mse: float
    """Squared error per number, of embeddings as they are (not of z-scores)."""
    constant_mse: float
    """The same of the training clips' mean target."""
    top1: float
    """Share of clips whose prediction is nearest to their own prompt by cosine."""
    diversity: float
    """See :func:`partimento.doctor.outputs.output_diversity`."""

    @property
    def r2(self) -> float:
        """Share of the constant's squared error that is explained; 0 is a constant."""
        return 1.0 - self.mse / self.constant_mse


def nearest(predicted_NE: np.ndarray, table_KE: np.ndarray) -> np.ndarray:
    """(N,): the prompt of the highest cosine."""
    prompts = table_KE / np.linalg.norm(table_KE, axis=1, keepdims=True)
    # A prediction's own length changes no order.
    return np.asarray((predicted_NE @ prompts.T).argmax(1))


def text_space_figures(
    predicted: np.ndarray, classes_N: np.ndarray, table: np.ndarray, constant: np.ndarray
) -> TextSpaceFigures:
    """Figures of predictions (N, ...) for clips of ``classes_N``.

    ``table`` (K, ...) holds the classes' targets, ``constant`` (...) the mean target of the
    training clips.  Raises ValueError for no clips or shapes that differ.
    """
    if not len(predicted) or predicted.shape[1:] != table.shape[1:]:
        raise ValueError(f"predictions {predicted.shape} do not fit targets {table.shape}")
    predicted_NE = predicted.reshape(len(predicted), -1)
    table_KE, constant_E = table.reshape(len(table), -1), constant.reshape(-1)
    errors_K = ((table_KE - constant_E) ** 2).mean(1)
    errors_N = np.array(
        [np.square(p - table_KE[c]).mean() for p, c in zip(predicted_NE, classes_N, strict=True)]
    )
    wanted_NE = table_KE[classes_N]
    return TextSpaceFigures(
        mse=float(errors_N.mean()),
        constant_mse=float(errors_K[classes_N].mean()),
        top1=float((nearest(predicted_NE, table_KE) == classes_N).mean()),
        diversity=output_diversity(predicted_NE, wanted_NE).measured,
    )
