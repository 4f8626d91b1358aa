"""What the doctor looks at: everything that is known about one model, run, data set or report.

Each part may be missing.  A check says what it needs and is not run without it; that it was
not run is told, so that silence is never taken for health.

Shape suffixes: N examples, B batch, D numbers of an output, S recorded steps, P parameter blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

Kind = Literal["tokens", "regression", "embedding", "classification"]
"""What the model predicts: distributions over tokens, numbers, vectors of a text space, classes."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A live model with batches, and how to change a batch so that something shows.

    Every function leaves its arguments as they are.  A transformation that does not exist for the
    model is None, and the checks that need it are not run.
    """

    model: nn.Module
    batches: Sequence[Any]
    """Held-out batches of at least two examples each."""
    outputs: Callable[[nn.Module, Any], Tensor]
    """Logits or predictions as the loss takes them: (B, ..., D)."""
    targets: Callable[[Any], Tensor]
    """(B, ...) class numbers or (B, ..., D) values."""
    loss: Callable[[nn.Module, Any], Tensor]
    """The training loss of a batch: one differentiable number."""
    example_losses: Callable[[nn.Module, Any], Tensor] | None = None
    """(B,) plain losses (no smoothing, padding left out), in the unit of ``unit``."""
    unit: str = "nats per token"
    mask: Callable[[Any], Tensor] | None = None
    """Bool like the targets: where a target is real and not padding."""
    steps: int | None = None
    """Length of the time axis (axis 1 of outputs and targets); None where there is none."""
    causal: bool = False
    """Whether outputs at a step must not depend on later inputs."""
    change_from: Callable[[Any, int, np.random.Generator], Any] | None = None
    """The batch with other inputs (not targets) from a step on."""
    change_channel: Callable[[Any, int, np.random.Generator], Any] | None = None
    """The batch with other inputs in one channel."""
    channels: int = 0
    channel_of_output: Callable[[Tensor, int], Tensor] | None = None
    """The outputs of one channel."""
    swap_condition: Callable[[Any, np.random.Generator], Any] | None = None
    """The batch with the conditioning (prompt, style) of other examples."""
    swap_inputs: Callable[[Any, np.random.Generator], Any] | None = None
    """The batch with the inputs of other examples and its own targets."""
    part: Callable[[Any, Sequence[int]], Any] | None = None
    """Some examples of a batch."""
    padded: Callable[[Any, int], Any] | None = None
    """The batch with so many more padded steps; outputs of the first steps must not change."""
    levels: Mapping[str, Callable[[nn.Module], Any]] = field(default_factory=dict)
    """Level of a hierarchy -> context manager that silences it."""
    classes: Callable[[Any], np.ndarray] | None = None
    """(B,) class numbers, for statistics by class."""
    optimizers: Sequence[Optimizer] = ()
    attention_taps: Sequence[str] = ()
    """Names under which the model records attention weights (see :mod:`partimento.nn.tap`)."""
    naive_relative: Callable[[nn.Module, Any], tuple[Tensor, Tensor]] | None = None
    """Relative attention of the model and its slow twin, on one batch."""


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """A data set as a model sees it."""

    inputs: Sequence[np.ndarray]
    """(N,) examples: token rows (T,) or (T, C), feature matrices (T, F) or vectors (F,)."""
    labels: np.ndarray | None = None
    """(N,) class numbers or (N, D) values; None where the model predicts its own input."""
    split: Sequence[str] = ()
    """(N,) "train", "valid" or "test"."""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kind of group ("piece", "performer", "passage", "recording") -> its name per example."""
    classes: Sequence[str] = ()
    """(N,) names of classes, where they are not the labels."""
    vocabulary: int | None = None
    """Number of tokens, for token rows; pitches are ``pitch_tokens``."""
    pitch_tokens: tuple[int, int] | None = None
    """First and last token that is a pitch: near-duplicates under transposition are looked for."""
    rest_token: int | None = None
    unknown_token: int | None = None
    pad_token: int | None = None
    rater_labels: Sequence[np.ndarray] = ()
    """(N,) matrices (raters, D), where several people judged an example."""
    statistics_from: Sequence[str] = ("train",)
    """Parts on which normalisation statistics were fitted."""
    dropped: int = 0
    """Files that were found and could not be used."""
    names: Sequence[str] = ()
    """(N,) names for the evidence."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a monitor wrote down during training, one row per recorded step.

    Arrays over blocks follow the depth of the network, input side first; a block is a
    module that owns parameters itself.
    """

    steps_S: np.ndarray
    losses_S: np.ndarray
    blocks: Sequence[str]
    gradient_norms_SP: np.ndarray
    weight_norms_SP: np.ndarray
    update_ratios_SP: np.ndarray
    """Norm of the last step's change over the norm of the weights; 0 where frozen."""
    rates_S: np.ndarray
    """Largest learning rate of all groups."""
    dead_SP: np.ndarray
    """Share of output units that are zero for the whole batch; NaN where not a rectifier."""
    saturated_SP: np.ndarray
    """Share of values at the ends of a bounded activation; NaN where there is none."""
    output_spread_S: np.ndarray
    """Standard deviation over the batch, mean over outputs."""
    target_spread_S: np.ndarray
    batch_classes_S: Sequence[Sequence[int]] = ()
    """Class numbers in each recorded batch, where known."""
    not_finite_S: Sequence[str] = ()
    """Name of the first block whose gradient or value was not finite, else empty, per step."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One patient."""

    name: str = ""
    task: str = ""
    """The slice's name; empty for a foreign model."""
    kind: Kind = "tokens"
    config: Mapping[str, Any] = field(default_factory=dict)
    """The resolved recipe, nested as in YAML."""
    reference: Mapping[str, Any] | None = None
    """A named configuration to compare with, row by row."""
    rows: Sequence[Mapping[str, Any]] = ()
    """metrics.jsonl of the run: rows with ``kind`` (train, validation, stop ...)."""
    watched: Watched | None = None
    probe: Probe | None = None
    initial: Probe | None = None
    """The same model as it was before training, where known."""
    data: DataFacts | None = None
    report: Mapping[str, Any] | None = None
    """Numbers that somebody wrote down."""
    checkpoint: Mapping[str, Any] | None = None
    """Facts of a file: path, size_bytes, parameters, model_class, config, vocabulary, tensors."""
    samples: Sequence[np.ndarray] = ()
    """Generated token rows."""
    corpus: Sequence[np.ndarray] = ()
    """Token rows that were trained on."""
    live_tokens: int | None = None
    """Tokens of the vocabulary that occur in training."""
    others: Sequence[Case] = ()
    """Runs to compare with (other batch sizes, other seeds)."""
    seed: int = 0

    def rng(self, *keys: int) -> np.random.Generator:
        """A generator of its own for each check."""
        return np.random.default_rng([self.seed, *keys])

    def column(self, kind: str, name: str) -> np.ndarray:
        """The finite or not finite numbers under ``name`` in the rows of a kind, in order."""
        found = [row[name] for row in self.rows if row.get("kind") == kind and name in row]
        return np.array([float("nan") if v is None else float(v) for v in found])
