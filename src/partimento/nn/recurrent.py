"""Bidirectional LSTMs over many sequences of different length that lie in one table.

Legend: N rows of all sequences together, S sequences, T steps of the longest, D input width,
H hidden width of one direction.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from partimento.nn.shapes import Float, Int


class Bucket(NamedTuple):
    """Sequences of similar length, padded.

    ``forward_TS`` and ``backward_TS``: the row at each step, read from the front and from the
    back; behind a sequence its last row is repeated.  ``inside_TS``: whether a step is real.
    """

    forward_TS: Tensor
    backward_TS: Tensor
    inside_TS: Tensor


class Sequences(NamedTuple):
    """Which rows are the steps of which sequence.

    ``rows`` (N,): the rows sequence by sequence; ``first`` and ``length`` (S,) of each in it.
    """

    rows: Tensor
    first: Tensor
    length: Tensor


def find_sequences(sequence: Int[Tensor, " N"]) -> Sequences:
    """The sequences that the rows belong to by the numbers in ``sequence``.

    Rows of one sequence are its steps in the order in which they stand; they need not be together.
    """
    _, number, length = torch.unique(sequence, return_inverse=True, return_counts=True)
    return Sequences(torch.argsort(number, stable=True), torch.cumsum(length, 0) - length, length)


class SequenceLSTM(nn.Module):
    """Stacked bidirectional LSTM; every sequence is read on its own, whatever else is in the table.

    Input (N, D), output (N, 2 H) in the order of the rows.  ``dropout`` acts between the layers.

    On a processor each direction runs over padded sequences, those of similar length together:
    oneDNN does so about ten times faster than PyTorch's packed sequences, which cuDNN is made for.
    Both give the same, but for the draws of dropout.
    """

    def __init__(self, width: int, hidden: int, layers: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(width, hidden, layers, bidirectional=True, dropout=between)

    def forward(self, rows: Float[Tensor, "N D"], sequences: Sequences) -> Float[Tensor, "N H2"]:
        """Hidden states of both directions."""
        if rows.device.type != "cpu":
            return self.packed(rows, sequences)
        return self.padded(rows, sequences)

    def packed(self, rows: Float[Tensor, "N D"], sequences: Sequences) -> Float[Tensor, "N H2"]:
        """All sequences step by step, as a packed sequence."""
        order, sizes = packed_order(sequences)
        # order[i] is the row at packed place i, so its inverse leads back.
        states = self.lstm(PackedSequence(rows[order], sizes))[0].data
        return states[torch.argsort(order)]

    def padded(self, rows: Float[Tensor, "N D"], sequences: Sequences) -> Float[Tensor, "N H2"]:
        """Each direction over padded sequences."""
        buckets = make_buckets(sequences)
        for layer in range(self.lstm.num_layers):
            if layer:
                rows = nn.functional.dropout(rows, self.lstm.dropout, self.training)
            ends = [self._direction(rows, buckets, layer, back) for back in (False, True)]
            rows = torch.cat(ends, dim=1)
        return rows

    def _direction(self, rows: Tensor, buckets: list[Bucket], layer: int, back: bool) -> Tensor:
        """States (N, H) of one direction of one layer."""
        suffix = f"l{layer}{'_reverse' if back else ''}"
        names = (f"weight_ih_{suffix}", f"weight_hh_{suffix}", f"bias_ih_{suffix}")
        weights = [getattr(self.lstm, name) for name in (*names, f"bias_hh_{suffix}")]
        states, places = [], []
        for bucket in buckets:
            index_TS = bucket.backward_TS if back else bucket.forward_TS
            x_TSD = rows.index_select(0, index_TS.flatten()).view(*index_TS.shape, -1)
            start = x_TSD.new_zeros(1, index_TS.shape[1], self.lstm.hidden_size)
            h_TSH = torch.lstm(
                x_TSD, (start, start), weights, True, 1, 0.0, self.training, False, False
            )[0]
            states.append(h_TSH[bucket.inside_TS])
            places.append(index_TS[bucket.inside_TS])
        return torch.cat(states)[torch.argsort(torch.cat(places))]


def packed_order(sequences: Sequences) -> tuple[Tensor, Tensor]:
    """Rows in packed order (N,), and how many sequences have a step t (T,), on the CPU."""
    length = sequences.length
    number = torch.arange(len(length), device=length.device).repeat_interleave(length)
    step = torch.arange(len(number), device=length.device) - sequences.first[number]
    rank = torch.argsort(torch.argsort(length, descending=True, stable=True))
    order = torch.argsort(step * len(length) + rank[number])
    return sequences.rows[order], torch.bincount(step).cpu()


def make_buckets(sequences: Sequences) -> list[Bucket]:
    """Padded sequences, longest first; within a bucket none is shorter than half the longest."""
    lengths, order = torch.sort(sequences.length, descending=True, stable=True)
    buckets, begin, sizes = [], 0, lengths.tolist()
    for end in range(1, len(sizes) + 1):
        if end == len(sizes) or 2 * sizes[end] < sizes[begin]:
            buckets.append(_bucket(sequences, order[begin:end]))
            begin = end
    return buckets


def _bucket(sequences: Sequences, chosen: Tensor) -> Bucket:
    first_S, last_S = sequences.first[chosen], sequences.length[chosen] - 1
    step_T1 = torch.arange(int(last_S.max()) + 1, device=last_S.device)[:, None]
    forward = first_S + torch.minimum(step_T1, last_S)
    backward = first_S + (last_S - step_T1).clamp_min(0)
    return Bucket(sequences.rows[forward], sequences.rows[backward], step_T1 <= last_S)


def init_lstm(lstm: nn.LSTM) -> None:
    """Draw the weights anew: inputs after Glorot and Bengio (2010), recurrences orthogonal.

    Each of the four gates is a matrix of its own (Saxe et al. 2014).  Biases are 0, that of the
    forget gate 1 (Jozefowicz et al. 2015): PyTorch adds two, of which one stays 0.
    """
    hidden = lstm.hidden_size
    for name, weight in lstm.named_parameters():
        if name.startswith("weight_ih"):
            for gate in weight.data.chunk(4):
                nn.init.xavier_uniform_(gate)
        elif name.startswith("weight_hh"):
            for gate in weight.data.chunk(4):
                nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(weight)
            if name.startswith("bias_ih"):
                weight.data[hidden : 2 * hidden] = 1.0
