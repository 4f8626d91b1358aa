"""Fast decoding: a Decoder with preallocated keys and values, and weights of a chosen precision.

Shape suffixes: B batch, T positions, D width.

Three paths give the same numbers to rounding: a compiled kernel (CPU, where a C compiler is found),
PyTorch, and on a GPU PyTorch captured as a CUDA graph.  ``path`` says which one runs.  In the
compiled kernel a position's result is the same to the bit however a prompt was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from partimento.nn.decoder import Decoder
from partimento.nn.decoder_plan import DecoderPlan, plan_of
from partimento.nn.graph_decoder import GraphDecoder
from partimento.nn.kernels.native import NativeDecoder, NativeMatrix, instruction_set
from partimento.nn.quantised import PRECISIONS, WEIGHT_BYTES, Precision, TorchMatrix
from partimento.nn.torch_decoder import TorchDecoder

DecodingPath = Literal["auto", "native", "graph", "torch"]


def native_fits(plan: DecoderPlan) -> bool:
    """Whether the compiled kernel is there and takes this shape: widths in multiples of four."""
    widths = (plan.width, plan.head_width, plan.layers[0].down.weight.shape[1])
    on_cpu = plan.device.type == "cpu"
    return on_cpu and not any(w % 4 for w in widths) and instruction_set() != "none"


class StaticDecoder:
    """A decoder that remembers: one position in, its hidden state out.

    Parameters
    ----------
    decoder: a decoder, or what :func:`plan_of` says of one; do not train it while this is used.
    batch: rows that run side by side, all at the same position.
    capacity: positions that are kept, at most the decoder's ``max_length``.
    precision: of the weights; keys and values are fp32 beside fp32 weights, otherwise bf16 (in
        PyTorch on a CPU always fp32).
    path: "auto" takes the fastest that works here; another name insists on it.

    Raises ValueError for a capacity, precision or path that cannot be had.
    """

    def __init__(
        self,
        decoder: Decoder | DecoderPlan,
        batch: int = 1,
        capacity: int | None = None,
        precision: Precision = "fp32",
        path: DecodingPath = "auto",
    ) -> None:
        plan = decoder if isinstance(decoder, DecoderPlan) else plan_of(decoder)
        capacity = plan.max_length if capacity is None else capacity
        if not 1 <= capacity <= plan.max_length or batch < 1:
            raise ValueError(f"capacity must be 1 to {plan.max_length} and batch at least 1")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, not {precision}")
        self.plan, self.batch, self.capacity, self.precision = plan, batch, capacity, precision
        self.position = 0
        self.path, self._engine = self._choose(path)
        self._inputs = torch.zeros(batch, capacity, plan.width, device=plan.device)
        self._added = plan.added_TD

    def _choose(
        self, path: DecodingPath
    ) -> tuple[str, NativeDecoder | GraphDecoder | TorchDecoder]:
        wanted = (self.plan, self.batch, self.capacity, self.precision)
        if path == "native" and not native_fits(self.plan):
            raise ValueError("no compiled kernel for this decoder on this machine")
        if path == "native" or (path == "auto" and native_fits(self.plan)):
            return f"native {instruction_set()}", NativeDecoder(*wanted)
        if path == "graph" or (path == "auto" and self.plan.device.type == "cuda"):
            engine = GraphDecoder(*wanted)
            return ("cuda graph" if engine.captured else "torch, fixed shapes"), engine
        return "torch", TorchDecoder(*wanted)

    @property
    def full(self) -> bool:
        """No room for another position: call :meth:`slide` or :meth:`reset`."""
        return self.position >= self.capacity

    def reset(self) -> None:
        """Forget all positions."""
        self.position = 0

    def rewind(self, position: int) -> None:
        """Go back to an earlier position, forgetting what follows it.

        Raises ValueError when it is not an earlier one.
        """
        if not 0 <= position <= self.position:
            raise ValueError(f"cannot rewind from {self.position} to {position}")
        self.position = position

    @torch.inference_mode()
    def slide(self, keep: int | None = None) -> Tensor:
        """Make room: start anew from the last ``keep`` inputs (default: half the capacity).

        Returns their hidden states (B, keep, D).  They are computed again, so that the result is
        that of a model which was only ever given these positions.
        """
        keep = self.capacity // 2 if keep is None else keep
        if not 0 <= keep <= self.position:
            raise ValueError(f"cannot keep {keep} of {self.position} positions")
        inputs = self._inputs[:, self.position - keep : self.position].clone()
        self.reset()
        return self.prefill(inputs)

    @torch.inference_mode()
    def prefill(self, x_BTD: Tensor) -> Tensor:
        """Read a prompt (B, T, D) fp32 after what was read before; returns (B, T, D).

        With B = 1 in a larger batch every row reads this prompt; it is computed once, and the
        result is (1, T, D).  That works at position 0 only.
        """
        rows, count, _ = x_BTD.shape
        if self.position + count > self.capacity:
            raise ValueError(f"{count} positions after {self.position} exceed {self.capacity}")
        if rows != self.batch and not (rows == 1 and self.position == 0):
            raise ValueError(f"a prompt of {rows} rows for a batch of {self.batch}")
        if count == 0:
            return x_BTD
        until = self.position + count
        self._inputs[:, self.position : until] = x_BTD
        if self._added is not None:
            x_BTD = x_BTD + self._added[self.position : until]
        h_BTD = self._engine.prefill(x_BTD, self.position)
        if rows != self.batch:
            self._engine.spread()
        self.position = until
        return h_BTD

    @torch.inference_mode()
    def step(self, x_BD: Tensor) -> Tensor:
        """Read one position (B, D) fp32 of every row; returns its hidden states (B, D).

        Raises ValueError when :attr:`full`.
        """
        position = self.position
        if position >= self.capacity:
            raise ValueError(f"all {position} positions are taken; see slide()")
        self._inputs[:, position] = x_BD
        if self._added is not None:
            x_BD = x_BD + self._added[position]
        h_BD = self._engine.step(x_BD, position)
        self.position = position + 1
        return h_BD

    def linear(self, layer: nn.Linear) -> Callable[[Tensor], Tensor]:
        """Another layer of the model, say its output head, in this decoder's precision and path.

        (N, in) fp32 -> (N, out) fp32.
        """
        bias = None if layer.bias is None else layer.bias.detach().float()
        native = isinstance(self._engine, NativeDecoder) and layer.in_features % 4 == 0
        kind = NativeMatrix if native else TorchMatrix
        return kind(layer.weight.detach().float(), bias, self.precision)

    def bytes_read(self, position: int) -> int:
        """Bytes of weights, keys and values that a step at ``position`` has to read."""
        weights = self.plan.weight_count() * WEIGHT_BYTES[self.precision]
        cached = 2 * len(self.plan.layers) * self.plan.width * (position + 1) * self.batch
        return weights + cached * self.cache_bytes

    @property
    def cache_bytes(self) -> int:
        """Bytes of one number in the cache."""
        engine = self._engine
        if isinstance(engine, NativeDecoder):
            return WEIGHT_BYTES[engine.cache_precision]
        return engine.layers[0].keys.element_size()
