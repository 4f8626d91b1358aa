"""The strong model: attention factored over time and channel.

Three stages, all relative to the music and not to the key:

1. *given -> context*: a bidirectional encoder reads the given cells, the fermatas and the metre of
   the whole piece (skipped when nothing is given, as in chronological scoring);
2. *past -> frame*: a causal transformer over 16th-note frames reads, per voice, pitch, age of the
   pitch, the pitch before it and the interval to the bass;
3. *frame -> voices*: the four voices of a frame are predicted one after the other (``ORDER``), each
   seeing the voices before it and every given voice, with logits that are sums of absolute,
   melodic-interval and harmonic-interval terms.

Shape suffixes: B pieces, T frames, C four channels (S A T B), K the same four in decoding,
J "other" channels, D width, V tokens (pitches ``LOW`` to ``HIGH`` and silence), R intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from partimento.core.config import Config
from partimento.nn.dropout import ByteDropout
from partimento.nn.lookup import SumEmbedding
from partimento.nn.relative import KeyValueCache, RelativeAttention
from partimento.tasks.chorale.frames import (
    FERMATA_UNKNOWN,
    HIDDEN_TOKEN,
    HIGH,
    INTERVALS,
    LOW,
    MASK_TOKEN,
    MAX_AGE,
    ORDER,
    PHASES,
    PITCHES,
    SILENCE_TOKEN,
    VOCABULARY,
    FrameBatch,
    PastFeatures,
    interval,
    interval_table,
    past_features,
    shift_past,
    single_batch,
)


class StrongConfig(Config):
    """Size of the strong model."""

    width: int = Field(192, description="width D of the frame stage", ge=16)
    heads: int = Field(6, description="attention heads", ge=1)
    layers: int = Field(6, description="causal layers over past frames", ge=1)
    encoder_layers: int = Field(3, description="bidirectional layers over the given cells", ge=0)
    feed_forward: int = Field(3, description="hidden width of the feed-forward part / width", ge=1)
    channel_width: int = Field(160, description="width of the voice stage", ge=16)
    dropout: float = Field(0.2, description="dropout probability of all stages", ge=0, lt=1)
    feature_dropout: float = Field(
        0.1, description="probability that one input feature of a cell is hidden", ge=0, lt=1
    )
    short_memory: float = Field(
        0.0,
        description="share of training batches with a short memory of 8 to 128 frames",
        ge=0,
        le=1,
    )
    max_frames: int = Field(2048, description="longest distance in frames with its own bias", ge=8)


class Block(nn.Module):
    """Pre-norm attention and feed-forward (GELU) with residual connections."""

    def __init__(self, config: StrongConfig, causal: bool):
        super().__init__()
        D = config.width
        self.norm_attention, self.norm_mlp = nn.RMSNorm(D), nn.RMSNorm(D)
        self.attention = RelativeAttention(D, config.heads, config.max_frames, causal)
        self.up = nn.Linear(D, config.feed_forward * D, bias=False)
        self.down = nn.Linear(config.feed_forward * D, D, bias=False)
        self.dropout = ByteDropout(config.dropout)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None, reach: int | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.dropout(self.attention(self.norm_attention(x), mask_BT, reach))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm_mlp(x)))))

    def step(self, x: Tensor, cache: KeyValueCache, t: int) -> Tensor:
        """The same for the one frame ``t`` (B, 1, D), past frames in the cache."""
        x = x + self.attention.step(normed(x, self.norm_attention), cache, t)
        hidden = F.gelu(F.linear(normed(x, self.norm_mlp), self.up.weight))
        return x + F.linear(hidden, self.down.weight)


def normed(x: Tensor, norm: nn.RMSNorm) -> Tensor:
    """A norm without the cost of a module call."""
    return F.rms_norm(x, norm.normalized_shape, norm.weight, norm.eps)


class FrameEmbedding(nn.Module):
    """One frame of four voices -> width D: pitches, ages, previous pitches and intervals."""

    def __init__(self, width: int, dropout: float, feature_dropout: float):
        super().__init__()
        pairs = 6 + 4
        sizes = [PITCHES + 2] * 8 + [MAX_AGE + 1] * 4 + [INTERVALS] * pairs
        self.tables = SumEmbedding(sizes, width, feature_dropout)
        self.mix = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, width), nn.GELU())
        self.dropout = ByteDropout(dropout)

    def forward(self, past: PastFeatures) -> Tensor:
        """(B, T, C) features -> (B, T, D)."""
        s, a, t, b = past.token.unbind(-1)
        pairs = [interval(x, y) for x, y in ((s, a), (s, t), (s, b), (a, t), (a, b), (t, b))]
        moves = interval(past.token, past.before)
        index = torch.cat([past.token, past.before, past.age, torch.stack(pairs, -1), moves], -1)
        x = self.tables(index)
        return self.dropout(x + self.mix(x))


class VoiceStage(nn.Module):
    """Logits of the four voices of a frame, each given the context and the voices it may see.

    Voice k sees another voice j of the same frame when j comes before k in :data:`ORDER` or is
    given.  Per pair there are tables for j's pitch, for j's melodic move and for the interval
    between j and the last pitch of k.
    """

    def __init__(self, config: StrongConfig):
        super().__init__()
        E, D = config.channel_width, config.width
        self.context = nn.Linear(D, 4 * E, bias=False)
        own = [MAX_AGE + 1, PITCHES + 2]
        pair = [PITCHES + 2 + 1, INTERVALS + 1, INTERVALS + 1]
        drop = config.feature_dropout
        self.tables = nn.ModuleList(SumEmbedding(own + pair * 3, E, drop) for _ in range(4))
        self.norm = nn.RMSNorm(E)
        self.up_KEF = nn.Parameter(torch.randn(4, E, 2 * E) * E**-0.5)
        self.down_KFE = nn.Parameter(torch.zeros(4, 2 * E, E))
        self.norm_out = nn.RMSNorm(E)
        self.outputs = VOCABULARY + INTERVALS + 3 * (INTERVALS + 1)
        self.head_KEO = nn.Parameter(torch.zeros(4, E, self.outputs))
        self.bias_KO = nn.Parameter(torch.zeros(4, self.outputs))
        self.dropout = ByteDropout(config.dropout)
        first = VOCABULARY + INTERVALS
        starts = [VOCABULARY, *(first + n * (INTERVALS + 1) for n in range(3))]
        self.intervals: Tensor
        self.starts: Tensor
        self.register_buffer("intervals", interval_table(), persistent=False)
        self.register_buffer("starts", torch.tensor(starts)[:, None], persistent=False)

    def references(self, k: int, past: PastFeatures, now: Tensor, see: Tensor) -> Tensor:
        """(B, T, 4): the last pitch of voice ``k`` and the present ones of the others, if seen."""
        seen = torch.where(see, now, HIDDEN_TOKEN)
        return torch.cat([past.base[..., k : k + 1], seen[..., list(others(k))]], -1)

    def features(self, k: int, past: PastFeatures, reference: Tensor) -> Tensor:
        """Table indices (B, T, 11): own age and pitch; pitches, moves and intervals of the others.

        The columns are grouped by other voice: pitch, its move, its interval to the last pitch of
        ``k``.
        """
        seen, own = reference[..., 1:], reference[..., :1]
        moves = self.intervals[seen, past.base[..., list(others(k))]]
        gaps = self.intervals[seen, own.expand_as(seen)]
        per_voice = torch.stack([seen, moves, gaps], -1).flatten(-2)
        return torch.cat([past.age[..., k : k + 1], own, per_voice], -1)

    def scores(self, raw: Tensor, reference: Tensor) -> Tensor:
        """(B, T, V): outputs of absolute pitch and of the interval to each reference, added."""
        pitches = torch.arange(VOCABULARY, device=raw.device)
        index = self.intervals[pitches, reference[..., None]] + self.starts
        relative = raw[..., None, :].expand(*reference.shape, -1).gather(-1, index)
        return raw[..., :VOCABULARY] + relative.sum(-2)

    def voice(
        self, k: int, context_BTD: Tensor, past: PastFeatures, now: Tensor, see: Tensor
    ) -> Tensor:
        """Log-probabilities (B, T, V) of voice ``k``; ``see`` (B, T, C) says what it may see."""
        E = self.norm.normalized_shape[0]
        W = self.context.weight[k * E : (k + 1) * E]
        reference = self.references(k, past, now, see)
        u = F.linear(context_BTD, W) + self.tables[k](self.features(k, past, reference))
        u = self.dropout(u)
        u = u + self.dropout(F.gelu(self.norm(u) @ self.up_KEF[k]) @ self.down_KFE[k])
        raw = self.norm_out(u) @ self.head_KEO[k] + self.bias_KO[k]
        return self.scores(raw, reference).float().log_softmax(-1)


def others(k: int) -> tuple[int, ...]:
    """The three channels besides ``k``."""
    return tuple(j for j in range(4) if j != k)


def visible(k: int, given_BTC: Tensor) -> Tensor:
    """(B, T, C): the voices that voice ``k`` may see in its own frame."""
    earlier = torch.zeros(4, dtype=torch.bool, device=given_BTC.device)
    earlier[list(ORDER[: ORDER.index(k)])] = True
    see = given_BTC | earlier
    see[..., k] = False
    return see


@dataclass
class DecodingState:
    """What stays between two frames: encoded context, key-value caches and the frame index."""

    entry_BTD: Tensor
    exit_BTD: Tensor
    caches: list[KeyValueCache]
    frame: int = 0


class ChoraleTransformer(nn.Module):
    """The strong chorale model; see the module text for its three stages."""

    def __init__(self, config: StrongConfig):
        super().__init__()
        self.config = config
        D = config.width
        self.frame = FrameEmbedding(D, config.dropout, config.feature_dropout)
        self.start_D = nn.Parameter(torch.randn(D) * 0.05)
        self.meta = SumEmbedding([PHASES + 16, 4, 3, 31, 3], D)
        self.blocks = nn.ModuleList(Block(config, True) for _ in range(config.layers))
        self.norm = nn.RMSNorm(D)
        self.given = SumEmbedding([PITCHES + 2] * 4 + [INTERVALS] * 10, D, config.feature_dropout)
        self.encoder = nn.ModuleList(Block(config, False) for _ in range(config.encoder_layers))
        self.encoder_norm = nn.RMSNorm(D)
        self.to_past = nn.Linear(D, D, bias=False)
        self.to_voices = nn.Linear(D, D, bias=False)
        self.nothing_D = nn.Parameter(torch.zeros(D))
        self.voices = VoiceStage(config)
        self.fermata = nn.Linear(D, 1)
        nn.init.zeros_(self.fermata.weight)
        scale_residuals(self)

    def meta_embedding(self, batch: FrameBatch) -> Tensor:
        """(B, T, D) from phase, beat phase, fermata, key and style."""
        T = batch.phase_BT.shape[1]
        style = batch.style_B[:, None].expand(-1, T)
        columns = [batch.phase_BT, batch.phase_BT % 4, batch.fermata_BT, batch.key_BT, style]
        return self.meta(torch.stack(columns, -1))

    def encode_given(self, batch: FrameBatch, meta_BTD: Tensor) -> Tensor:
        """Context (B, T, D) from the given cells and fermatas of the whole piece.

        Pieces of which neither cells nor fermatas are known get one learned vector, so that
        chronological scoring never sees a later frame.
        """
        informed = batch.given_BTC.flatten(1).any(1) | (batch.fermata_BT != FERMATA_UNKNOWN).any(1)
        if not self.encoder or not bool(informed.any()):
            return self.nothing_D.expand_as(meta_BTD)
        shown = torch.where(batch.given_BTC, batch.tokens_BTC, MASK_TOKEN)
        s, a, t, b = shown.unbind(-1)
        pairs = [interval(x, y) for x, y in ((s, a), (s, t), (s, b), (a, t), (a, b), (t, b))]
        step = interval(shown[:, 1:], shown[:, :-1])
        moves = F.pad(step, (0, 0, 1, 0), value=INTERVALS - 1)
        x = self.given(torch.cat([shown, torch.stack(pairs, -1), moves], -1)) + meta_BTD
        for block in self.encoder:
            x = block(x, batch.valid_BT)
        x = self.encoder_norm(x)
        return torch.where(informed[:, None, None], x, self.nothing_D)

    @torch.no_grad()
    def fermata_logits(self, batch: FrameBatch) -> Tensor:
        """(B, T) log-odds that a frame is under a fermata, read off the given cells."""
        self.eval()
        unknown = replace(batch, fermata_BT=torch.full_like(batch.fermata_BT, FERMATA_UNKNOWN))
        encoded = self.encode_given(unknown, self.meta_embedding(unknown))
        logits: Tensor = self.fermata(encoded)[..., 0]
        return logits

    def frame_context(self, batch: FrameBatch, meta: Tensor, given: Tensor) -> Tensor:
        """(B, T, D): for every frame, what is known before its own voices are decided."""
        past = past_features(batch.tokens_BTC)
        x = self.frame(past)[:, :-1]
        start = self.start_D.expand(x.shape[0], 1, -1)
        x = torch.cat([start.to(x.dtype), x], 1) + meta + self.to_past(given)
        reach = self.draw_reach()
        for block in self.blocks:
            x = block(x, reach=reach)
        return self.norm(x) + self.to_voices(given)

    def voice_log_probs(
        self, k: int, context: Tensor, past: PastFeatures, now: Tensor, see: Tensor
    ) -> Tensor:
        """Log-probabilities (B, T, V) of voice ``k``; see :meth:`VoiceStage.voice`."""
        return self.voices.voice(k, context, past, now, see)

    @property
    def context(self) -> int:
        """Frames that one pass may see."""
        return self.config.max_frames

    @torch.no_grad()
    def step_log_probs(
        self, grid_T4: np.ndarray, meta: Mapping[str, np.ndarray] | None = None
    ) -> np.ndarray:
        """Chronological teacher-forced log-probabilities (T, 4, 129) in nats.

        Tokens are MIDI pitches, 128 is silence; pitches outside the vocabulary get minus infinity.
        Fermatas in ``meta`` are not used: the encoder would see later ones.
        """
        allowed = {k: v for k, v in (meta or {}).items() if k == "bar_phase16"}
        was_training = self.training
        self.eval()
        log_probs = self(single_batch(grid_T4, None, allowed))[0]
        self.train(was_training)
        full = np.full((len(grid_T4), 4, 129), -np.inf)
        full[..., LOW : HIGH + 1] = log_probs[..., :PITCHES].numpy()
        full[..., 128] = log_probs[..., SILENCE_TOKEN].numpy()
        return full

    @torch.no_grad()
    def given_nll(self, grid_T4: np.ndarray, given_T4: np.ndarray) -> np.ndarray:
        """Nats (T, 4) of the cells that are not given, when all given ones are known at once."""
        self.eval()
        nll: np.ndarray = cell_nll(self, single_batch(grid_T4, given_T4))[0].double().numpy()
        return nll

    @torch.no_grad()
    def observe(self, grid_T4: np.ndarray, meta: Mapping[str, np.ndarray] | None = None) -> None:
        """One pass over the passage for listening taps: ``self_attention`` (B, H, T, T)."""
        self.eval()
        self(single_batch(grid_T4))

    def draw_reach(self) -> int | None:
        """In training, now and then a short memory in frames: whole pieces are learned by heart
        from their far past, which this takes away.
        """
        share = self.config.short_memory
        if not self.training or share == 0 or float(torch.rand(())) >= share:
            return None
        return int(2 ** torch.randint(3, 8, ()))

    def start_decoding(self, batch: FrameBatch, alternatives: int = 1) -> DecodingState:
        """Encode the given cells of one piece once, and make room for its alternatives.

        ``batch`` may hold anything in the cells to fill.
        """
        meta = self.meta_embedding(batch)
        given = self.encode_given(batch, meta)
        entry, leave = meta + self.to_past(given), self.to_voices(given)
        caches = [
            block.attention.cache(alternatives, entry.shape[1])
            for block in self.blocks
            if isinstance(block, Block)
        ]
        return DecodingState(
            entry.expand(alternatives, -1, -1), leave.expand(alternatives, -1, -1), caches
        )

    def next_context(self, state: DecodingState, past: PastFeatures | None) -> Tensor:
        """Context (B, 1, D) of the next frame; ``past`` (B, 1, C) describes the last one."""
        t = state.frame
        B = state.entry_BTD.shape[0]
        x = self.start_D.expand(B, 1, -1) if past is None else self.frame(past)
        x = x + state.entry_BTD[:, t : t + 1]
        for block, cache in zip(self.blocks, state.caches, strict=True):
            assert isinstance(block, Block)
            x = block.step(x, cache, t)
        state.frame = t + 1
        return self.norm(x) + state.exit_BTD[:, t : t + 1]

    def forward(self, batch: FrameBatch) -> Tensor:
        """Teacher-forced log-probabilities (B, T, C, V) in nats."""
        return self.with_fermatas(batch)[0]

    def with_fermatas(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, T, C, V) and the fermata head's log-odds (B, T)."""
        meta = self.meta_embedding(batch)
        given = self.encode_given(batch, meta)
        context = self.frame_context(batch, meta, given)
        past = shift_past(past_features(batch.tokens_BTC))
        out = [
            self.voices.voice(k, context, past, batch.tokens_BTC, visible(k, batch.given_BTC))
            for k in range(4)
        ]
        return torch.stack(out, 2), self.fermata(given)[..., 0]


def scale_residuals(model: ChoraleTransformer) -> None:
    """GPT-2 style: matrices that write into a residual stream start at zero."""
    for block in [*model.blocks, *model.encoder]:
        assert isinstance(block, Block)
        nn.init.zeros_(block.down.weight)
        nn.init.zeros_(block.attention.out.weight)


def cell_nll(model: ChoraleTransformer, batch: FrameBatch) -> Tensor:
    """Negative log-likelihood (B, T, C) in nats per cell; zero on padding and given cells."""
    return masked_nll(model(batch), batch)


def masked_nll(log_probs_BTCV: Tensor, batch: FrameBatch) -> Tensor:
    """Nats (B, T, C) of the true tokens; zero on padding and given cells."""
    nll = -log_probs_BTCV.gather(-1, batch.tokens_BTC[..., None])[..., 0]
    keep = batch.valid_BT[..., None] & ~batch.given_BTC
    return torch.where(keep, nll, 0.0)


def fermata_loss(logits_BT: Tensor, batch: FrameBatch) -> Tensor:
    """Mean binary cross-entropy in nats per frame, where cells are given and fermatas hidden."""
    truth = batch.fermata_truth_BT
    if truth is None:
        return logits_BT.new_zeros(())
    hidden = (batch.fermata_BT == FERMATA_UNKNOWN) & (truth != FERMATA_UNKNOWN) & batch.valid_BT
    use = hidden & batch.given_BTC.flatten(1).any(1)[:, None]
    losses = F.binary_cross_entropy_with_logits(
        logits_BT.float(), (truth == 1).float(), reduction="none"
    )
    return (losses * use).sum() / use.sum().clamp(min=1)
