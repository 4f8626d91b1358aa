"""Fitting the encoder: a forest teaches small networks, on variants and mixtures.

A few hundred recordings are too few for a network alone (0.905 of ESC-10, four folds); a forest of
extremely randomised trees is better on them (0.92) but has no code and cannot learn from
mixtures.  Networks that learn half from the labels and half from the forest reach 0.94.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from partimento.core.progress import Progress
from partimento.nn.threads import one_thread
from partimento.tasks.audio2visual.concepts import CONCEPTS, SOUNDS
from partimento.tasks.audio2visual.encoder import (
    FACTORS,
    LABELS,
    OUTPUTS,
    Member,
    SoundEncoder,
    Strangeness,
    groups,
    log_softmax,
    standardised,
)
from partimento.tasks.audio2visual.encoder_data import (
    GENTLE,
    MEDIUM,
    STRONG,
    Rows,
    Sounds,
    joined,
    mixed_rows,
    varied_rows,
)

MUSIC_ROW = LABELS.index("Music")
_RIDGE = 1.0
_SHRINK = 0.05


@dataclass(frozen=True, slots=True)
class Music:
    """Excerpts of music: statistics (N, S), kinds (N,) as numbers of concepts, tonality (N, 4).

    ``factors_NF`` holds the number of each factor's value in the order of FACTORS; ``minor_N`` is
    1 for minor.
    """

    statistics_NS: np.ndarray
    factors_NF: np.ndarray
    minor_N: np.ndarray
    tones_N4: np.ndarray
    kinds_N: np.ndarray

    def part(self, places: np.ndarray) -> Music:
        """Some of them."""
        return Music(
            self.statistics_NS[places], self.factors_NF[places], self.minor_N[places],
            self.tones_N4[places], self.kinds_N[places],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is spent."""

    variants: int = 24
    forest_variants: int = 6
    mixtures: int = 8000
    trees: int = 400
    members: int = 3
    hidden: int = 256
    code: int = 20
    epochs: int = 15
    rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.15
    input_dropout: float = 0.1
    batch: int = 128
    taught: float = 0.5
    """Weight of the forest's answers against the labels."""


DEFAULT = Effort()


@dataclass(frozen=True, slots=True)
class _Material:
    inputs_NS: np.ndarray
    labels_NL: np.ndarray
    factors_NF: np.ndarray
    """-1 where the row is no music."""


def forest_answers(clean: Rows, asked_NS: np.ndarray, trees: int, seed: int) -> np.ndarray:
    """(N, L) what a forest learnt from clean rows says of others.

    Extremely randomised trees (Geurts et al. 2006): on few rows of many statistics they need no
    tuning.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(
        trees, min_samples_leaf=2, max_features=0.1, random_state=seed, n_jobs=1
    )
    forest.fit(clean.statistics_NS, clean.labels_NL.argmax(1))
    answers = np.zeros((len(asked_NS), len(LABELS)), dtype=np.float32)
    answers[:, forest.classes_] = forest.predict_proba(asked_NS)
    return answers


def fit_encoder(
    sounds: Sounds,
    music: Music | None,
    effort: Effort = DEFAULT,
    *,
    seed: int = 0,
    name: str = "audio2visual",
    progress: Progress | None = None,
) -> SoundEncoder:
    """The encoder of some recordings and, where given, music; without music that label stays dumb.

    Temperature 1 and threshold 0: those come from recordings that were left out
    (:mod:`partimento.tasks.audio2visual.encoder_check`).
    """
    rng = np.random.default_rng([seed, len(sounds.labels_N)])
    varied = varied_rows(sounds, MEDIUM, effort.variants, len(LABELS), rng)
    mixed = mixed_rows(sounds, STRONG, effort.mixtures, len(LABELS), rng)
    rows = joined(varied, mixed)
    clean = varied_rows(sounds, GENTLE, effort.forest_variants, len(LABELS), rng)
    taught = forest_answers(clean, rows.statistics_NS, effort.trees, seed)
    labels = effort.taught * taught + (1.0 - effort.taught) * rows.labels_NL
    mean, scale = rows.statistics_NS.mean(0), rows.statistics_NS.std(0) + 1e-3
    material = _material(rows, labels, music, mean, scale)
    members = []
    for number in range(effort.members):
        members.append(_train_member(material, effort, seed * 1000 + number))
        if progress is not None:
            progress(number + 1, effort.members, "networks trained")
    empty = Strangeness(np.zeros((1, 1)), np.eye(1), np.array([0.0, 0.0, 1.0, 1.0]), 0.0)
    encoder = SoundEncoder(
        name, mean, scale, tuple(members), _mode_weights(music),
        np.zeros((effort.members * effort.code + 1, len(CONCEPTS)), np.float32), 1.0, empty,
    )  # fmt: skip
    return _finished(encoder, clean, Rows(rows.statistics_NS, labels), music)


def _material(
    rows: Rows, labels_NL: np.ndarray, music: Music | None, mean: np.ndarray, scale: np.ndarray
) -> _Material:
    statistics, labels = [rows.statistics_NS], [labels_NL]
    factors = [np.full((len(rows), len(FACTORS)), -1)]
    if music is not None:
        statistics.append(music.statistics_NS)
        labels.append(np.eye(len(LABELS))[np.full(len(music.kinds_N), MUSIC_ROW)])
        factors.append(music.factors_NF)
    inputs = standardised(np.concatenate(statistics), mean, scale).astype(np.float32)
    return _Material(inputs, np.concatenate(labels).astype(np.float32), np.concatenate(factors))


def _network(inputs: int, effort: Effort) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(effort.input_dropout),
        nn.Linear(inputs, effort.hidden),
        nn.GELU(),
        nn.Dropout(effort.dropout),
        nn.Linear(effort.hidden, effort.code),
        nn.GELU(),
        nn.Dropout(effort.dropout),
        nn.Linear(effort.code, OUTPUTS),
    )


def _loss(logits: torch.Tensor, labels: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the labels, and of each factor over the rows that are music."""
    first, *others = groups()
    loss = -(labels * logits[:, first].log_softmax(1)).sum(1).mean()
    for number, group in enumerate(others):
        # The mean over all rows: a batch with little music gets little of this loss.
        each = nn.functional.cross_entropy(
            logits[:, group], factors[:, number], ignore_index=-1, reduction="sum"
        )
        loss = loss + each / len(logits)
    return loss


def _train_member(material: _Material, effort: Effort, seed: int) -> Member:
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(material.inputs_NS.shape[1], effort)
        inputs = torch.from_numpy(material.inputs_NS)
        labels, factors = (
            torch.from_numpy(material.labels_NL),
            torch.from_numpy(material.factors_NF),
        )
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=effort.rate, weight_decay=effort.weight_decay
        )
        steps = max(1, effort.epochs * len(inputs) // effort.batch)
        for step in range(steps):
            rise = min(1.0, (step + 1) / 100)
            for group in optimiser.param_groups:
                group["lr"] = effort.rate * rise * 0.5 * (1.0 + np.cos(np.pi * step / steps))
            chosen = torch.randint(len(inputs), (effort.batch,))
            loss = _loss(network(inputs[chosen]), labels[chosen], factors[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    # Half precision is how they are kept; so a file changes nothing.
    arrays = [
        array.detach().numpy().astype(np.float16).astype(np.float32)
        for layer in layers
        for array in (layer.weight.T, layer.bias)
    ]
    return Member(*arrays)


def _mode_weights(music: Music | None) -> np.ndarray:
    """(5,) logistic regression of minor on the tonality."""
    if music is None:
        return np.zeros(5, dtype=np.float32)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0).fit(music.tones_N4, music.minor_N)
    return np.concatenate([model.coef_[0], model.intercept_]).astype(np.float32)


def _finished(
    encoder: SoundEncoder, clean: Rows, taught: Rows, music: Music | None
) -> SoundEncoder:
    """The encoder with its closed-form readout and its measure of strangeness.

    The readout learns from the variants and mixtures with the labels that the networks learnt: on
    hard labels of clean recordings alone it is 1 to 2 points worse.
    """
    statistics, labels = clean.statistics_NS, clean.labels_NL.argmax(1)
    asked = taught.statistics_NS
    targets = np.zeros((len(taught), len(CONCEPTS)))
    targets[:, : len(SOUNDS)] = taught.labels_NL[:, : len(SOUNDS)]
    if music is not None:
        statistics = np.concatenate([statistics, music.statistics_NS])
        labels = np.concatenate([labels, np.full(len(music.kinds_N), MUSIC_ROW)])
        asked = np.concatenate([asked, music.statistics_NS])
        targets = np.concatenate([targets, np.eye(len(CONCEPTS))[music.kinds_N]])
    readout = ridge(encoder.code(asked).astype(np.float64), targets)
    code = encoder.code(statistics).astype(np.float64)
    log_p = log_softmax(encoder.outputs(code)[:, : len(LABELS)])
    return replaced(encoder, readout_DK=readout, strangeness=_strangeness(code, labels, log_p))


def ridge(code_ND: np.ndarray, targets_NK: np.ndarray, penalty: float = _RIDGE) -> np.ndarray:
    """(D + 1, K) least squares with a penalty on all but the offset.

    Where the rows of the targets sum to one, so do the predictions.
    """
    centre, middle = code_ND.mean(0), targets_NK.mean(0)
    centred = code_ND - centre
    gram = centred.T @ centred + penalty * np.eye(code_ND.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets_NK - middle))
    return np.concatenate([weights, (middle - centre @ weights)[None]]).astype(np.float32)


def _strangeness(code_ND: np.ndarray, labels_N: np.ndarray, log_p_NL: np.ndarray) -> Strangeness:
    present = np.unique(labels_N)
    means = np.stack([code_ND[labels_N == label].mean(0) for label in present])
    away = code_ND - means[np.searchsorted(present, labels_N)]
    spread = away.T @ away / len(away)
    size = np.trace(np.cov(code_ND.T)) / code_ND.shape[1]
    inverse = np.linalg.inv(spread + _SHRINK * size * np.eye(len(spread)))
    first = Strangeness(means, inverse, np.array([0.0, 0.0, 1.0, 1.0]), 0.0)
    return rescaled(first, log_p_NL, code_ND)


def rescaled(strange: Strangeness, log_p_NL: np.ndarray, code_ND: np.ndarray) -> Strangeness:
    """The same measure in standard deviations of these (known) sounds."""
    entropy, distance = strange.parts(log_p_NL, code_ND)
    scale = np.array([entropy.mean(), distance.mean(), entropy.std() + 1e-6, distance.std() + 1e-6])
    return Strangeness(strange.means_LD, strange.inverse_DD, scale, strange.threshold)


def replaced(encoder: SoundEncoder, **changes: object) -> SoundEncoder:
    """The encoder with some fields changed."""
    from dataclasses import replace

    return replace(encoder, **changes)  # type: ignore[arg-type]
