"""Cached decoding equals the full forward pass, on every path and for every kind of decoder."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from partimento.nn.decoder import Decoder
from partimento.nn.decoding import StaticDecoder, native_fits
from partimento.nn.graph_decoder import buckets
from partimento.nn.kernels.native import instruction_set
from partimento.nn.quantised import rounded_copy

KINDS = {
    "llama": {},
    "gpt2": {"positions": "absolute", "norm_kind": "layer", "activation": "gelu", "bias": True},
    "music transformer": {
        "positions": "relative",
        "norm": "post",
        "norm_kind": "layer",
        "activation": "relu",
        "bias": True,
        "attention_temperature": 1.3,
    },
    "waves": {"positions": "sinusoidal", "norm_kind": "layer", "bias": True},
    "relative, before": {"positions": "relative", "activation": "gelu"},
    "no positions": {"positions": "none", "norm": "post"},
}
PATHS = ["native", "torch", "graph"]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def decoder(kind="llama", width=32, layers=2, heads=2, feedforward=44, max_length=80, seed=0):
    torch.manual_seed(seed)
    made = Decoder(
        width=width,
        layers=layers,
        heads=heads,
        feedforward=feedforward,
        max_length=max_length,
        **KINDS[kind],
    )
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name or name.endswith("bias"):
                # Ones and zeros would hide a weight or bias that is left out.
                parameter.add_(0.3 * torch.randn_like(parameter))
    return made.eval()


def needs(path):
    if path == "native" and instruction_set() == "none":
        pytest.skip("no C compiler")


def inputs(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(fast, x_BTD, prompt):
    parts = [fast.prefill(x_BTD[:, :prompt])]
    parts += [fast.step(x_BTD[:, t])[:, None] for t in range(prompt, x_BTD.shape[1])]
    return torch.cat(parts, 1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_prompt_and_steps_equal_the_full_forward(kind, path):
    needs(path)
    model, x = decoder(kind), inputs(2, 80, 32)
    fast = StaticDecoder(model, batch=2, path=path)
    torch.testing.assert_close(run(fast, x, 37), model(x), atol=1e-5, rtol=1e-5)
    assert fast.full and fast.position == 80


@settings(max_examples=15, deadline=None)
@given(
    heads=st.integers(1, 3),
    head=st.sampled_from([4, 8, 20, 68]),
    hidden=st.integers(1, 20),
    length=st.integers(1, 70),
    data=st.data(),
)
@torch.inference_mode()
def test_any_shape_and_any_cut(heads, head, hidden, length, data):
    model = decoder(width=heads * head, heads=heads, feedforward=4 * hidden, max_length=length)
    x = inputs(1, length, heads * head)
    cut = data.draw(st.integers(0, length))
    want = model(x)
    for path in PATHS:
        if path != "native" or instruction_set() != "none":
            fast = StaticDecoder(model, path=path)
            torch.testing.assert_close(run(fast, x, cut), want, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@torch.inference_mode()
def test_the_kernel_gives_the_same_bits_however_a_prompt_is_cut(precision):
    needs("native")
    model, x = decoder(), inputs(1, 80, 32)
    whole = StaticDecoder(model, precision=precision, path="native").prefill(x)
    for cut in (1, 33, 79):
        again = StaticDecoder(model, precision=precision, path="native")
        assert torch.equal(run(again, x, cut), whole)
    side_by_side = StaticDecoder(model, batch=3, precision=precision, path="native")
    rows = side_by_side.prefill(torch.cat([x, inputs(2, 80, 32, seed=5)]))
    assert torch.equal(rows[:1], whole)


@pytest.mark.parametrize("kind", ["llama", "music transformer"])
@pytest.mark.parametrize("path", PATHS)
@torch.inference_mode()
def test_2000_greedy_steps_are_those_of_the_full_forward(path, kind):
    needs(path)
    length = 2001
    model = decoder(kind, max_length=length)
    # Noise on the inputs keeps greedy decoding out of a loop of two tokens.
    embedding, noise = inputs(50, 32, seed=2), 0.7 * inputs(length, 32, seed=3)
    head = nn.Linear(32, 50)
    fast = StaticDecoder(model, path=path)
    project = fast.linear(head)
    tokens = [7]
    for t in range(length - 1):
        x_BD = (embedding[tokens[-1]] + noise[t])[None]
        tokens.append(int(project(fast.step(x_BD)).argmax()))
    # One causal pass over all tokens is a full forward for every prefix.
    logits = head(model((embedding[torch.tensor(tokens[:-1])] + noise[:-1])[None]))[0]
    assert logits.argmax(-1).tolist() == tokens[1:]
    assert len(set(tokens)) > 20


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.03), ("int8", 0.03)])
@torch.inference_mode()
def test_narrow_weights_are_rounded_weights(path, precision, bound):
    needs(path)
    model, x = decoder(width=64, heads=2, feedforward=128), inputs(1, 80, 64)
    got = run(StaticDecoder(model, precision=precision, path=path), x, 20)
    want = rounded_copy(model, precision)(x)
    # What is left is the narrow cache, and in PyTorch the narrow activations.
    error = ((got - want).square().mean() / want.square().mean()).sqrt()
    assert error < bound
    assert not torch.equal(got, model(x))


@pytest.mark.parametrize("path", PATHS)
@torch.inference_mode()
def test_one_prompt_for_all_rows(path):
    needs(path)
    model, prompt, more = decoder(), inputs(1, 20, 32), inputs(3, 1, 32, seed=4)
    fast = StaticDecoder(model, batch=3, path=path)
    assert fast.prefill(prompt).shape == (1, 20, 32)
    got = fast.step(more[:, 0])
    want = model(torch.cat([prompt.expand(3, -1, -1), more], 1))[:, -1]
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@torch.inference_mode()
def test_sliding_is_a_new_start_from_the_last_half(kind):
    model, x = decoder(kind), inputs(1, 60, 32)
    fast = StaticDecoder(model, capacity=40)
    run(fast, x[:, :40], 10)
    assert fast.full
    with pytest.raises(ValueError, match="slide"):
        fast.step(x[:, 40])
    torch.testing.assert_close(fast.slide(), model(x[:, 20:40]), atol=1e-5, rtol=1e-5)
    got = fast.step(x[:, 40])
    torch.testing.assert_close(got, model(x[:, 20:41])[:, -1], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_rewind_and_reset():
    model, x = decoder(), inputs(1, 30, 32)
    fast = StaticDecoder(model)
    want = run(fast, x, 5)
    fast.rewind(12)
    assert torch.equal(fast.step(x[:, 12]), want[:, 12])
    fast.reset()
    torch.testing.assert_close(fast.prefill(x), want, atol=1e-6, rtol=1e-6)
    with pytest.raises(ValueError, match="rewind"):
        fast.rewind(31)


def test_misuse_is_said():
    model = decoder()
    with pytest.raises(ValueError, match="capacity"):
        StaticDecoder(model, capacity=81)
    with pytest.raises(ValueError, match="batch"):
        StaticDecoder(model, batch=0)
    fast = StaticDecoder(model, batch=2)
    with pytest.raises(ValueError, match="rows"):
        fast.prefill(inputs(3, 4, 32))
    with pytest.raises(ValueError, match="exceed"):
        fast.prefill(inputs(2, 81, 32))


def test_a_width_that_the_kernel_does_not_take_runs_in_torch():
    torch.manual_seed(0)
    odd = decoder(width=12, heads=2)
    fast = StaticDecoder(odd)
    assert not native_fits(fast.plan)
    assert fast.path == "torch"
    with pytest.raises(ValueError, match="no compiled kernel"):
        StaticDecoder(odd, path="native")


@pytest.mark.parametrize("path", PATHS)
@torch.inference_mode()
def test_an_output_head_in_the_same_precision(path):
    needs(path)
    torch.manual_seed(3)
    head, x = nn.Linear(32, 91), inputs(4, 2, 32)
    for precision, bound in (("fp32", 1e-5), ("bf16", 0.02), ("int8", 0.02)):
        apply = StaticDecoder(decoder(), precision=precision, path=path).linear(head)
        torch.testing.assert_close(apply(x), head(x), atol=bound * 4, rtol=bound)


@pytest.mark.parametrize("capacity", [1, 100, 128, 129, 1000])
def test_buckets_cover_the_capacity(capacity):
    sizes = buckets(capacity)
    assert sizes[-1] == capacity
    assert sizes == sorted(set(sizes))
