"""The source network: four channels that attend over time and to each other.

Legend: B windows, T steps of a 16th note, C four channels (soprano, alto, tenor, bass), D width,
V vocabulary (128 MIDI pitches and silence).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from partimento.nn.attention import SelfAttention
from partimento.nn.blocks import FeedForward, Sublayer, sinusoids
from partimento.nn.shapes import Float, Int
from partimento.tasks.chorale.api import VOCABULARY, Meta, tokens_of
from partimento.tasks.chorale.config import SourceConfig

START = VOCABULARY
"""Input token of the step before the first frame; never predicted."""

CHANNEL_COUNT = 4
_WINDOWS_AT_ONCE = 256


class HarmonicLayer(nn.Module):
    """Causal attention over time in every channel, attention across the channels of every step,
    and a feed-forward layer.
    """

    def __init__(self, config: SourceConfig) -> None:
        super().__init__()
        D = config.width

        def wrap(layer: nn.Module) -> Sublayer:
            return Sublayer(
                layer, D, norm=config.norm, residual=config.residual, dropout=config.dropout
            )

        # Dropout acts on what each sublayer adds; on attention weights it would cost a third of
        # the time and the fused kernel.
        over_time = SelfAttention(D, config.heads, causal=True)
        across = SelfAttention(D, config.heads, tap_name="cross_channel_attention")
        feed_forward = FeedForward(D, config.ff_multiplier)
        self.over_time = wrap(over_time)
        self.across_channels = wrap(across) if config.cross_channel else None
        self.feed_forward = wrap(feed_forward)

    def forward(self, x_BTCD: Float[Tensor, "B T C D"]) -> Float[Tensor, "B T C D"]:
        """One layer; step t sees steps up to t."""
        x_BTCD = self.over_time(x_BTCD.transpose(1, 2)).transpose(1, 2)
        if self.across_channels is not None:
            x_BTCD = self.across_channels(x_BTCD)
        return self.feed_forward(x_BTCD)


class HarmonicNetwork(nn.Module):
    """Predicts the next frame of all four channels at once from the frames before it.

    The four predictions of one frame do not see each other: the network models a frame as four
    independent notes given the past, which is the main limit of the source design.
    """

    offset_C: Tensor

    def __init__(self, config: SourceConfig) -> None:
        super().__init__()
        self.config = config
        self.context = config.seq_len
        D, C = config.width, CHANNEL_COUNT
        self.embedding = nn.Embedding(C * (VOCABULARY + 1), D)
        self.register_buffer("offset_C", torch.arange(C) * (VOCABULARY + 1), persistent=False)
        self.positions = self._positions()
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(HarmonicLayer(config) for _ in range(config.layers))
        self.norm = nn.Identity() if config.norm == "post" else nn.LayerNorm(D)
        self.heads = nn.ModuleList(nn.Linear(D, VOCABULARY) for _ in range(C))

    def _positions(self) -> nn.Parameter | None:
        steps, width = self.config.seq_len, self.config.width
        if self.config.positions == "learned":
            return nn.Parameter(0.02 * torch.randn(steps, width))
        if self.config.positions == "sinusoidal":
            return nn.Parameter(sinusoids(steps, width), requires_grad=False)
        return None

    def forward(self, input_BTC: Int[Tensor, "B T 4"]) -> Float[Tensor, "B T 4 V"]:
        """Logits of the frame after each input frame; T at most ``config.seq_len``.

        Inputs are tokens, or ``START`` for the step before the piece.
        """
        steps = input_BTC.shape[1]
        if steps > self.config.seq_len:
            raise ValueError(f"{steps} steps, but the network takes {self.config.seq_len}")
        x_BTCD = self.embedding(input_BTC + self.offset_C)
        if self.positions is not None:
            x_BTCD = x_BTCD + self.positions[:steps, None, :]
        x_BTCD = self.dropout(x_BTCD)
        for layer in self.layers:
            x_BTCD = layer(x_BTCD)
        x_BTCD = self.norm(x_BTCD)
        logits = [head(x_BTCD[:, :, c]) for c, head in enumerate(self.heads)]
        return torch.stack(logits, dim=2)

    @torch.no_grad()
    def step_log_probs(
        self, grid_T4: np.ndarray, meta: Meta | None = None, *, stride: int = 1
    ) -> np.ndarray:
        """Log probabilities ``(T, 4, 129)`` of every frame of a piece, from a sliding window.

        With ``stride`` 1 each frame is predicted from as many frames as the network can see (all
        frames before it near the start).  A larger stride is faster and gives a frame at least
        ``seq_len - stride`` frames of context.  ``meta`` is not used by this network.
        """
        del meta
        tokens = tokens_of(grid_T4)
        if len(tokens) == 0:
            return np.zeros((0, CHANNEL_COUNT, VOCABULARY), dtype=np.float32)
        device = self.embedding.weight.device
        # Row t of the input is the frame before frame t.
        inputs = torch.from_numpy(np.concatenate([np.full((1, 4), START), tokens[:-1]])).to(device)
        was_training, result = self.training, []
        self.eval()
        for starts, first_new in window_plan(len(tokens), self.config.seq_len, stride):
            for some in torch.split(torch.tensor(starts, device=device), _WINDOWS_AT_ONCE):
                span = min(self.config.seq_len, len(tokens))
                rows = some[:, None] + torch.arange(span, device=device)
                log_probs = self(inputs[rows])[:, first_new:].log_softmax(-1)
                result.append(log_probs.flatten(0, 1).float().cpu())
        self.train(was_training)
        return torch.cat(result).numpy()

    @torch.no_grad()
    def observe(self, grid_T4: np.ndarray, meta: Meta | None = None) -> None:
        """One pass over the first ``context`` frames, for the taps.

        Raises ValueError when the passage is longer than the network sees at once.
        """
        del meta
        tokens = tokens_of(grid_T4)
        inputs = np.concatenate([np.full((1, 4), START), tokens[:-1]])
        was_training = self.training
        self.eval()
        self(torch.from_numpy(inputs)[None].to(self.embedding.weight.device))
        self.train(was_training)


def window_plan(frames: int, window: int, stride: int) -> list[tuple[list[int], int]]:
    """Groups of windows that predict each of ``frames`` once, in order.

    Each group is (starts, first_new): of every window the predictions from row ``first_new`` on
    are used.  The first window gives all its rows; the rest overlap.

    Raises ValueError unless 1 <= stride <= window.

    >>> window_plan(7, 4, 2)
    [([0], 0), ([2], 2), ([3], 3)]
    """
    if not 1 <= stride <= window:
        raise ValueError(f"a stride of {stride} for windows of {window} steps")
    plan = [([0], 0)]
    full, rest = divmod(max(0, frames - window), stride)
    if full:
        plan.append(([stride * (i + 1) for i in range(full)], window - stride))
    if rest:
        plan.append(([frames - window], window - rest))
    return plan
