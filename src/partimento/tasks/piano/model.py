"""The source designs: a decoder-only transformer over the 388 events.

Shape suffixes: B pieces, L events, D width, V 391 tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partimento.music.events import PAD, VOCABULARY
from partimento.nn.decoder import CausalAttention, Decoder, SwiGLU
from partimento.nn.dropout import ByteDropout
from partimento.nn.shapes import Float, Int
from partimento.tasks.piano.config import EventModelConfig


class EventTransformer(nn.Module):
    """Events in, logits of the event after each out.

    Padding may stand anywhere: no other position sees it.  Its own logits mean nothing.
    """

    def __init__(self, config: EventModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(VOCABULARY, config.width, padding_idx=PAD)
        self.embedding_dropout = ByteDropout(config.embedding_dropout)
        self.decoder = Decoder(
            width=config.width,
            layers=config.layers,
            heads=config.heads,
            feedforward=config.feedforward,
            max_length=config.context,
            positions=config.positions,
            norm=config.norm,
            norm_kind=config.norm_kind,
            activation=config.activation,
            bias=config.bias,
            dropout=config.layer_dropout,
            last_dropout=config.last_layer_dropout,
            attention_dropout=config.attention_dropout,
            attention_temperature=config.attention_temperature,
        )
        self.output_dropout = ByteDropout(config.output_dropout)
        self.out = nn.Linear(config.width, VOCABULARY)
        self.initialise()
        if config.tied:
            self.out.weight = self.embedding.weight

    def initialise(self) -> None:
        """Draw all weights anew.

        Embeddings, of events and of distances, are normal with variance 1 / width; those of events
        are scaled up to variance 1 by :meth:`embed`.  Matrices are uniform after Glorot and Bengio
        (2010), queries, keys and values each as a matrix of its own.  With pre-norm the matrices
        that write to the stream are divided by sqrt(2 layers) (Radford et al. 2019), so that its
        variance does not grow with depth.  The output layer starts small, so that all events are
        about equally likely; biases are zero.
        """
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.decoder.modules():
            if isinstance(module, CausalAttention):
                _draw_parts(module.qkv, 3)
            elif isinstance(module, SwiGLU):
                _draw_parts(module.gate_up, 2)
        if self.config.norm == "pre":
            shrink = (2 * self.config.layers) ** -0.5
            for name, weight in self.decoder.named_parameters():
                if name.endswith(("attention.out.weight", "feedforward.down.weight")):
                    nn.init.xavier_uniform_(weight, gain=shrink)
        nn.init.normal_(self.out.weight, std=0.02)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0

    def embed(self, tokens: Int[Tensor, "*B"]) -> Float[Tensor, "*B D"]:
        """Inputs of the backbone, scaled by sqrt(D) (Vaswani et al. 2017, section 3.4)."""
        return self.embedding(tokens) * self.config.width**0.5

    def logits(self, h_BLD: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Logits of hidden states."""
        return self.out(self.output_dropout(h_BLD))

    def forward(self, tokens_BL: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Logits (B, L, 391) of the event after each of at most ``config.context`` tokens.

        Raises ValueError for a longer input.
        """
        x_BLD = self.embedding_dropout(self.embed(tokens_BL))
        return self.logits(self.decoder(x_BLD, pad_mask=pad_mask(tokens_BL)))


def _draw_parts(layer: nn.Linear, count: int) -> None:
    """Draw the ``count`` matrices that one layer holds as if each were alone."""
    for part in layer.weight.data.chunk(count):
        nn.init.xavier_uniform_(part)


def pad_mask(tokens_BL: Tensor) -> Tensor | None:
    """(B, L) true on padding; None where all of it stands at the ends.

    Such padding is in nobody's past, and without a mask attention is faster.
    """
    padded = tokens_BL == PAD
    inside = padded[:, :-1] & ~padded[:, 1:]
    return padded if bool(inside.any()) else None
