"""Parameter groups, gradient norms and averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from partimento.training.config import OptimizerConfig


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser that the configuration names.

    Adam (Kingma and Ba 2015) adds its decay, if any, to the gradient.

    Raises ValueError for ``task``: only the task can build that one.
    """
    if config.name == "adamw":
        return build_adamw(model, config)
    if config.name != "adam":
        raise ValueError("the task builds this optimiser itself")
    return torch.optim.Adam(
        model.parameters(),
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        weight_decay=config.weight_decay,
        foreach=True,
    )


def muon_and_adamw(
    model: nn.Module, backbone: nn.Module, config: OptimizerConfig
) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) on the matrices of ``backbone``, AdamW on everything else.

    Muon orthogonalises the update of a matrix that maps between hidden states; embeddings (also
    those of positions), output layers and vectors have no such geometry.  Vectors are not decayed.
    """
    inside = {id(m.weight) for m in backbone.modules() if isinstance(m, nn.Linear)}
    matrices = [p for p in model.parameters() if id(p) in inside]
    rest = [p for p in model.parameters() if id(p) not in inside]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    return [
        torch.optim.Muon(
            matrices, lr=config.muon_lr, weight_decay=config.weight_decay, momentum=0.95
        ),
        torch.optim.AdamW(groups, lr=config.lr, betas=betas, eps=config.eps),
    ]


def build_adamw(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019).

    Unless ``decay_all`` is set, biases, gains of norms and embeddings are spared the decay.
    """
    betas = (config.beta1, config.beta2)
    if config.decay_all:
        groups = [{"params": list(model.parameters()), "weight_decay": config.weight_decay}]
    else:
        decayed, spared = split_by_decay(model)
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": spared, "weight_decay": 0.0},
        ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas, eps=config.eps, foreach=True)


def split_by_decay(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters to decay (matrices), and those to spare (vectors and embedding tables)."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in model.parameters():
        plain = parameter.ndim < 2 or id(parameter) in tables
        (spared if plain else decayed).append(parameter)
    return decayed, spared


def component_gradient_norms(model: nn.Module) -> dict[str, float]:
    """Euclidean gradient norm of every direct child of the model; 0 where no gradient flows.

    A container (``layers``) is reported item by item: ``layers.0``, ``layers.1``...
    """
    norms = {}
    for name, part in _components(model):
        squares = [p.grad.float().square().sum() for p in part.parameters() if p.grad is not None]
        if any(True for _ in part.parameters()):
            norms[name] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return norms


def _components(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            yield from ((f"{name}.{i}", part) for i, part in enumerate(child))
        else:
            yield name, child


class AveragedWeights:
    """Exponential moving average of the weights: ``a <- d a + (1 - d) w`` after every step.

    The decay starts low, ``min(decay, (1 + n) / (10 + n))`` after n steps, so that the random
    first weights are forgotten quickly.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._live = [p for p in model.parameters() if p.requires_grad]
        self._mean = [p.detach().clone() for p in self._live]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._mean, [p.detach() for p in self._live], 1.0 - decay)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
        live = [p.detach().clone() for p in self._live]
        self._set(self._mean)
        try:
            yield
        finally:
            self._set(live)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self._live, values, strict=True):
            parameter.copy_(value)

    def state_dict(self) -> dict[str, object]:
        """Tensors and counter for a resume point."""
        return {"updates": self.updates, "mean": self._mean}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from :meth:`state_dict`."""
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        for mine, theirs in zip(self._mean, state["mean"], strict=True):  # type: ignore[call-overload]
            mine.copy_(theirs)
