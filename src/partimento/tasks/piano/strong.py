"""The strong compact model: a transformer over compound steps with heads that know the keyboard.

Every step is foretold in three parts, each knowing the ones before: the gap, the key, the velocity.
Beside dense output layers there are *relative* ones, whose logits depend on a distance rather than
on an absolute value: how long ago a pitch was struck and whether it sounds, its interval to the
latest onsets, the distance of an onset from the latest rhythm, of a velocity from the latest
velocities.

Shape suffixes: B batch, T positions, D width, P 128 pitches, R recent onsets, G 101 gaps,
K 258 keys, V 32 velocity bins, A classes of age, I classes of interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from partimento.core.config import Config
from partimento.music.events import NOTE_OFF, PITCHES, VELOCITY_BINS
from partimento.nn.decoder import Decoder
from partimento.tasks.piano.steps import GAPS, KEYS, KEYS_IN, RECENT, WAIT

AGES = 42
"""Classes of age, three to the octave of ticks; the last holds everything above 2.7 minutes."""
INTERVAL_SPAN = 48
RHYTHM_SPAN = 60
DECAYS_TICKS = (25.0, 100.0, 400.0, 1600.0)
NEVER = 30_000


class StrongConfig(Config):
    """Size and regularisation of the strong model."""

    width: int = Field(256, ge=64, description="width of the stream")
    layers: int = Field(8, ge=1, description="transformer blocks")
    heads: int = Field(4, ge=1, description="attention heads")
    feedforward: int = Field(704, ge=1, description="hidden width of the gated feed-forward")
    context: int = Field(1024, ge=16, description="positions (steps) seen at once")
    dropout: float = Field(0.1, ge=0, lt=1, description="after attention and feed-forward")
    feature_dropout: float = Field(
        0.0, ge=0, lt=1, description="chance that one input of a position is hidden in training"
    )


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Crops side by side; see :class:`partimento.tasks.piano.steps.Crop`.

    ``gap`` ``key`` ``bin`` (B, T + 1) int64; ``age`` (B, T, P) int16; ``sounding`` (B, T, P) bool;
    ``recent_pitch`` ``recent_bin`` ``intervals`` (B, T, R), ``since_chord`` (B, T) int16;
    ``valid`` (B, T) false on padding.
    """

    gap: Tensor
    key: Tensor
    bin: Tensor
    age: Tensor
    sounding: Tensor
    recent_pitch: Tensor
    recent_bin: Tensor
    since_chord: Tensor
    intervals: Tensor
    valid: Tensor


def age_class(age: Tensor) -> Tensor:
    """Class of an age in ticks: three to the octave."""
    return (3.0 * torch.log2(age.float() + 1.0)).long().clamp(0, AGES - 1)


class StrongPiano(nn.Module):
    """Steps in, log probabilities of the next step out."""

    def __init__(self, config: StrongConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.gap_in = nn.Embedding(GAPS, D)
        self.key_in = nn.Embedding(KEYS_IN, D)
        self.bin_in = nn.Embedding(VELOCITY_BINS + 1, D)
        self.since_in = nn.Embedding(AGES, D)
        self.held_in = nn.Embedding(AGES, D)
        self.state_in = nn.Linear(PITCHES * (1 + len(DECAYS_TICKS)), D, bias=False)
        self.decoder = Decoder(
            width=D,
            layers=config.layers,
            heads=config.heads,
            feedforward=config.feedforward,
            max_length=config.context,
            positions="rotary",
            dropout=config.dropout,
        )
        self.gap_out = nn.Linear(D, GAPS)
        self.rhythm_out = nn.Linear(D, RECENT * (2 * RHYTHM_SPAN + 1), bias=False)
        self.key_hidden = nn.Linear(D, D)
        self.key_gap = nn.Embedding(GAPS, D)
        self.key_out = nn.Linear(D, KEYS)
        self.age_out = nn.Linear(D, 4 * AGES, bias=False)
        self.interval_out = nn.Linear(D, RECENT * (2 * INTERVAL_SPAN + 1), bias=False)
        self.bin_hidden = nn.Linear(D, D)
        self.bin_gap = nn.Embedding(GAPS, D)
        self.bin_key = nn.Embedding(PITCHES, D)
        self.bin_out = nn.Linear(D, VELOCITY_BINS)
        self.bin_relative = nn.Linear(D, RECENT * (2 * VELOCITY_BINS), bias=False)
        self.initialise()

    def initialise(self) -> None:
        """Small normal tables; relative heads and the ends of residual branches begin at zero."""
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for name, weight in self.decoder.named_parameters():
            if name.endswith(("attention.out.weight", "feedforward.down.weight")):
                nn.init.zeros_(weight)
        for head in (self.rhythm_out, self.age_out, self.interval_out, self.bin_relative):
            nn.init.zeros_(head.weight)
        for out in (self.gap_out, self.key_out, self.bin_out):
            nn.init.normal_(out.weight, std=0.02)

    # -- inputs -----------------------------------------------------------------------------------

    def embed(self, batch: StepBatch) -> Tensor:
        """Inputs (B, T, D) of the backbone."""
        T = batch.age.shape[1]
        gap, key, bins = batch.gap[:, :T], batch.key[:, :T], batch.bin[:, :T]
        x = self.hide(self.gap_in(gap)) + self.hide(self.key_in(key))
        x = x + self.hide(self.bin_in(bins))
        x = x + self.hide(self.since_in(age_class(batch.since_chord)))
        pitch = (key % PITCHES)[..., None]
        held = age_class(batch.age.gather(-1, pitch)[..., 0])
        ended = (key >= NOTE_OFF) & (key < WAIT)
        x = x + self.hide(self.held_in(held) * ended[..., None])
        return x + self.hide(self.state_in(self.state(batch).to(x.dtype)))

    def hide(self, x: Tensor) -> Tensor:
        """Leave out all of an input, position by position: word dropout, in training only.

        What a model may not rely on, it cannot recite; see docs/log.md.
        """
        drop = self.config.feature_dropout
        if not self.training or drop == 0:
            return x
        keep = torch.rand(*x.shape[:-1], 1, device=x.device) >= drop
        return x * (keep / (1 - drop)).to(x.dtype)

    @staticmethod
    def state(batch: StepBatch) -> Tensor:
        """(B, T, 5 P): what sounds, and how fresh each pitch is, fading at four speeds."""
        age = batch.age.float()
        fresh = [torch.exp(age / -decay) for decay in DECAYS_TICKS]
        return torch.cat([batch.sounding.float(), *fresh], -1)

    def hidden(self, batch: StepBatch) -> Tensor:
        """Hidden states (B, T, D)."""
        return self.decoder(self.embed(batch))

    # -- heads ------------------------------------------------------------------------------------

    def gap_logits(self, h: Tensor, batch: StepBatch) -> Tensor:
        """(B, T, G): how long until the next step."""
        logits = self.gap_out(h)
        tables = self.rhythm_out(h).unflatten(-1, (RECENT, -1))
        elapsed = batch.since_chord.int()[..., None] + torch.arange(GAPS, device=h.device)
        for r in range(RECENT):
            distance = elapsed - batch.intervals[..., r, None].int()
            place = distance.clamp(-RHYTHM_SPAN, RHYTHM_SPAN) + RHYTHM_SPAN
            logits = logits + self.hide(tables[..., r, :]).gather(-1, place.long())
        return logits

    def key_logits(self, h: Tensor, batch: StepBatch, gap: Tensor) -> Tensor:
        """(B, T, K): which key, the gap being known; not yet masked."""
        hidden = F.gelu(self.key_hidden(h) + self.key_gap(gap))
        logits = self.key_out(hidden)
        ages = age_class(batch.age.int() + gap[..., None].int()) + AGES * batch.sounding.long()
        tables = self.age_out(hidden).unflatten(-1, (2, 2 * AGES))
        on = tables[..., 0, :].gather(-1, ages)
        off = tables[..., 1, :].gather(-1, ages)
        intervals = self.interval_out(hidden).unflatten(-1, (RECENT, -1))
        pitches = torch.arange(PITCHES, device=h.device, dtype=torch.int32)
        for r in range(RECENT):
            distance = pitches - batch.recent_pitch[..., r, None].int()
            place = distance.clamp(-INTERVAL_SPAN, INTERVAL_SPAN) + INTERVAL_SPAN
            on = on + self.hide(intervals[..., r, :]).gather(-1, place.long())
        extra = torch.zeros_like(logits[..., : KEYS - 2 * PITCHES])
        return logits + torch.cat([on, off, extra], -1)

    def bin_logits(self, h: Tensor, batch: StepBatch, gap: Tensor, key: Tensor) -> Tensor:
        """(B, T, V): how loud, gap and key being known (of use for onsets only)."""
        hidden = self.bin_hidden(h) + self.bin_gap(gap) + self.bin_key(key % PITCHES)
        hidden = F.gelu(hidden)
        logits = self.bin_out(hidden)
        tables = self.bin_relative(hidden).unflatten(-1, (RECENT, -1))
        bins = torch.arange(VELOCITY_BINS, device=h.device)
        for r in range(RECENT):
            place = bins - batch.recent_bin[..., r, None].long() + VELOCITY_BINS
            logits = logits + self.hide(tables[..., r, :]).gather(-1, place)
        return logits


def allowed_keys(batch: StepBatch, gap: Tensor) -> Tensor:
    """(B, T, K) true where the grammar allows the key of the next step after ``gap`` (B, T).

    Only silent pitches start, only sounding ones end, a gap of 100 ticks is a WAIT and nothing
    else, and at one tick ends come before onsets and low pitches before high ones.
    """
    T = batch.age.shape[1]
    last, same = batch.key[:, :T, None], (gap == 0)[..., None]
    pitches = torch.arange(PITCHES, device=gap.device)
    after_on, after_off = last < NOTE_OFF, (last >= NOTE_OFF) & (last < WAIT)
    on = ~batch.sounding & ~(same & after_on & (pitches <= last))
    off = batch.sounding & ~(same & (after_on | (after_off & (pitches <= last - NOTE_OFF))))
    wait = (gap == GAPS - 1)[..., None]
    end = same & ~batch.sounding.any(-1, keepdim=True)
    return torch.cat([on & ~wait, off & ~wait, wait, end & ~wait], -1)


def step_nats(model: StrongPiano, batch: StepBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Nats (B, T) of gap, key and velocity of each next step; zero on padding."""
    h = model.hidden(batch)
    gap, key, bins = batch.gap[:, 1:], batch.key[:, 1:], batch.bin[:, 1:]
    gap_nll = _nll(model.gap_logits(h, batch), gap)
    logits = model.key_logits(h, batch, gap).float()
    logits = logits.masked_fill(~allowed_keys(batch, gap), -torch.inf)
    # Padding repeats END, which its own mask may forbid.
    key_nll = _nll(logits.where(batch.valid[..., None], torch.zeros(())), key)
    onset = (key < NOTE_OFF) & batch.valid
    rows = onset.nonzero(as_tuple=True)
    bin_nll = torch.zeros_like(gap_nll)
    picked = _rows(batch, rows)
    loud = model.bin_logits(h[rows][None], picked, gap[rows][None], key[rows][None])
    bin_nll = bin_nll.index_put(rows, _nll(loud, bins[rows][None])[0])
    valid = batch.valid
    return gap_nll * valid, key_nll * valid, bin_nll


def _rows(batch: StepBatch, rows: tuple[Tensor, ...]) -> StepBatch:
    """The chosen positions as one row, with what the velocity head reads."""
    empty = batch.valid[:0]
    return StepBatch(
        empty, empty, empty, empty, empty, empty, batch.recent_bin[rows][None], empty, empty, empty
    )


def _nll(logits: Tensor, target: Tensor) -> Tensor:
    flat = F.cross_entropy(logits.float().flatten(0, 1), target.flatten(), reduction="none")
    return flat.view(target.shape)
