"""The torch side of the learnt expression: a small temporal convolution over a score's notes.

Its NumPy twin, which plays, is :class:`partimento.music.expression_model.ExpressionNetwork`.
Shape suffixes: B windows, N notes, F features, C channels, T targets.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partimento.music.expression_features import NAMES
from partimento.music.expression_targets import TARGETS

KERNEL = 3


class ExpressionConvolution(nn.Module):
    """Dilated convolutions with residuals (Bai et al. 2018), looking both ways."""

    def __init__(self, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(len(NAMES), channels)
        self.dilations = tuple(2**n for n in range(layers))
        self.convolve = nn.ModuleList(
            nn.Conv1d(channels, channels, KERNEL, padding=d, dilation=d) for d in self.dilations
        )
        self.mix = nn.ModuleList(nn.Linear(channels, channels) for _ in self.dilations)
        self.drop = nn.Dropout(dropout)
        self.leave = nn.Linear(channels, len(TARGETS))

    def hidden(self, features_BNF: Tensor) -> Tensor:
        """What the last layer sees of every note, (B, N, C)."""
        x_BNC = torch.relu(self.enter(features_BNF))
        for convolve, mix in zip(self.convolve, self.mix, strict=True):
            near = torch.relu(convolve(x_BNC.transpose(1, 2))).transpose(1, 2)
            x_BNC = x_BNC + self.drop(mix(near))
        return torch.relu(x_BNC)

    def forward(self, features_BNF: Tensor) -> Tensor:
        """Predictions (B, N, T) in the order of :data:`TARGETS`; the last two are logits."""
        return self.leave(self.drop(self.hidden(features_BNF)))
