"""The same transformer in this project, in transformers and in x-transformers.

Weights are equal where the libraries can hold them: transformers' Llama carries those of
:class:`~partimento.nn.decoder.Decoder`, its GPT-2 those of a :class:`DecoderPlan` with absolute
positions.  x-transformers has the same shape with weights of its own, which changes no speed.

Shape suffixes: B batch, T positions, D width, V vocabulary.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from partimento.nn.decoder import Decoder
from partimento.nn.decoder_plan import DecoderPlan, LayerPlan, MatrixPlan, NormPlan, plan_of
from partimento.nn.decoding import DecodingPath, StaticDecoder
from partimento.nn.quantised import Precision


@dataclass(frozen=True)
class Shape:
    """Size of a language model."""

    width: int
    layers: int
    heads: int
    feedforward: int
    context: int
    vocabulary: int = 391


@dataclass(frozen=True)
class Language:
    """An embedding, a decoder and an output head of given shape."""

    shape: Shape
    kind: str
    """"llama" or "gpt2"."""
    plan: DecoderPlan
    embedding_VD: Tensor
    head_VD: Tensor


def llama_language(decoder: Decoder, shape: Shape, generator: torch.Generator) -> Language:
    """A decoder with rotary positions between a drawn embedding and a drawn head."""
    tables = (torch.randn(shape.vocabulary, shape.width, generator=generator) for _ in range(2))
    return Language(shape, "llama", plan_of(decoder.eval()), *tables)


def gpt2_language(shape: Shape, generator: torch.Generator) -> Language:
    """GPT-2's blocks (absolute positions, layer norms, GELU, biases) with drawn weights."""

    def drawn(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator) * size[-1] ** -0.5

    def matrix(rows: int, columns: int) -> MatrixPlan:
        return MatrixPlan(drawn(rows, columns), 0.1 * drawn(rows))

    D, F = shape.width, shape.feedforward
    norm = NormPlan("layer", 1e-5, torch.ones(D), torch.zeros(D))
    layers = tuple(
        LayerPlan(norm, matrix(3 * D, D), matrix(D, D), norm, matrix(F, D), matrix(D, F), None)
        for _ in range(shape.layers)
    )
    plan = DecoderPlan(
        layers=layers,
        norm=norm,
        width=D,
        heads=shape.heads,
        max_length=shape.context,
        activation="gelu",
        post_norm=False,
        score_scale=(D // shape.heads) ** -0.5,
        cos_TE=None,
        sin_TE=None,
        added_TD=drawn(shape.context, D),
    )
    tables = (torch.randn(shape.vocabulary, D, generator=generator) for _ in range(2))
    return Language(shape, "gpt2", plan, *tables)


class OwnLoop:
    """Greedy decoding with the fast decoder."""

    def __init__(
        self, language: Language, precision: Precision, path: DecodingPath = "auto", batch: int = 1
    ) -> None:
        self.embedding = language.embedding_VD
        self.decoder = StaticDecoder(language.plan, batch, None, precision, path)
        layer = nn.Linear(language.shape.width, language.shape.vocabulary, bias=False)
        layer.weight.data = language.head_VD
        self.head = self.decoder.linear(layer)

    @torch.inference_mode()
    def read(self, tokens_BT: Tensor) -> Tensor:
        """Start anew with a prompt; returns the first new tokens (B,)."""
        self.decoder.reset()
        h_BTD = self.decoder.prefill(self.embedding[tokens_BT])
        return self.head(h_BTD[:, -1].contiguous()).argmax(-1).expand(self.decoder.batch)

    @torch.inference_mode()
    def go_on(self, token_B: Tensor, count: int) -> Tensor:
        """``count`` more tokens (B, count) after the given ones."""
        taken = []
        for _ in range(count):
            h_BD = self.decoder.step(self.embedding[token_B])
            token_B = self.head(h_BD).argmax(-1)
            taken.append(token_B)
        return torch.stack(taken, 1)


def hugging_face(language: Language) -> Any:
    """The transformers model with the weights of ``language``, in fp32 and ready to generate.

    Raises ImportError where transformers is not installed.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    model = _llama(language) if language.kind == "llama" else _gpt2(language)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model.float().eval()


def _llama(language: Language) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape, plan = language.shape, language.plan
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feedforward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=plan.norm.eps,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    tensors = {"model.embed_tokens.weight": language.embedding_VD}
    tensors |= {"lm_head.weight": language.head_VD, "model.norm.weight": _weight(plan.norm)}
    for i, layer in enumerate(plan.layers):
        q, k, v = layer.qkv.weight.chunk(3)
        gate, up = layer.up.weight.chunk(2)
        parts = {
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": layer.out.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": layer.down.weight,
            "input_layernorm": _weight(layer.attention_norm),
            "post_attention_layernorm": _weight(layer.feedforward_norm),
        }
        tensors |= {f"model.layers.{i}.{name}.weight": part for name, part in parts.items()}
    model.load_state_dict(tensors)
    return model


def _gpt2(language: Language) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    shape, plan = language.shape, language.plan
    config = GPT2Config(
        vocab_size=shape.vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_inner=shape.feedforward,
        activation_function="gelu",
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config)
    tensors = {"transformer.wte.weight": language.embedding_VD, "lm_head.weight": language.head_VD}
    assert plan.added_TD is not None
    tensors["transformer.wpe.weight"] = plan.added_TD
    norms = {"transformer.ln_f": plan.norm}
    for i, layer in enumerate(plan.layers):
        block = f"transformer.h.{i}"
        norms |= {f"{block}.ln_1": layer.attention_norm, f"{block}.ln_2": layer.feedforward_norm}
        parts = {
            "attn.c_attn": layer.qkv,
            "attn.c_proj": layer.out,
            "mlp.c_fc": layer.up,
            "mlp.c_proj": layer.down,
        }
        for name, part in parts.items():
            assert part.bias is not None
            tensors[f"{block}.{name}.weight"] = part.weight.T
            tensors[f"{block}.{name}.bias"] = part.bias
    for name, norm in norms.items():
        assert norm.bias is not None
        tensors |= {f"{name}.weight": _weight(norm), f"{name}.bias": norm.bias}
    model.load_state_dict(tensors)
    return model


def _weight(norm: NormPlan) -> Tensor:
    assert norm.weight is not None
    return norm.weight


class Stopwatch:
    """A streamer for ``generate`` that notes when each token came."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def put(self, tokens: Tensor) -> None:
        """The prompt, then each new token."""
        self.at.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to do."""

    @property
    def seconds_each(self) -> float:
        """Seconds a token, the first one and the prompt left out."""
        return (self.at[-1] - self.at[1]) / (len(self.at) - 2)


@torch.inference_mode()
def generate(model: Any, prompt_BT: Tensor, count: int, cached: bool) -> tuple[Tensor, float]:
    """Greedy tokens (B, count) of transformers' ``generate`` and seconds a token.

    The streamer takes one row only; with more rows the prompt's time is measured by a run of one
    token and subtracted.
    """
    options = {
        "do_sample": False,
        "use_cache": cached,
        "attention_mask": torch.ones_like(prompt_BT),
    }

    def run(new: int, **more: Any) -> Tensor:
        return model.generate(prompt_BT, max_new_tokens=new, min_new_tokens=new, **options, **more)

    if len(prompt_BT) == 1:
        watch = Stopwatch()
        tokens = run(count, streamer=watch)
        return tokens[:, prompt_BT.shape[1] :], watch.seconds_each
    start = time.perf_counter()
    run(1)
    middle = time.perf_counter()
    tokens = run(count)
    seconds = (time.perf_counter() - middle) - (middle - start)
    return tokens[:, prompt_BT.shape[1] :], max(seconds, 1e-9) / (count - 1)


def x_transformers(shape: Shape) -> Any:
    """x-transformers' decoder of the shape: rotary, RMS norms, SwiGLU, no biases.

    Raises ImportError where it is not installed.
    """
    from x_transformers import AutoregressiveWrapper, TransformerWrapper
    from x_transformers import Decoder as Layers

    layers = Layers(
        dim=shape.width,
        depth=shape.layers,
        heads=shape.heads,
        attn_dim_head=shape.width // shape.heads,
        rotary_pos_emb=True,
        use_rmsnorm=True,
        ff_glu=True,
        ff_swish=True,
        ff_no_bias=True,
        ff_mult=shape.feedforward / shape.width,
        attn_flash=True,
    )
    model = TransformerWrapper(
        num_tokens=shape.vocabulary,
        max_seq_len=shape.context,
        attn_layers=layers,
        use_abs_pos_emb=False,
    )
    return AutoregressiveWrapper(model).eval()


@torch.inference_mode()
def generate_x(model: Any, prompt_BT: Tensor, count: int) -> float:
    """Seconds a token of x-transformers' cached, greedy ``generate``, the prompt left out."""

    def run(new: int) -> float:
        start = time.perf_counter()
        model.generate(prompt_BT, new, temperature=0.0, cache_kv=True)
        return time.perf_counter() - start

    return max(run(count) - run(1), 1e-9) / (count - 1)
