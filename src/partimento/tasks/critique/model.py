"""The hierarchical attention network over the notes of a clip, and the plain LSTM baseline.

After PercePiano (Park et al. 2024), whose encoder is that of VirtuosoNet (Jeong et al. 2019).

Shape suffixes: N notes of all clips together, B clips, M beats or bars of all clips, F columns,
D width, H heads, K 19 dimensions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from partimento.nn.group_attention import ContextAttention
from partimento.nn.recurrent import SequenceLSTM, find_sequences, init_lstm
from partimento.nn.segments import segment_entropy
from partimento.nn.shapes import Float
from partimento.tasks.critique.config import Level, NetworkConfig
from partimento.tasks.critique.notes import NoteBatch, PaddedNotes

CLIP_TAP, BEAT_TAP, MEASURE_TAP = "clip_attention", "beat_attention", "measure_attention"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the network makes of a batch.

    ``scores`` (B, 19) in 0..1; ``entropy``: per attention the mean entropy within its groups (H,),
    as a share of the largest possible, see :func:`partimento.nn.segments.segment_entropy`.
    """

    scores: Tensor
    entropy: Mapping[str, Tensor] = field(default_factory=dict)


class ClipNetwork(nn.Module):
    """Notes of ``inputs`` columns in, 19 scores in 0..1 out.

    The columns are projected to ``embedding``.  An LSTM reads the notes of the clip and, beside
    it, one the notes of each voice; attention sums their states up beat by beat, an LSTM reads the
    beats; the same again for bars.  The states of all levels are laid back on the notes, joined,
    projected to ``head_width`` and summed up by attention; the head scores the clip.

    With ``note`` alone this is the baseline.  Padding is never computed with: a padded batch is
    unrolled first, so it gives what its clips give.
    """

    def __init__(self, config: NetworkConfig, inputs: int) -> None:
        super().__init__()
        self.config, self.inputs = config, inputs
        states, joined = 2 * config.width, 2 * config.width * (config.note + config.voice)
        self.embed = nn.Linear(inputs, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.note = self._lstm("note", config.embedding) if config.note else None
        self.voice = self._lstm("voice", config.embedding) if config.voice else None
        self.beat_attention = self._attention(joined, BEAT_TAP) if config.beat else None
        self.beat = self._lstm("beat", joined) if config.beat else None
        below = states if config.beat else joined
        self.measure_attention = self._attention(below, MEASURE_TAP) if config.measure else None
        self.measure = self._lstm("measure", below) if config.measure else None
        self.join = nn.Linear(states * len(config.levels), config.head_width)
        self.clip_attention = self._attention(config.head_width, CLIP_TAP)
        self.head = nn.Sequential(
            nn.Linear(config.head_width, config.head_width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.head_width, config.outputs),
        )
        if config.recurrent_init == "orthogonal":
            for module in self.modules():
                if isinstance(module, nn.LSTM):
                    init_lstm(module)

    def _lstm(self, level: Level, width: int) -> SequenceLSTM:
        layers = getattr(self.config, f"{level}_layers")
        return SequenceLSTM(width, self.config.width, layers, dropout=self.config.dropout)

    def _attention(self, width: int, name: str) -> ContextAttention:
        config = self.config
        return ContextAttention(
            width,
            config.heads,
            temperature=config.attention_temperature,
            init=config.attention_init,
            tap_name=name,
        )

    def attention_parameters(self) -> list[nn.Parameter]:
        """Parameters of all attention."""
        parts = [m for m in self.modules() if isinstance(m, ContextAttention)]
        return [parameter for part in parts for parameter in part.parameters()]

    def forward(
        self, notes: NoteBatch | PaddedNotes, without: Collection[Level] = ()
    ) -> Float[Tensor, "B K"]:
        """Scores (B, 19); the states of the levels in ``without`` are zeros where they are joined.

        Raises ValueError for a level that the network does not have.
        """
        return self.hear(notes, without).scores

    def hear(self, notes: NoteBatch | PaddedNotes, without: Collection[Level] = ()) -> Heard:
        """:meth:`forward` with the entropy of every attention, through which gradients flow."""
        batch = notes.unpadded() if isinstance(notes, PaddedNotes) else notes
        entropy: dict[str, Tensor] = {}
        states = self._levels(batch, entropy)
        unknown = set(without) - set(states)
        if unknown:
            raise ValueError(f"the network has no level {', '.join(sorted(unknown))}")
        joined_ND = torch.cat(
            [torch.zeros_like(s) if name in without else s for name, s in states.items()], dim=1
        )
        clip = batch.clip_N
        pooled = self.clip_attention(self.dropout(self.join(joined_ND)), clip, batch.clips)
        entropy["clip"] = _mean_entropy(pooled.weights, clip, batch.clips)
        return Heard(torch.sigmoid(self.head(pooled.groups)), entropy)

    def _levels(self, batch: NoteBatch, entropy: dict[str, Tensor]) -> dict[str, Tensor]:
        """States (N, 2 width) of each level, laid back on the notes."""
        x_ND = self.dropout(torch.relu(self.embed(batch.values_NF)))
        states: dict[str, Tensor] = {}
        if self.note is not None:
            states["note"] = self.note(x_ND, find_sequences(batch.clip_N))
        if self.voice is not None:
            states["voice"] = self.voice(x_ND, find_sequences(batch.voice_N))
        # What attention sums up, and the row of it that each note has.
        below_MD = torch.cat(list(states.values()), dim=1)
        row_N, measure_M = torch.arange(len(x_ND), device=x_ND.device), batch.measure_N
        if self.beat_attention is not None and self.beat is not None:
            pooled = self.beat_attention(below_MD, batch.beat_N, batch.beats)
            entropy["beat"] = _mean_entropy(pooled.weights, batch.beat_N, batch.beats)
            below_MD = self.beat(pooled.groups, find_sequences(batch.clip_of_beat))
            row_N, measure_M = batch.beat_N, batch.measure_of_beat
            states["beat"] = below_MD[row_N]
        if self.measure_attention is not None and self.measure is not None:
            pooled = self.measure_attention(below_MD, measure_M, batch.measures)
            entropy["measure"] = _mean_entropy(pooled.weights, measure_M, batch.measures)
            bars = self.measure(pooled.groups, find_sequences(batch.clip_of_measure))
            states["measure"] = bars[measure_M[row_N]]
        return states


def _mean_entropy(weights_NH: Tensor, group_N: Tensor, groups: int) -> Tensor:
    """Mean (H,) over the groups that have a choice; 1 where no group has one."""
    found_MH = segment_entropy(weights_NH, group_N, groups)
    known = ~found_MH.isnan()
    total = torch.where(known, found_MH, 0.0).sum(0)
    count = known.sum(0)
    return torch.where(count > 0, total / count.clamp_min(1), 1.0)
