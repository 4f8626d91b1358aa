"""The strong model at work: likelihood of performances, and playing step by step.

Shape suffixes: B pieces side by side, T positions, D width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from partimento.music.event_grammar import EventGrammar
from partimento.music.events import EOS, NOTE_OFF, SHIFT, SHIFTS, VELOCITY, TickNotes
from partimento.nn.decoder_plan import plan_of
from partimento.nn.decoding import StaticDecoder
from partimento.nn.quantised import Precision
from partimento.nn.sampling import Sampling, pick
from partimento.tasks.piano.steps import (
    END,
    NO_BIN,
    WAIT,
    Steps,
    crop_steps,
    encode_steps,
)
from partimento.tasks.piano.strong import StepBatch, StrongPiano, step_nats
from partimento.tasks.piano.strong_data import collate
from partimento.tasks.piano.strong_heads import StepHeads
from partimento.tasks.piano.strong_rows import Rows

SCORED_TOGETHER = 4
NOBODY = -1


class StrongPianoModel:
    """A trained :class:`StrongPiano` as a :class:`partimento.tasks.piano.interface.PianoModel`."""

    def __init__(self, network: StrongPiano) -> None:
        self.network = network.eval()
        self.context = network.config.context
        self.plan = plan_of(self.network.decoder)

    @torch.inference_mode()
    def nats(self, notes: TickNotes) -> np.ndarray:
        """Nats (4,) of onsets, ends, gaps and velocities, the context sliding by half."""
        steps = encode_steps(notes, end=False)
        half = self.context // 2
        starts = [0, *range(half, max(half, len(steps) - half), half)]
        total = np.zeros(4)
        for place in range(0, len(starts), SCORED_TOGETHER):
            chosen = starts[place : place + SCORED_TOGETHER]
            total += self._window_nats(steps, chosen, half)
        return total

    def _window_nats(self, steps: Steps, starts: list[int], half: int) -> np.ndarray:
        """Nats (4,) of windows; of all but a piece's first only the second half counts."""
        batch = to_device(
            collate([crop_steps(steps, start, self.context) for start in starts]), self.device
        )
        counted = batch.valid.clone()
        for row, start in enumerate(starts):
            if start:
                counted[row, :half] = False
        gap, key, velocity = (part.double() for part in step_nats(self.network, batch))
        target = batch.key[:, 1:]
        on = counted & (target < NOTE_OFF)
        off = counted & (target >= NOTE_OFF) & (target < WAIT)
        sums = [key[on].sum(), key[off].sum(), gap[counted].sum(), velocity[on].sum()]
        return np.array([float(s) for s in sums])

    def player(
        self,
        batch: int,
        *,
        sampling: Sampling,
        generator: torch.Generator,
        precision: Precision = "fp32",
        capacity: int | None = None,
    ) -> StrongPlayer:
        """A player of ``batch`` pieces."""
        return StrongPlayer(self, batch, sampling, generator, precision, capacity or self.context)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.gap_out.weight.device


def to_device(batch: StepBatch, device: torch.device) -> StepBatch:
    """The same batch on ``device``."""
    if device.type == "cpu":
        return batch
    names = StepBatch.__dataclass_fields__
    return StepBatch(**{name: getattr(batch, name).to(device) for name in names})


class StrongPlayer:
    """Draws gap, key and velocity of each next step of several pieces.

    Top-k narrows the choice of keys only: among 101 gaps and 32 velocities, which are shades of a
    quantity, it would make the playing mechanical.  Temperature and top-p act on all three.
    """

    def __init__(
        self,
        model: StrongPianoModel,
        batch: int,
        sampling: Sampling,
        generator: torch.Generator,
        precision: Precision,
        capacity: int,
    ) -> None:
        network = model.network
        self.network, self.sampling = network, sampling
        # numpy's numbers come at a tenth of the cost of PyTorch's, which only seed them here.
        seed = int(torch.randint(1 << 62, (1,), generator=generator, device=generator.device))
        self.rng = np.random.default_rng(seed)
        self.shades = Sampling(sampling.temperature, None, sampling.top_p)
        self.decoder = StaticDecoder(model.plan, batch, capacity, precision=precision)
        self.heads = StepHeads(network, self.decoder)
        self.rows = Rows(batch)
        self.grammars = [EventGrammar() for _ in range(batch)]
        self.loud = [NOBODY] * batch
        self.owed = [0] * batch
        """Ticks that have passed without being said: shifts are as long as possible."""
        self.done = [False] * batch
        self.hidden: Tensor | None = None

    @torch.inference_mode()
    def prime(self, notes: TickNotes, until_tick: int) -> None:
        """Read the notes up to ``until_tick`` in every row."""
        steps, first = _primer_steps(notes, until_tick)
        self.rows.replay(steps)
        onset_bins = steps.bin[steps.key < NOTE_OFF]
        loud = int(onset_bins[-1]) if len(onset_bins) else NOBODY
        self.loud = [loud] * len(self.rows)
        if len(steps):
            for grammar in self.grammars:
                grammar.resume(self.rows.sounding[0], loud)
            x_1TD = self._embed_steps(steps)
            self.rows.pending[:] = max(0, until_tick - first - int(steps.tick[-1]))
        else:
            x_1TD = self.heads.embed(self.rows)[:1, None]
        h_1D = self.decoder.prefill(x_1TD)[:, -1]
        self.hidden = h_1D.expand(len(self.rows), -1).contiguous()
        while int(self.rows.pending[0]) >= SHIFTS:
            self.rows.pending -= SHIFTS
            for row in range(len(self.rows)):
                self.rows.take(row, SHIFTS, WAIT, NO_BIN)
            self._advance()

    def _embed_steps(self, steps: Steps) -> Tensor:
        """Inputs (1, T, D) of the latest steps, as many as half the capacity."""
        start = max(0, len(steps) + 1 - self.decoder.capacity // 2)
        # A position sees the step before it; one more step lets the last position see the last.
        pairs = zip(
            (steps.gap, steps.key, steps.bin, steps.tick),
            (0, END, NO_BIN, steps.tick[-1]),
            strict=True,
        )
        extended = Steps(*(np.append(a, fill) for a, fill in pairs))
        batch = collate([crop_steps(extended, start, len(extended) - start)])
        return self.network.embed(to_device(batch, self.heads.device))

    @torch.inference_mode()
    def draw(self) -> list[np.ndarray]:
        """The next events of each row."""
        if self.hidden is None:
            self.prime(_NO_NOTES, 0)
        said: list[list[int]] = [[] for _ in self.done]
        active = [row for row, done in enumerate(self.done) if not done]
        while any(not said[row] for row in active):
            for row, tokens in enumerate(self._step()):
                said[row] += tokens
        return [np.array(tokens, dtype=np.int16) for tokens in said]

    def _step(self) -> list[list[int]]:
        """One step of each row as events; a wait of less than a second says nothing yet."""
        assert self.hidden is not None
        rows, heads = self.rows, self.heads
        u_3B = self.rng.random((3, len(rows)))
        hidden = heads.read(self.hidden)
        gap = np.where(rows.allowed_gaps(), heads.gap_logits(hidden, rows), -np.inf)
        gap_B = pick(gap, self.shades, u_3B[0])
        key = np.where(rows.allowed_keys(gap_B), heads.key_logits(hidden, rows, gap_B), -np.inf)
        key_B = pick(key, self.sampling, u_3B[1])
        bin_B = pick(heads.bin_logits(hidden, rows, gap_B, key_B), self.shades, u_3B[2])
        chosen = zip(gap_B.tolist(), key_B.tolist(), bin_B.tolist(), strict=True)
        events = [self._apply(row, *taken) for row, taken in enumerate(chosen)]
        if not all(self.done):
            self._advance()
        return events

    def _apply(self, row: int, gap: int, key: int, loud: int) -> list[int]:
        """Take the step in ``row``; the events that say it."""
        if self.done[row]:
            return []
        self.owed[row] += gap - int(self.rows.pending[row])
        self.rows.pending[row] = 0
        full, rest = divmod(self.owed[row], SHIFTS)
        tokens = [SHIFT + SHIFTS - 1] * full
        self.owed[row] = rest
        if key != WAIT and rest:
            tokens.append(SHIFT + rest - 1)
            self.owed[row] = 0
        if key == END:
            self.done[row] = True
            tokens.append(EOS)
        elif key < NOTE_OFF and loud != self.loud[row]:
            tokens.append(VELOCITY + loud)
            self.loud[row] = loud
        if key < WAIT:
            tokens.append(key)
        if key != END:
            self.rows.take(row, gap, key, loud if key < NOTE_OFF else NO_BIN)
        for token in tokens:
            self.grammars[row].advance(token)
        return tokens

    def _advance(self) -> None:
        """Let the network read the step that every row has just taken."""
        if self.decoder.full:
            # Begin again with the newer half, as the likelihood is measured.
            self.decoder.slide(self.decoder.capacity // 2)
        self.hidden = self.decoder.step(self.heads.embed(self.rows))


_NO_NOTES = TickNotes(*(np.zeros(0, dtype=np.int64) for _ in range(4)))


def _primer_steps(notes: TickNotes, until_tick: int) -> tuple[Steps, int]:
    """Steps of all that happens before ``until_tick``, and the tick of the first onset."""
    kept = notes.select(notes.onset < until_tick)
    if len(kept) == 0:
        return encode_steps(_NO_NOTES, end=False), until_tick
    first = int(kept.onset[0])
    steps = encode_steps(kept, end=False)
    before = int(np.searchsorted(steps.tick, until_tick - first, side="left"))
    while before and steps.key[before - 1] == WAIT:
        before -= 1
    cut = Steps(*(a[:before] for a in (steps.gap, steps.key, steps.bin, steps.tick)))
    return cut, first
