"""Losses towards the text embedding of a clip's class.

Legend: B clips, K classes, E numbers of a target; T5's tokens stay a dimension of their own
(B, 17, 4096) where a cosine is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from partimento.core.errors import ConfigError
from partimento.tasks.audio2visual.source_config import LossConfig


def squared_error(predicted: Tensor, wanted: Tensor) -> Tensor:
    """(B,): mean squared error of each clip."""
    return (predicted - wanted).square().flatten(1).mean(1)


def per_class(errors_B: Tensor, classes_B: Tensor, count: int) -> Tensor:
    """Mean over the classes present of the mean error within each.

    With equally many clips of every class it is the plain mean.
    """
    sums_K = errors_B.new_zeros(count).index_add(0, classes_B, errors_B)
    sizes_K = torch.bincount(classes_B, minlength=count)
    present = sizes_K > 0
    return (sums_K[present] / sizes_K[present]).mean()


def cosine_distance(predicted: Tensor, wanted: Tensor) -> Tensor:
    """(B,): 1 - cosine, of T5 the mean over the tokens."""
    cosine = functional.cosine_similarity(predicted, wanted, dim=-1)
    return 1.0 - cosine.reshape(len(predicted), -1).mean(1)


def info_nce(predicted: Tensor, table: Tensor, classes_B: Tensor, temperature: float) -> Tensor:
    """(B,): cross-entropy of the own prompt among all prompts (van den Oord et al. 2018).

    The negatives are the prompts of the other classes, ``table`` (K, ...): other clips of a batch
    may be of the same class, and a batch of one has none.
    """
    own = functional.normalize(predicted.flatten(1), dim=1)
    prompts = functional.normalize(table.flatten(1), dim=1)
    return functional.cross_entropy(own @ prompts.T / temperature, classes_B, reduction="none")


def text_loss(
    config: LossConfig,
    predicted: Tensor,
    table: Tensor,
    classes_B: Tensor,
    class_weights_K: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The configured loss of one head, and its parts for the log.

    ``table`` (K, ...) holds the targets of the classes as the network predicts them.
    """
    wanted = table[classes_B]
    total = predicted.new_zeros(())
    logs: dict[str, Tensor] = {}
    for name, weight in config.parts().items():
        if name == "infonce":
            value = info_nce(predicted, table, classes_B, config.temperature).mean()
        elif name == "cosine":
            value = cosine_distance(predicted, wanted).mean()
        else:
            errors_B = squared_error(predicted, wanted)
            if name == "per-class":
                value = per_class(errors_B, classes_B, len(table))
            elif name == "weighted":
                value = (errors_B * class_weights_K[classes_B]).mean()
            else:
                value = errors_B.mean()
        total = total + weight * value
        logs[name] = value.detach()
    return total, logs


def class_weights(
    labels: Sequence[str], counts: Sequence[int], given: Mapping[str, float]
) -> Tensor:
    """(K,) weights whose mean over the training clips is 1.

    Without ``given`` the inverse of each class's share.  Raises ConfigError where ``given`` names
    no class, lacks one or is not positive.
    """
    if given:
        wrong = sorted(set(given) ^ set(labels)) or sorted(k for k, w in given.items() if w <= 0)
        if wrong:
            raise ConfigError(
                f"every class needs one positive weight; look at {wrong[0]!r}",
                where="loss.class_weights",
            )
        raw = torch.tensor([given[label] for label in labels], dtype=torch.float64)
    else:
        raw = 1.0 / torch.tensor(counts, dtype=torch.float64).clamp_min(1)
    share = torch.tensor(counts, dtype=torch.float64)
    return (raw * share.sum() / (raw * share).sum()).float()
