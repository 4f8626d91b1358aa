"""Narrow weights: int8 with one scale a row, bf16; and a linear layer that computes with them.

Shape suffixes: O outputs, I inputs, N any leading dimensions.
"""

from __future__ import annotations

import copy
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
WEIGHT_BYTES: dict[str, int] = {"fp32": 4, "bf16": 2, "int8": 1}
INT8_MAX = 127

M = TypeVar("M", bound=nn.Module)


def quantise_rows(weight_OI: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8 weights (O, I) and fp32 scales (O,): weight is about ``int8 * scale``.

    The scales are bf16 numbers, rounded up, so that a kernel that keeps them in bf16 computes the
    same; no weight is further than half a scale from its integer.
    """
    exact = weight_OI.float().abs().amax(1).clamp_min(1e-30) / INT8_MAX
    scale = exact.bfloat16().float()
    above = torch.nextafter(exact.bfloat16(), torch.tensor(torch.inf, dtype=torch.bfloat16))
    scale = torch.where(scale < exact, above.float(), scale)
    integers = (weight_OI.float() / scale[:, None]).round().clamp(-INT8_MAX, INT8_MAX)
    return integers.to(torch.int8), scale


def rounded_weight(weight_OI: Tensor, precision: Precision) -> Tensor:
    """The weight as the precision knows it, in its own dtype."""
    if precision == "fp32":
        return weight_OI.clone()
    if precision == "bf16":
        return weight_OI.bfloat16().to(weight_OI.dtype)
    integers, scale = quantise_rows(weight_OI)
    return (integers * scale[:, None]).to(weight_OI.dtype)


@torch.no_grad()
def rounded_copy(module: M, precision: Precision) -> M:
    """A copy whose linear layers have the weights of ``precision``, computing in fp32 as before.

    To score what narrow weights cost in nats: evaluate the copy like the model.  Embeddings and
    normalisations stay exact, as in the fast decoder.
    """
    clone = copy.deepcopy(module)
    for layer in clone.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.copy_(rounded_weight(layer.weight, precision))
    return clone


class TorchMatrix:
    """A linear layer with weights of a precision, in PyTorch: (N, I) fp32 -> (N, O) fp32.

    bf16 computes in bf16.  int8 does so too with PyTorch's kernel for int8 weights, where there is
    one for the device and the shape; elsewhere its weights are kept as the equal bf16 products.
    """

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None, precision: Precision) -> None:
        self.bias, self.scale = bias_O, None
        self.rows = weight_OI.shape[0]
        if precision == "fp32":
            self.weight = weight_OI.float().contiguous()
            return
        self.weight = rounded_weight(weight_OI.float(), precision).bfloat16()
        if precision == "int8":
            integers, scale = quantise_rows(weight_OI)
            scale = scale.bfloat16()
            if _packed_kernel_works(integers, scale):
                self.weight, self.scale = integers.contiguous(), scale

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        if self.weight.dtype == torch.float32:
            return F.linear(x, self.weight, self.bias)
        if self.scale is None:
            y = F.linear(x.bfloat16(), self.weight).float()
        else:
            flat = x.bfloat16().reshape(-1, x.shape[-1])
            y = torch._weight_int8pack_mm(flat, self.weight, self.scale).float()
            y = y.view(*x.shape[:-1], self.rows)
        return y if self.bias is None else y.add_(self.bias)


def _packed_kernel_works(integers_OI: Tensor, scale_O: Tensor) -> bool:
    """Whether PyTorch multiplies with int8 weights of this shape here, and rightly."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, integers_OI.shape[1], generator=draw).to(integers_OI.device)
    try:
        y = torch._weight_int8pack_mm(x.bfloat16(), integers_OI, scale_O)
    except (RuntimeError, NotImplementedError, AttributeError):
        return False
    wanted = x @ (integers_OI.float() * scale_O.float()[:, None]).T
    return bool((y.float() - wanted).abs().max() <= 0.02 * wanted.abs().max() + 1e-6)
