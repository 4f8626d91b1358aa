"""The compiled kernel from Python: matrices packed into panels, a decoder step in one call.

Shape suffixes: B batch, T positions, D width, O outputs, I inputs, E width of a head.
"""

from __future__ import annotations

import ctypes
import time
from ctypes import POINTER, Structure, byref, c_float, c_int32, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from partimento.nn.decoder_plan import DecoderPlan, LayerPlan, MatrixPlan, NormPlan
from partimento.nn.kernels.build import library
from partimento.nn.quantised import Precision, quantise_rows

ROWS = 64
GROUP = {"fp32": 1, "bf16": 2, "int8": 4}
KIND = {"fp32": 0, "bf16": 1, "int8": 2}
CHUNK = 32
"""Positions of a prompt that go through the layers together."""


class _Matrix(Structure):
    _fields_ = (
        ("rows", c_int32),
        ("columns", c_int32),
        ("kind", c_int32),
        ("limit", c_int32),
        ("panels", c_void_p),
        ("scale", c_void_p),
        ("shift", c_void_p),
        ("bias", c_void_p),
    )


class _Norm(Structure):
    _fields_ = (("weight", c_void_p), ("bias", c_void_p), ("eps", c_float), ("kind", c_int32))


class _Layer(Structure):
    _fields_ = (
        ("attention_norm", _Norm),
        ("feedforward_norm", _Norm),
        ("qkv", _Matrix),
        ("out", _Matrix),
        ("up", _Matrix),
        ("down", _Matrix),
        ("distance", _Matrix),
        ("keys", c_void_p),
        ("values", c_void_p),
    )


class _Decoder(Structure):
    _fields_ = (
        *((name, c_int32) for name in ("layers", "width", "heads", "head_width", "capacity")),
        *((name, c_int32) for name in ("stride", "cache", "activation", "post_norm", "rotary")),
        ("score_scale", c_float),
        ("cosine", c_void_p),
        ("sine", c_void_p),
        ("layer", POINTER(_Layer)),
        ("norm", _Norm),
        ("scratch", c_void_p),
    )


def native_library() -> Any | None:
    """The kernel with its signatures set, None where there is none."""
    lib = library()
    if lib is None:
        return None
    sizes = [lib.structure_bytes(i) for i in range(4)]
    if sizes != [ctypes.sizeof(s) for s in (_Matrix, _Norm, _Layer, _Decoder)]:
        return None
    lib.scratch_floats.restype = c_int64
    lib.read_bytes.restype = ctypes.c_uint32
    lib.read_bytes.argtypes = [c_void_p, c_int64]
    lib.int8_path.restype = ctypes.c_char_p
    lib.decode_rows.argtypes = [c_void_p, c_void_p, c_void_p, c_int32, c_void_p, c_void_p]
    lib.decode_rows.restype = None
    lib.multiply_rows.argtypes = [c_void_p, c_void_p, c_void_p, c_int32, c_void_p]
    lib.multiply_rows.restype = None
    return lib


def instruction_set() -> str:
    """How the kernel multiplies int8: "avx512-vnni", "avx2" or "plain"; "none" without a kernel."""
    lib = native_library()
    return "none" if lib is None else lib.int8_path().decode()


def read_speed(count: int, passes: int = 20) -> float:
    """Bytes a second at which one core reads ``count`` bytes again and again, in its best pass.

    Without the kernel PyTorch adds them up, which is slower: the limit is then a low estimate.
    """
    count = _up(count, 4 * ROWS)
    memory = torch.ones(count // 4, dtype=torch.float32)
    lib = native_library()
    best = float("inf")
    for _ in range(passes):
        start = time.perf_counter()
        if lib is None:
            memory.sum()
        else:
            lib.read_bytes(memory.data_ptr(), count)
        best = min(best, time.perf_counter() - start)
    return count / best


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def panels(weight_OI: Tensor, precision: Precision) -> Tensor:
    """The weight cut into panels of 64 rows, stored by groups of columns; zeros fill up."""
    group = GROUP[precision]
    rows, columns = weight_OI.shape
    padded = weight_OI.new_zeros(_up(rows, ROWS), _up(columns, group))
    padded[:rows, :columns] = weight_OI
    cut = padded.view(-1, ROWS, padded.shape[1] // group, group)
    return cut.permute(0, 2, 1, 3).contiguous()


class NativeMatrix:
    """A linear layer in the kernel: (N, I) fp32 -> (N, O) fp32.

    Inputs must be a multiple of four wide.  int8 multiplies integers of up to 15 bits, one scale a
    row, so only the rounding of the weights is lost.
    """

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None, precision: Precision) -> None:
        lib = native_library()
        if lib is None:
            raise ValueError("no compiled kernel on this machine")
        self._call = lib.multiply_rows
        self.rows, self.columns = weight_OI.shape
        self._kept: list[Tensor] = []
        self.structure = self._pack(weight_OI, bias_O, precision)
        self._pointer = byref(self.structure)
        self._spare = torch.zeros(0)

    def _pack(self, weight: Tensor, bias: Tensor | None, precision: Precision) -> _Matrix:
        if self.columns % 4:
            raise ValueError(f"the kernel takes inputs of a multiple of 4, not {self.columns}")
        scale = shift = None
        if precision == "int8":
            integers, row_scale = quantise_rows(weight)
            sums = integers.sum(1, dtype=torch.int32) * -128
            scale = torch.zeros(_up(self.rows, ROWS))
            shift = torch.zeros(_up(self.rows, ROWS), dtype=torch.int32)
            scale[: self.rows], shift[: self.rows] = row_scale, sums
            weight = integers
        elif precision == "bf16":
            weight = weight.bfloat16()
        limit = min(32767, (2**31 - 1) // (127 * self.columns))
        self._kept += [panels(weight, precision)]
        addresses = [self._kept[0].data_ptr(), *map(self._keep, (scale, shift, bias))]
        return _Matrix(self.rows, self.columns, KIND[precision], limit, *addresses)

    def _keep(self, tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = x.contiguous()
        count = x.numel() // self.columns
        if self._spare.numel() < count * 2 * _up(self.columns, ROWS):
            self._spare = torch.zeros(count * 2 * _up(self.columns, ROWS))
        y = torch.empty(*x.shape[:-1], self.rows)
        self._call(self._pointer, x.data_ptr(), y.data_ptr(), count, self._spare.data_ptr())
        return y


class NativeDecoder:
    """All layers in one call, keys and values of ``capacity`` positions of ``batch`` sequences.

    The cache is bf16, but fp32 beside fp32 weights.
    """

    def __init__(self, plan: DecoderPlan, batch: int, capacity: int, precision: Precision) -> None:
        lib = native_library()
        if lib is None:
            raise ValueError("no compiled kernel on this machine")
        self._call, self.width, self.batch = lib.decode_rows, plan.width, batch
        self.cache_precision: Precision = "fp32" if precision == "fp32" else "bf16"
        self._kept: list[Any] = []
        self.caches: list[Tensor] = []
        layers = [self._layer(layer, plan, batch, capacity, precision) for layer in plan.layers]
        self._structure = self._decoder(plan, capacity, layers)
        self._pointer = byref(self._structure)
        scratch = torch.zeros(lib.scratch_floats(self._pointer, max(batch, CHUNK)))
        self._structure.scratch = self._keep(scratch)
        self._rows = torch.arange(batch, dtype=torch.int32)[:, None].repeat(1, CHUNK)
        self._along = torch.arange(capacity, dtype=torch.int32)
        steps = self._along[:, None].repeat(1, batch)
        self._batch_address = self._keep(torch.arange(batch, dtype=torch.int32))
        self._steps_address = self._keep(steps) or 0

    def _keep(self, tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()

    def _norm(self, norm: NormPlan) -> _Norm:
        kind = {"none": 0, "layer": 1, "rms": 2}[norm.kind]
        return _Norm(self._keep(norm.weight), self._keep(norm.bias), norm.eps, kind)

    def _matrix(self, matrix: MatrixPlan, plan: DecoderPlan, precision: Precision) -> _Matrix:
        """The layer in the kernel's order; packing takes a second for all of a decoder."""
        key = (id(matrix), precision)
        if key not in plan.packed:
            plan.packed[key] = NativeMatrix(matrix.weight, matrix.bias, precision)
        self._kept.append(plan.packed[key])
        structure: _Matrix = plan.packed[key].structure
        return structure

    def _layer(
        self, layer: LayerPlan, plan: DecoderPlan, batch: int, capacity: int, precision: Precision
    ) -> _Layer:
        head = _up(capacity, ROWS)
        dtype = torch.float32 if self.cache_precision == "fp32" else torch.bfloat16
        # Zeros, because what no position has written yet is multiplied by zero.
        keys = torch.zeros(batch, plan.heads, head * plan.head_width, dtype=dtype)
        values = torch.zeros(batch, plan.heads, head * _up(plan.head_width, ROWS), dtype=dtype)
        self.caches += [keys, values]
        distance = _Matrix()
        if layer.distance_RE is not None:
            table = NativeMatrix(layer.distance_RE[:capacity], None, self.cache_precision)
            self._kept.append(table)
            distance = table.structure
        return _Layer(
            self._norm(layer.attention_norm),
            self._norm(layer.feedforward_norm),
            *(
                self._matrix(matrix, plan, precision)
                for matrix in (layer.qkv, layer.out, layer.up, layer.down)
            ),
            distance,
            keys.data_ptr(),
            values.data_ptr(),
        )

    def _decoder(self, plan: DecoderPlan, capacity: int, layers: list[_Layer]) -> _Decoder:
        array = (_Layer * len(layers))(*layers)
        self._kept.append(array)
        return _Decoder(
            *(len(layers), plan.width, plan.heads, plan.head_width, capacity),
            *(_up(plan.width, ROWS), KIND[self.cache_precision]),
            {"relu": 0, "gelu": 1, "swiglu": 2}[plan.activation],
            *(int(plan.post_norm), int(plan.cos_TE is not None)),
            plan.score_scale,
            self._keep(plan.cos_TE),
            self._keep(plan.sin_TE),
            array,
            self._norm(plan.norm),
            None,
        )

    def step(self, x_BD: Tensor, position: int) -> Tensor:
        """One position of every row."""
        x_BD = x_BD.contiguous()
        y = torch.empty_like(x_BD)
        self._call(
            self._pointer,
            x_BD.data_ptr(),
            y.data_ptr(),
            self.batch,
            self._batch_address,
            self._steps_address + 4 * self.batch * position,
        )
        return y

    def prefill(self, x_BTD: Tensor, position: int) -> Tensor:
        """Positions ``position``... of the first B rows, in chunks; the bits of :meth:`step`."""
        x_BTD = x_BTD.contiguous()
        y = torch.empty_like(x_BTD)
        for row in range(x_BTD.shape[0]):
            for start in range(0, x_BTD.shape[1], CHUNK):
                self._call(
                    self._pointer,
                    x_BTD[row, start].data_ptr(),
                    y[row, start].data_ptr(),
                    min(CHUNK, x_BTD.shape[1] - start),
                    self._rows[row].data_ptr(),
                    self._along[position + start].data_ptr(),
                )
        return y

    def spread(self) -> None:
        """Give every sequence the cache of the first."""
        for cache in self.caches:
            cache[1:] = cache[:1]
