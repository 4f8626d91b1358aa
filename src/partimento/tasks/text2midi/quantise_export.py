"""Weights of the source design packed to int8, and what that costs and saves.

Shape suffixes: O outputs, I inputs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from partimento.core.checkpoint import load_checkpoint, resolve_weights, save_checkpoint
from partimento.core.errors import DataError
from partimento.nn.quantised import PRECISIONS, Precision, quantise_rows

if TYPE_CHECKING:
    from partimento.tasks.text2midi.source_compose import SourceModel

INTEGERS, SCALE = ".int8", ".scale"
"""Endings of the two tensors that stand for a packed matrix."""
MEASURED_PIECES = 60
MEASURED_STEPS = 200


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with the matrices of the decoder as int8 (O, I) and one bf16 scale a row (O,).

    Tables of tokens and positions, norms and biases stay as they are.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("decoder.blocks.") and tensor.ndim == 2:
            integers, scale = quantise_rows(tensor.float())
            found[name + INTEGERS], found[name + SCALE] = integers, scale.bfloat16()
        else:
            found[name] = tensor
    return found


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`packed`, to rounding; other tensors pass."""
    found = {n: t for n, t in tensors.items() if not n.endswith((INTEGERS, SCALE))}
    for name, integers in tensors.items():
        if name.endswith(INTEGERS):
            plain = name.removesuffix(INTEGERS)
            found[plain] = integers.float() * tensors[plain + SCALE].float()[:, None]
    return found


def export_int8(
    weights: str | Path, out: str | Path, data: str | Path, *, pieces: int = MEASURED_PIECES
) -> dict[str, Any]:
    """Write int8 weights to ``out``; sizes, speeds and likelihoods of both come back.

    ``data`` is a corpus in the layout of the tunes or of Mutopia; its first held-out ``pieces``
    are scored.  ``bytes`` are those of the files, ``tokens_per_sec`` of drawing one piece with the
    fast decoder on this machine, by the precision of the weights it reads.

    Raises DataError for weights of another design or that are packed already.
    """
    from partimento.tasks.text2midi.source_compose import load_source

    source = resolve_weights(weights)
    plain = load_source(source)
    if plain.precision == "int8":
        raise DataError("these weights are packed already", where=str(source))
    tensors, meta = load_checkpoint(source)
    vocabulary = {**meta.vocabulary, "precision": "int8"}
    save_checkpoint(out, packed(tensors), meta.model_copy(update={"vocabulary": vocabulary}))
    narrow = load_source(out)
    before, after = (_nats_per_token(model, data, pieces) for model in (plain, narrow))
    sizes = {"original": source.stat().st_size, "int8": Path(out).stat().st_size}
    delta = (after - before).mean() if len(before) else float("nan")
    return {
        "file": str(out),
        "bytes": sizes,
        "size_ratio": sizes["int8"] / sizes["original"],
        "tokens_per_sec": {p: tokens_per_sec(plain, p) for p in PRECISIONS},
        "pieces": len(before),
        "nats_per_token": {"original": float(before.mean()), "int8": float(after.mean())},
        "nats_per_token_delta": float(delta),
        "largest_piece_delta": float(np.abs(after - before).max(initial=0.0)),
    }


def tokens_per_sec(model: SourceModel, precision: Precision, steps: int = MEASURED_STEPS) -> float:
    """Positions that the fast decoder reads and answers in a second, one piece at a time."""
    from partimento.nn.decoding import StaticDecoder

    decoder = StaticDecoder(model.network.decoder, 1, model.context, precision=precision)
    head = decoder.linear(model.network.out)
    x_BD = model.network.embed(torch.zeros(1, dtype=torch.int64, device=model.device)).detach()
    steps = min(steps, model.context)
    best = float("inf")
    for _ in range(3):
        decoder.reset()
        began = time.perf_counter()
        for _ in range(steps):
            head(decoder.step(x_BD))
        best = min(best, time.perf_counter() - began)
    return steps / best


def _nats_per_token(model: SourceModel, data: str | Path, count: int) -> np.ndarray:
    """Nats per token of each held-out piece under its own semantic token."""
    from partimento.tasks.text2midi.source_report import held_out

    chosen = held_out(model, data)[:count]
    return np.array([model.token_nats(p.events, [p.semantic]).mean() for p in chosen])
