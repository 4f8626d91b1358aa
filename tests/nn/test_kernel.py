"""The compiled kernel: built once, found again, never in the way; the same on all processors."""

import ctypes
import platform

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.nn.kernels import build, native
from partimento.nn.kernels.native import NativeMatrix, instruction_set, panels, read_speed
from partimento.nn.quantised import (
    PRECISIONS,
    TorchMatrix,
    quantise_rows,
    rounded_copy,
    rounded_weight,
)

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C compiler")
needs_kernel = pytest.mark.skipif(instruction_set() == "none", reason="no compiled kernel")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A library that is looked for anew, with an empty cache folder."""
    monkeypatch.setenv("PARTIMENTO_CACHE", str(tmp_path))
    build.library.cache_clear()
    yield tmp_path / "kernels"
    build.library.cache_clear()


@needs_compiler
def test_it_is_compiled_once(fresh):
    assert build.library() is not None
    (made,) = fresh.iterdir()
    before = made.stat().st_mtime_ns
    build.library.cache_clear()
    assert build.library() is not None
    assert [f.stat().st_mtime_ns for f in fresh.iterdir()] == [before]


def test_it_can_be_switched_off(fresh, monkeypatch):
    monkeypatch.setenv("PARTIMENTO_NATIVE", "0")
    assert build.library() is None
    assert instruction_set() == "none"
    with pytest.raises(ValueError, match="no compiled kernel"):
        NativeMatrix(torch.ones(4, 4), None, "fp32")
    assert read_speed(100_000) > 0


def test_a_compiler_that_fails_is_no_error(fresh, monkeypatch, tmp_path):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    assert build.compiler() == str(broken)
    assert build.library() is None


def test_a_cache_that_cannot_be_written_is_no_error(fresh, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PARTIMENTO_CACHE", str(tmp_path / "file"))
    assert build.library() is None


@needs_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="flags of x86-64")
@pytest.mark.parametrize("flags", [("-mavx2", "-mfma", "-fopenmp-simd"), ()])
def test_every_instruction_set_gives_the_same_integers(flags, tmp_path, monkeypatch):
    weight = torch.randn(100, 132, generator=torch.Generator().manual_seed(0))
    x = torch.randn(3, 132, generator=torch.Generator().manual_seed(1))
    want = {p: NativeMatrix(weight, None, p)(x) for p in PRECISIONS}
    other = ctypes.CDLL(str(build.build(flags, tmp_path)))
    monkeypatch.setattr(native, "library", lambda: other)
    assert instruction_set() == ("avx2" if flags else "plain")
    assert torch.equal(NativeMatrix(weight, None, "int8")(x), want["int8"])
    for precision in ("fp32", "bf16"):
        got = NativeMatrix(weight, None, precision)(x)
        torch.testing.assert_close(got, want[precision], atol=1e-4, rtol=1e-5)


@needs_kernel
@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 200),
    groups=st.integers(1, 60),
    count=st.integers(1, 5),
    scale=st.sampled_from([1e-6, 1.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_products(rows, groups, count, scale, seed):
    draw = torch.Generator().manual_seed(seed)
    weight = scale * torch.randn(rows, 4 * groups, generator=draw)
    bias = scale * torch.randn(rows, generator=draw)
    x = torch.randn(count, 4 * groups, generator=draw)
    for precision in PRECISIONS:
        want = x @ rounded_weight(weight, precision).T + bias
        got = NativeMatrix(weight, bias, precision)(x)
        # int8 rounds x to 15 bits at worst.
        bound = (2e-6 if precision != "int8" else 3e-4) * scale * (4 * groups) ** 0.5 * 8
        assert (got - want).abs().max() <= bound


@needs_kernel
def test_extreme_activations_do_not_overflow():
    weight, x = torch.ones(64, 4096), torch.full((1, 4096), 3.0)
    want = x @ rounded_weight(weight, "int8").T
    torch.testing.assert_close(NativeMatrix(weight, None, "int8")(x), want)
    torch.testing.assert_close(NativeMatrix(-weight, None, "int8")(x), -want)
    assert torch.equal(NativeMatrix(weight, None, "int8")(0 * x), torch.zeros(1, 64))


def test_panels_hold_every_weight():
    weight = torch.arange(70 * 6).float().view(70, 6)
    cut = panels(weight, "bf16")
    assert cut.shape == (2, 3, 64, 2)
    assert cut[1, 2, 5, 1] == weight[69, 5]
    assert cut[1, :, 6:].abs().sum() == 0


@given(rows=st.integers(1, 9), columns=st.integers(1, 40), seed=st.integers(0, 99))
def test_quantised_rows_are_within_half_a_step(rows, columns, seed):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    weight[0] = 0
    integers, scale = quantise_rows(weight)
    assert integers.dtype == torch.int8
    assert integers.abs().max() <= 127
    assert torch.equal(scale, scale.bfloat16().float())
    assert ((integers * scale[:, None] - weight).abs() <= scale[:, None] * 0.5001).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_products(precision):
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(96, 64, generator=draw), torch.randn(96, generator=draw)
    x = torch.randn(2, 3, 64, generator=draw)
    want = x @ rounded_weight(weight, precision).T + bias
    got = TorchMatrix(weight, bias, precision)(x)
    bound = 1e-4 if precision == "fp32" else 0.2
    assert got.dtype == torch.float32
    assert (got - want).abs().max() < bound


def test_a_rounded_copy_leaves_the_model_alone():
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.LayerNorm(8))
    before = model[0].weight.clone()
    copy = rounded_copy(model, "int8")
    assert torch.equal(model[0].weight, before)
    assert torch.equal(copy[0].weight, rounded_weight(before, "int8"))
    assert not torch.equal(copy[0].weight, before)
    assert torch.equal(rounded_copy(model, "fp32")[0].weight, before)
