"""The source's network: a GPT-2-style decoder (Radford et al. 2019) over scheme ``amt``.

Shape suffixes: B pieces, L tokens, D width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partimento.music.amt_tokens import PAD
from partimento.nn.decoder import Decoder
from partimento.nn.dropout import ByteDropout
from partimento.nn.losses import token_nll
from partimento.nn.shapes import Float, Int
from partimento.tasks.text2midi.source_config import SourceConfig


class SourceTransformer(nn.Module):
    """Tokens in, logits of the token after each out.

    Padding stands after the end only, where no real token sees it.
    """

    def __init__(self, config: SourceConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width, padding_idx=PAD)
        self.dropout = ByteDropout(config.dropout)
        self.decoder = Decoder(
            width=config.width,
            layers=config.layers,
            heads=config.heads,
            feedforward=config.feedforward,
            max_length=config.context,
            positions="absolute",
            norm="pre",
            norm_kind="layer",
            activation="gelu",
            bias=True,
            dropout=config.dropout,
        )
        self.out = nn.Linear(config.width, config.vocabulary, bias=False)
        self.initialise()
        if config.tied:
            self.out.weight = self.embedding.weight

    def initialise(self) -> None:
        """Draw all weights anew, as GPT-2 does: normal with 0.02, biases zero.

        Matrices that write to the stream are divided by sqrt(2 layers), so that its variance does
        not grow with depth.
        """
        for module in self.modules():
            if isinstance(module, nn.Embedding | nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        shrunk = 0.02 * (2 * self.config.layers) ** -0.5
        for name, weight in self.decoder.named_parameters():
            if name.endswith(("attention.out.weight", "feedforward.down.weight")):
                nn.init.normal_(weight, std=shrunk)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0

    def embed(self, tokens: Int[Tensor, "*B"]) -> Float[Tensor, "*B D"]:
        """Inputs of the backbone; it adds the positions itself."""
        return self.embedding(tokens)

    def forward(self, tokens_BL: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        """Logits of the token after each of at most ``config.context`` tokens.

        Raises ValueError for a longer input.
        """
        return self.out(self.decoder(self.dropout(self.embed(tokens_BL))))


def sequence_nats(
    network: SourceTransformer,
    input_BL: Tensor,
    target_BL: Tensor,
    keep_BL: Tensor,
) -> Tensor:
    """Nats (B, L) of the targets that count; 0 at the others."""
    return token_nll(network(input_BL).float(), target_BL) * keep_BL
