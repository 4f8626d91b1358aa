"""Several strong models that vote: the mean of their probabilities, cell by cell.

Members trained from other seeds make other mistakes; on small data their mean is the cheapest
regulariser there is.  All members score; the first one alone draws notes, since drawing with all
costs as many times more and a user waits for it.

``python -m partimento.tasks.chorale.ensemble A B --out C`` puts trained checkpoints together.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.checkpoint import CheckpointMeta, load_checkpoint, save_checkpoint
from partimento.tasks.chorale.frames import FrameBatch
from partimento.tasks.chorale.strong import ChoraleTransformer, StrongConfig


class ChoraleEnsemble(nn.Module):
    """Scores as :class:`ChoraleTransformer` does, with probabilities averaged over the members."""

    def __init__(self, configs: Sequence[StrongConfig]):
        super().__init__()
        self.members = nn.ModuleList(ChoraleTransformer(config) for config in configs)

    def models(self) -> list[ChoraleTransformer]:
        """The members with their type."""
        return [m for m in self.members if isinstance(m, ChoraleTransformer)]

    @property
    def lead(self) -> ChoraleTransformer:
        """The member that draws."""
        return self.models()[0]

    @property
    def context(self) -> int:
        """Frames that one pass may see."""
        return min(m.context for m in self.models())

    def forward(self, batch: FrameBatch) -> Tensor:
        """Teacher-forced log-probabilities (B, T, C, V) in nats."""
        return log_mean([m(batch) for m in self.models()])

    def step_log_probs(
        self, grid_T4: np.ndarray, meta: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Chronological log-probabilities (T, 4, 129); see ChoraleTransformer."""
        tables = [torch.from_numpy(m.step_log_probs(grid_T4, meta)) for m in self.models()]
        result: np.ndarray = log_mean(tables).numpy()
        return result

    def given_nll(self, grid_T4: np.ndarray, given_T4: np.ndarray) -> np.ndarray:
        """Nats (T, 4) of the cells that are not given; see ChoraleTransformer."""
        tables = [torch.from_numpy(-m.given_nll(grid_T4, given_T4)) for m in self.models()]
        mixed: np.ndarray = -log_mean(tables).numpy()
        return np.where(given_T4, 0.0, mixed)

    def observe(self, grid_T4: np.ndarray, meta: Mapping[str, np.ndarray] | None = None) -> None:
        """One pass of the first member for listening taps."""
        self.lead.observe(grid_T4, meta)


def log_mean(log_probs: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean probability."""
    return torch.stack(list(log_probs)).logsumexp(0) - math.log(len(log_probs))


def join_checkpoints(paths: Sequence[Path], out: Path, name: str) -> CheckpointMeta:
    """Write one checkpoint that holds all members.

    Raises InputFileError for a file that is no strong checkpoint.
    """
    from partimento.tasks.chorale.loading import build_strong

    tensors: dict[str, Tensor] = {}
    metas = []
    for i, path in enumerate(paths):
        part, meta = load_checkpoint(path)
        build_strong(part, meta, str(path))
        tensors |= {f"members.{i}.{key}": value for key, value in part.items()}
        metas.append(meta)
    parameters = sum(meta.card.parameters for meta in metas)
    card = metas[0].card.model_copy(update={"name": name, "parameters": parameters, "metrics": {}})
    joined = metas[0].model_copy(
        update={
            "model_class": "partimento.tasks.chorale.ensemble:ChoraleEnsemble",
            "config": {"members": [meta.config for meta in metas]},
            "metrics": {},
            "card": card,
        }
    )
    save_checkpoint(out, tensors, joined)
    return joined


def main(arguments: Sequence[str] | None = None) -> None:
    """Put checkpoints together."""
    parser = argparse.ArgumentParser(description="Join strong checkpoints into an ensemble")
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    meta = join_checkpoints(options.weights, options.out, options.out.stem)
    print(f"{len(options.weights)} members, {meta.card.parameters} parameters: {options.out}")


if __name__ == "__main__":
    main()
