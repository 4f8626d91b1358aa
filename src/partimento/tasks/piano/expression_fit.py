"""The learnt expression fitted: sections read, the network trained, the players' manners found.

Shape suffixes: B windows, N notes, F features, C channels, T targets, S styles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from partimento.core.config import Config
from partimento.core.progress import Progress
from partimento.music.corpora_piano import split_by_hash
from partimento.music.expression_features import note_features
from partimento.music.expression_measures import agreement
from partimento.music.expression_model import MOST_LAYERS, UNUSUAL
from partimento.music.expression_pairs import Pair
from partimento.music.expression_targets import CONTINUOUS, TARGETS, targets_of
from partimento.nn.threads import one_thread
from partimento.tasks.piano.expression_network import ExpressionConvolution

_PRICES = (25.0, 1.0, 1.4, 0.25, 0.5, 0.5)
"""Of a squared error or nat of each target: about one over its variance, less for the timing."""
_LEAST_SCALE = 1e-3


@dataclass(frozen=True, slots=True)
class Section:
    """One performed section in the order of the network: onset, then pitch.

    ``features`` (N, F), ``value`` and ``weight`` (N, T); ``level`` (2,) spread and touch.
    """

    work: str
    passage: tuple[str, int]
    performance: str
    features: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    level: np.ndarray


class Effort(Config):
    """Size of the network, and how much is spent on training."""

    channels: int = Field(64, ge=1, description="channels of every layer")
    layers: int = Field(8, ge=1, le=MOST_LAYERS, description="layers; each looks twice as far")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout")
    steps: int = Field(2400, ge=1, description="steps of the optimiser")
    windows: int = Field(16, ge=1, description="windows in a step")
    notes: int = Field(512, ge=8, description="notes of a window")
    peak_lr: float = Field(3e-3, gt=0, description="highest learning rate")
    weight_decay: float = Field(1e-2, ge=0, description="weight decay")
    check_every: int = Field(300, ge=1, description="steps between two checks")


def sections_of(pairs: Iterable[Pair]) -> list[Section]:
    """Inputs and targets of performed sections."""
    sections = []
    for pair in pairs:
        order = np.lexsort((pair.piece.pitch, pair.piece.onset))
        targets = targets_of(pair)
        sections.append(
            Section(
                pair.work, (pair.work, pair.section), pair.performance,
                note_features(pair.piece)[order], targets.value[order], targets.weight[order],
                np.array([targets.spread, targets.touch]),
            )
        )  # fmt: skip
    return sections


def left_out(sections: Sequence[Section], share: float) -> tuple[list[Section], list[Section]]:
    """Sections to learn from and to check with; a work is in one part, by the hash of its name."""
    parts: dict[str, list[Section]] = {"train": [], "validation": []}
    for section in sections:
        parts[split_by_hash(section.work, share)].append(section)
    return parts["train"], parts["validation"]


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and scale (F,) of the features of the training part."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, sections: Sequence[Section]) -> Standard:
        """Over all notes."""
        notes = np.concatenate([s.features for s in sections]).astype(np.float64)
        return cls(notes.mean(0), np.maximum(notes.std(0), _LEAST_SCALE))

    def __call__(self, features: np.ndarray) -> Tensor:
        """Standardised and cut as the player does."""
        scaled = np.clip((features - self.mean) / self.scale, -UNUSUAL, UNUSUAL)
        return torch.from_numpy(scaled.astype(np.float32))


def train_network(
    train: Sequence[Section], check: Sequence[Section], effort: Effort, seed: int,
    *, log: Callable[[dict[str, float | int]], None], progress: Progress | None = None,
) -> tuple[ExpressionConvolution, Standard]:  # fmt: skip
    """A network trained on windows; works are drawn by the root of their length.

    ``log`` takes a row of figures on ``check`` from time to time.
    """
    standard = Standard.of(train)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ExpressionConvolution(effort.channels, effort.layers, effort.dropout)
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=effort.peak_lr, weight_decay=effort.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, effort.peak_lr, total_steps=effort.steps, pct_start=0.1
        )
        draw = _Windows(train, standard, effort, np.random.default_rng(seed))
        total = 0.0
        for step in range(1, effort.steps + 1):
            total += _step(network, optimiser, draw.batch())
            schedule.step()
            if step % effort.check_every == 0 or step == effort.steps:
                done = (step - 1) % effort.check_every + 1
                log(
                    {
                        "step": step,
                        "train_loss": total / done,
                        **check_row(network, standard, check),
                    }
                )
                total = 0.0
            if progress is not None:
                progress(step, effort.steps, "steps")
    return network.eval(), standard


def _step(
    network: ExpressionConvolution,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor, Tensor],
) -> float:
    """One step; the cost before it."""
    network.train()
    features, value, weight = batch
    cost = _cost(network(features), value, weight)
    optimiser.zero_grad()
    cost.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(cost.detach())


class _Windows:
    """Random windows of sections."""

    def __init__(
        self, sections: Sequence[Section], standard: Standard, effort: Effort,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.inputs = [standard(s.features) for s in sections]
        self.sections, self.effort, self.rng = sections, effort, rng
        works: dict[str, list[int]] = {}
        for place, section in enumerate(sections):
            works.setdefault(section.work, []).append(place)
        self.works = [np.array(places) for places in works.values()]
        length = np.array([sum(len(sections[p].value) for p in places) for places in self.works])
        self.chance = np.sqrt(length) / np.sqrt(length).sum()

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, N, F), values and weights (B, N, T); short sections end with weight 0."""
        count, notes = self.effort.windows, self.effort.notes
        features = torch.zeros(count, notes, self.inputs[0].shape[1])
        value, weight = (torch.zeros(count, notes, len(TARGETS)) for _ in range(2))
        for row, work in enumerate(self.rng.choice(len(self.works), count, p=self.chance)):
            place = int(self.rng.choice(self.works[work]))
            section = self.sections[place]
            start = int(self.rng.integers(max(1, len(section.value) - notes + 1)))
            here = slice(start, start + notes)
            length = len(section.value[here])
            features[row, :length] = self.inputs[place][here]
            value[row, :length] = torch.from_numpy(section.value[here])
            weight[row, :length] = torch.from_numpy(section.weight[here])
        return features, value, weight


def _cost(out: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """Squared errors of the numbers and nats of the truths, at their prices."""
    square = (out[..., :CONTINUOUS] - value[..., :CONTINUOUS]) ** 2
    nats = binary_cross_entropy_with_logits(
        out[..., CONTINUOUS:], value[..., CONTINUOUS:], reduction="none"
    )
    each = (torch.cat([square, nats], dim=-1) * weight).mean((0, 1))
    return (each * torch.tensor(_PRICES)).sum()


@torch.no_grad()
def predicted(
    network: ExpressionConvolution, standard: Standard, section: Section
) -> tuple[np.ndarray, np.ndarray]:
    """What the last layer sees (N, C) and what is predicted (N, T), in float64."""
    network.eval()
    hidden = network.hidden(standard(section.features)[None])
    return hidden[0].double().numpy(), network.leave(hidden)[0].double().numpy()


def check_row(
    network: ExpressionConvolution, standard: Standard, sections: Sequence[Section]
) -> dict[str, float]:
    """Correlation of each number and share of right truths, per note: mean over works."""
    works: dict[str, list[list[float]]] = {}
    for section in sections:
        _, out = predicted(network, standard, section)
        known = section.weight[:, 1] > 0
        row = [
            agreement(section.value[known, t].astype(np.float64), out[known, t])[0]
            for t in range(CONTINUOUS)
        ]
        row += [
            float(((out[known, t] > 0) == (section.value[known, t] > 0.5)).mean())
            for t in range(CONTINUOUS, len(TARGETS))
        ]
        works.setdefault(section.work, []).append(row)
    if not works:
        return {}
    mean = np.nanmean([np.nanmean(rows, axis=0) for rows in works.values()], axis=0)
    return {f"valid_{name}_r": float(mean[t]) for t, name in enumerate(TARGETS[:CONTINUOUS])} | {
        f"valid_{name}_right": float(mean[CONTINUOUS + t])
        for t, name in enumerate(TARGETS[CONTINUOUS:])
    }


def find_manners(
    network: ExpressionConvolution, standard: Standard, train: Sequence[Section],
    check: Sequence[Section], styles: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The arrays of :class:`partimento.music.expression_model.Manners`."""
    levels = np.stack([section.level for section in train])
    outs = [predicted(network, standard, section)[1] for section in train]
    truth = np.concatenate([s.value[:, CONTINUOUS:] for s in train]).mean(axis=0)
    logits = np.concatenate(outs)[:, CONTINUOUS:]
    sd, memory = _left_over(network, standard, check or train)
    return {
        "moves": _moves(network, standard, train, styles),
        "level_mean": levels.mean(axis=0),
        "level_sd": levels.std(axis=0),
        "noise_sd": sd,
        "noise_memory": memory,
        "pedal_logit": np.array(
            [np.quantile(logits[:, t], 1.0 - truth[t]) for t in range(len(truth))]
        ),
    }


def _left_over(
    network: ExpressionConvolution, standard: Standard, sections: Sequence[Section]
) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation and lag-one correlation (4,) of what the prediction leaves."""
    both = []
    for section in sections:
        known = section.weight[:, 1] > 0
        out = predicted(network, standard, section)[1]
        rest = (section.value - out)[known][:, :CONTINUOUS]
        rest = rest - rest.mean(axis=0)
        if len(rest) > 8:
            near = (rest[1:] * rest[:-1]).mean(axis=0)
            both.append([(rest**2).mean(axis=0), near])
    if not both:
        return np.zeros(CONTINUOUS), np.zeros(CONTINUOUS)
    square, near = np.mean(both, axis=0)
    return np.sqrt(square), np.clip(near / np.maximum(square, 1e-9), 0.0, 0.95)


def _moves(
    network: ExpressionConvolution, standard: Standard, sections: Sequence[Section], styles: int
) -> np.ndarray:
    """(S, (C + 1) * 4) principal directions in which players of one passage differ.

    For each player of a passage that at least three play: ridge regression, from what the last
    layer sees, of how the player departs from the mean of them all.
    """
    passages: dict[tuple[str, int], list[Section]] = {}
    for section in sections:
        passages.setdefault(section.passage, []).append(section)
    scale = np.sqrt(np.array(_PRICES[:CONTINUOUS]))
    second: np.ndarray | None = None
    found = []
    for group in passages.values():
        if len(group) < 3:
            continue
        known = np.stack([s.weight[:, 1] > 0 for s in group])
        value = np.stack([s.value[:, :CONTINUOUS] for s in group]).astype(np.float64)
        count = np.maximum(known.sum(axis=0), 1)[:, None]
        mean = (value * known[..., None]).sum(axis=0) / count
        for section, mine, own in zip(group, known, value, strict=True):
            hidden = _with_one(predicted(network, standard, section)[0])[mine]
            moment = hidden.T @ hidden / len(hidden)
            departure = hidden.T @ ((own - mean)[mine] * scale) / len(hidden)
            ridge = (0.05 + 20.0 / len(hidden)) * np.trace(moment) / len(moment)
            found.append(np.linalg.solve(moment + ridge * np.eye(len(moment)), departure))
            second = moment if second is None else second + moment
    width = len(network.leave.weight[0]) + 1
    if second is None:
        return np.zeros((styles, width * CONTINUOUS))
    return _principal(np.stack(found), second / len(found), styles) / np.tile(scale, width)


def _principal(found: np.ndarray, second: np.ndarray, styles: int) -> np.ndarray:
    """Directions (S, (C + 1) * 4) by how much they change what is played; one deviation long."""
    values, vectors = np.linalg.eigh(second)
    root = np.sqrt(np.maximum(values, 1e-6 * values.max()))
    seen = np.einsum("ic,pct->pit", (vectors * root).T, found)
    flat = (seen - seen.mean(axis=0)).reshape(len(found), -1)
    _, size, right = np.linalg.svd(flat, full_matrices=False)
    size = np.pad(size, (0, styles))[:styles] / np.sqrt(len(found))
    right = np.pad(right, ((0, styles), (0, 0)))[:styles]
    directions = (right * size[:, None]).reshape(styles, len(second), -1)
    return np.einsum("ci,sit->sct", vectors / root, directions).reshape(styles, -1)


def _with_one(hidden: np.ndarray) -> np.ndarray:
    return np.concatenate([hidden, np.ones((len(hidden), 1))], axis=1)


def network_arrays(network: ExpressionConvolution, standard: Standard) -> Mapping[str, np.ndarray]:
    """The arrays of :class:`partimento.music.expression_model.ExpressionNetwork`."""
    arrays: dict[str, Tensor] = {
        "enter_FC": network.enter.weight.T, "enter_C": network.enter.bias,
        "leave_CT": network.leave.weight.T, "leave_T": network.leave.bias,
    }  # fmt: skip
    state = network.state_dict()
    for n in range(len(network.dilations)):
        arrays |= {
            f"layer{n}.near_KCC": state[f"convolve.{n}.weight"].permute(2, 1, 0),
            f"layer{n}.near_C": state[f"convolve.{n}.bias"],
            f"layer{n}.mix_CC": state[f"mix.{n}.weight"].T,
            f"layer{n}.mix_C": state[f"mix.{n}.bias"],
        }
    numbers = {name: array.detach().double().numpy() for name, array in arrays.items()}
    return {**numbers, "mean_F": standard.mean, "scale_F": standard.scale}
