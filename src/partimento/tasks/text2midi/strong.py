"""The strong model of text2midi: one step a note, under a prefix of optional tokens.

The prefix's tokens are embedded and summed; the sum stands at the first position and is added to
every later one.  The first position foretells meter and tempo, the others the next step in five
parts, each knowing those before: place in the bar (or bar line), instrument, pitch, duration,
loudness.  Beside dense output layers there are relative ones: to the tonic that is asked for, to
the latest pitches, to how long ago a pitch was struck, and to what stood at the same place 1, 2, 4,
8 and 16 bars before.

Shape suffixes: B batch, T positions, S slots of the prefix, D width, P 128 pitches, R recent notes,
K bars looked back to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from partimento.core.config import Config
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENTS
from partimento.nn.decoder import Decoder
from partimento.tasks.text2midi.steps import (
    BAR,
    INPUTS,
    LOOK_BACK,
    LOUDNESSES,
    MOST_BARS,
    NO_DURATION,
    NO_LOUDNESS,
    NOWHERE,
    PITCHES,
    PLACES,
    RECENT,
    UNKNOWN_YET,
)
from partimento.tasks.text2midi.vocabulary import NO_TONIC, TEMPOS, TOKENS

AGES = 40
"""Classes of age, three to the octave of ticks."""
SPAN = 24
"""Farthest interval, in semitones, that a relative table tells apart."""
INTERVALS = 2 * SPAN + 2
"""The last one: there is no note to compare with."""
DECAYS_TICKS = (24.0, 96.0, 384.0)
INSTRUMENT_CLASSES = 48
"""Room for later instruments."""
DURATION_CLASSES = NO_DURATION
METER_CLASSES = 32
_K, _R = len(LOOK_BACK), RECENT


class StrongConfig(Config):
    """Size and regularisation of the strong model."""

    width: int = Field(192, ge=32, description="width of the stream")
    layers: int = Field(6, ge=1, description="transformer blocks")
    heads: int = Field(4, ge=1, description="attention heads")
    feedforward: int = Field(512, ge=1, description="hidden width of the gated feed-forward")
    context: int = Field(2048, ge=16, description="positions (steps) seen at once")
    dropout: float = Field(0.1, ge=0, lt=1, description="after attention and feed-forward")


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Excerpts side by side; see :class:`partimento.tasks.text2midi.steps.Steps`.

    ``prefix`` (B, S), ``tonic`` (B,), ``meter`` (B,), ``tempo`` (B,) int64; ``tempo_counts`` (B,)
    false where a file states none; ``valid`` (B, T) false on padding; the rest (B, T, ...) int64,
    ``open`` bool.
    """

    prefix: Tensor
    tonic: Tensor
    meter: Tensor
    tempo: Tensor
    tempo_counts: Tensor
    inputs: Tensor
    age: Tensor
    recent: Tensor
    target: Tensor
    recalled_place: Tensor
    recalled_pitch: Tensor
    recalled_duration: Tensor
    gap: Tensor
    open: Tensor
    valid: Tensor


def age_class(age: Tensor) -> Tensor:
    """Class of an age in ticks: three to the octave."""
    return (3.0 * torch.log2(age.float() + 1.0)).long().clamp(0, AGES - 1)


class StrongText(nn.Module):
    """Prefix and steps in, logits of meter, tempo and of the next step's five parts out."""

    def __init__(self, config: StrongConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.prefix_in = nn.Embedding(TOKENS, D, padding_idx=0)
        self.place_in = nn.Embedding(PLACES, D)
        self.instrument_in = nn.Embedding(INSTRUMENT_CLASSES, D)
        self.pitch_in = nn.Embedding(PITCHES + 1, D)
        self.tonal_in = nn.Embedding(13, D)
        self.duration_in = nn.Embedding(DURATION_CLASSES + 1, D)
        self.loudness_in = nn.Embedding(NO_LOUDNESS + 1, D)
        self.bar_in = nn.Embedding(MOST_BARS + 1, D)
        self.remaining_in = nn.Embedding(MOST_BARS + 1, D)
        self.density_in = nn.Embedding(UNKNOWN_YET + 1, D)
        self.register_in = nn.Embedding(UNKNOWN_YET + 1, D)
        self.meter_in = nn.Embedding(METER_CLASSES, D)
        self.tempo_in = nn.Embedding(TEMPOS, D)
        self.state_in = nn.Linear(PITCHES * len(DECAYS_TICKS), D, bias=False)
        self.decoder = Decoder(
            width=D,
            layers=config.layers,
            heads=config.heads,
            feedforward=config.feedforward,
            max_length=config.context + 1,
            positions="rotary",
            dropout=config.dropout,
        )
        self.meter_out = nn.Linear(D, METER_CLASSES)
        self.tempo_out = nn.Linear(D, TEMPOS)
        self.tempo_meter = nn.Embedding(METER_CLASSES, TEMPOS)
        self.place_out = nn.Linear(D, PLACES)
        self.place_recall = nn.Linear(D, _K)
        self.instrument_out = nn.Linear(D, INSTRUMENT_CLASSES)
        self.instrument_same = nn.Embedding(2 * INSTRUMENT_CLASSES, INSTRUMENT_CLASSES)
        self.pitch_hidden = nn.Linear(D, D)
        self.pitch_place = nn.Embedding(PLACES, D)
        self.pitch_instrument = nn.Embedding(INSTRUMENT_CLASSES, D)
        self.pitch_out = nn.Linear(D, PITCHES)
        self.tonal_out = nn.Linear(D, 12, bias=False)
        self.age_out = nn.Linear(D, AGES, bias=False)
        self.interval_out = nn.Linear(D, (_R + _K) * INTERVALS, bias=False)
        self.duration_hidden = nn.Linear(D, D)
        self.duration_place = nn.Embedding(PLACES, D)
        self.duration_pitch = nn.Embedding(PITCHES, D)
        self.duration_out = nn.Linear(D, DURATION_CLASSES)
        self.duration_recall = nn.Linear(D, 1 + _K)
        self.loudness_out = nn.Linear(D, LOUDNESSES)
        self.loudness_last = nn.Embedding(NO_LOUDNESS + 1, LOUDNESSES)
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
        zero = (self.place_recall, self.tonal_out, self.age_out, self.interval_out)
        for head in (*zero, self.duration_recall):
            nn.init.zeros_(head.weight)
        for out in (self.place_out, self.pitch_out, self.duration_out, self.loudness_out):
            nn.init.normal_(out.weight, std=0.02)
        with torch.no_grad():
            self.prefix_in.weight[0].zero_()

    # -- inputs -----------------------------------------------------------------------------------

    def asked(self, prefix_BS: Tensor) -> Tensor:
        """(B, D): what the prefix says."""
        return self.prefix_in(prefix_BS).sum(1)

    def embed(self, batch: StepBatch) -> Tensor:
        """Inputs (B, T + 1, D) of the backbone: the prefix, then the steps."""
        asked_BD = self.asked(batch.prefix)
        steps = self.embed_steps(batch.inputs, batch.age, batch.tonic[:, None])
        constant = asked_BD + self.meter_in(batch.meter) + self.tempo_in(batch.tempo)
        return torch.cat([asked_BD[:, None], steps + constant[:, None]], 1)

    def embed_steps(self, inputs: Tensor, age: Tensor, tonic: Tensor) -> Tensor:
        """(B, T, D) of the steps alone.  ``tonic`` (B, 1) or (B, T)."""
        column = {name: inputs[..., i] for i, name in enumerate(INPUTS)}
        pitch = column["pitch"]
        relative = torch.where(
            (pitch < 0) | (tonic == NO_TONIC), NO_TONIC, torch.remainder(pitch - tonic, 12)
        )
        x = self.place_in(column["place"]) + self.instrument_in(column["instrument"])
        x = x + self.pitch_in(torch.where(pitch < 0, PITCHES, pitch)) + self.tonal_in(relative)
        x = x + self.duration_in(column["duration"]) + self.loudness_in(column["loudness"])
        x = x + self.bar_in(column["bar"]) + self.remaining_in(column["remaining"])
        x = x + self.density_in(column["density"]) + self.register_in(column["register"])
        fresh = torch.cat([torch.exp(age.float() / -decay) for decay in DECAYS_TICKS], -1)
        return x + self.state_in(fresh.to(x.dtype))

    def hidden(self, batch: StepBatch) -> Tensor:
        """Hidden states (B, T + 1, D); the first foretells meter and tempo."""
        return self.decoder(self.embed(batch))

    # -- heads ------------------------------------------------------------------------------------

    def tempo_logits(self, h_BD: Tensor, meter_B: Tensor) -> Tensor:
        """(B, TEMPOS): how fast, the meter being known."""
        return self.tempo_out(h_BD) + self.tempo_meter(meter_B)

    def place_logits(self, h: Tensor, recalled: Tensor) -> Tensor:
        """(..., PLACES): where the next step is; not yet masked.  ``recalled`` (..., K)."""
        logits = F.pad(self.place_out(h), (0, 1))
        # What is recalled as nowhere lands in a column that is cut off.
        return logits.scatter_add(-1, recalled, self.place_recall(h).to(logits.dtype))[
            ..., :NOWHERE
        ]

    def instrument_logits(self, h: Tensor, last: Tensor, same: Tensor) -> Tensor:
        """(..., I): who plays it.  ``last`` instrument, ``same`` place (bool)."""
        return self.instrument_out(h) + self.instrument_same(
            last + INSTRUMENT_CLASSES * same.long()
        )

    def pitch_hidden_of(self, h: Tensor, place: Tensor, instrument: Tensor) -> Tensor:
        """(..., D) what the pitch is foretold from."""
        return F.gelu(
            self.pitch_hidden(h) + self.pitch_place(place) + self.pitch_instrument(instrument)
        )

    def pitch_logits(self, hidden: Tensor, tonic: Tensor, age: Tensor, notes: Tensor) -> Tensor:
        """(..., P): which pitch; not yet masked.

        ``age`` (..., P) at the next step's time; ``notes`` (..., R + K) recent and recalled
        pitches, -1 where there are none; ``tonic`` (...).
        """
        logits = self.pitch_out(hidden)
        pitches = torch.arange(PITCHES, device=hidden.device)
        tonal = F.pad(self.tonal_out(hidden), (0, 1))
        degree = torch.where(
            tonic[..., None] == NO_TONIC, NO_TONIC, torch.remainder(pitches - tonic[..., None], 12)
        )
        logits = logits + tonal.gather(-1, degree.expand(*logits.shape[:-1], -1))
        logits = logits + self.age_out(hidden).gather(-1, age_class(age))
        tables = self.interval_out(hidden).unflatten(-1, (_R + _K, INTERVALS))
        for slot in range(_R + _K):
            note = notes[..., slot, None]
            place = (pitches - note).clamp(-SPAN, SPAN) + SPAN
            place = torch.where(note < 0, INTERVALS - 1, place)
            logits = logits + tables[..., slot, :].gather(-1, place)
        return logits

    def duration_hidden_of(self, h: Tensor, place: Tensor, pitch: Tensor) -> Tensor:
        """(..., D) what duration and loudness are foretold from."""
        return F.gelu(
            self.duration_hidden(h) + self.duration_place(place) + self.duration_pitch(pitch)
        )

    def duration_logits(self, hidden: Tensor, recalled: Tensor) -> Tensor:
        """(..., 56): how long.  ``recalled`` (..., 1 + K): the latest note's, then others."""
        logits = F.pad(self.duration_out(hidden), (0, 1))
        bonus = self.duration_recall(hidden).to(logits.dtype)
        return logits.scatter_add(-1, recalled, bonus)[..., :DURATION_CLASSES]

    def loudness_logits(self, hidden: Tensor, last: Tensor) -> Tensor:
        """(..., 16): how loud.  ``last`` (...) loudness of the latest note."""
        return self.loudness_out(hidden) + self.loudness_last(last)


PARTS = ("header", "place", "instrument", "pitch", "duration", "loudness")


def step_nats(model: StrongText, batch: StepBatch) -> dict[str, Tensor]:
    """Nats of each part of :data:`PARTS`: header (B,), the others (B, T), zero where not said."""
    h = model.hidden(batch)
    header = _nll(model.meter_out(h[:, 0]), batch.meter)
    tempo = _nll(model.tempo_logits(h[:, 0], batch.meter), batch.tempo)
    parts = {"header": header + tempo * batch.tempo_counts}
    h = h[:, 1:]
    place = batch.target[..., 0]
    logits = model.place_logits(h, batch.recalled_place).float()
    logits = logits.masked_fill(~allowed_places(batch), -torch.inf)
    parts["place"] = (
        _nll(logits.where(batch.valid[..., None], torch.zeros(())), place) * batch.valid
    )
    rows = (batch.valid & (place != BAR)).nonzero(as_tuple=True)
    empty = torch.zeros(place.shape, dtype=torch.float32, device=h.device)
    for name, nats in _note_nats(model, batch, h[rows], rows).items():
        parts[name] = empty.index_put(rows, nats)
    return parts


def _note_nats(
    model: StrongText, batch: StepBatch, h: Tensor, rows: tuple[Tensor, ...]
) -> dict[str, Tensor]:
    """Nats (N,) of the four parts of the notes at ``rows``."""
    place, instrument, pitch, duration, loudness = batch.target[rows].unbind(-1)
    column = {name: batch.inputs[rows][:, i] for i, name in enumerate(INPUTS)}
    same = column["place"] == place
    last = column["instrument"]
    players = model.instrument_logits(h, last, same).float()
    closed = same[:, None] & (torch.arange(INSTRUMENT_CLASSES, device=h.device) < last[:, None])
    players = players.masked_fill(closed, -torch.inf)[:, : len(INSTRUMENTS)]
    hidden = model.pitch_hidden_of(h, place, instrument)
    age = batch.age[rows] + batch.gap[rows][:, None]
    notes = torch.cat([batch.recent[rows], batch.recalled_pitch[rows]], -1)
    tonic = batch.tonic[rows[0]]
    keys = model.pitch_logits(hidden, tonic, age, notes).float()
    keys = keys.masked_fill(~batch.open[rows], -torch.inf)
    hidden = model.duration_hidden_of(h, place, pitch)
    recalled = torch.cat([column["duration"][:, None], batch.recalled_duration[rows]], -1)
    return {
        "instrument": _nll(players, instrument),
        "pitch": _nll(keys, pitch),
        "duration": _nll(model.duration_logits(hidden, recalled), duration),
        "loudness": _nll(model.loudness_logits(hidden, column["loudness"]), loudness),
    }


def allowed_places(batch: StepBatch) -> Tensor:
    """(B, T, PLACES) bool: from the latest place on to the end of the bar, or the bar line."""
    latest = batch.inputs[..., 0, None]
    latest = torch.where(latest == BAR, 0, latest)
    places = torch.arange(PLACES, device=latest.device)
    length = bar_lengths(latest.device)[batch.meter][:, None, None]
    return ((places >= latest) & (places < length)) | (places == BAR)


def bar_lengths(device: torch.device) -> Tensor:
    """(METERS,) ticks of a bar."""
    from partimento.music.barpiece import meter_ticks

    return torch.tensor([meter_ticks(m) for m in METERS], device=device)


def _nll(logits: Tensor, target: Tensor) -> Tensor:
    flat = F.cross_entropy(logits.float().flatten(0, -2), target.flatten(), reduction="none")
    return flat.view(target.shape)
