"""The event models at work: likelihood of performances, and playing event by event.

Shape suffixes: B pieces side by side, L events, D width, V 391 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partimento.music.event_grammar import EventGrammar, allowed_masks
from partimento.music.events import (
    EOS,
    EVENTS,
    NOTE_OFF,
    PAD,
    PITCHES,
    SHIFT,
    SHIFTS,
    SOS,
    VELOCITY,
    VOCABULARY,
    TickNotes,
    encode_events,
)
from partimento.nn.decoding import StaticDecoder
from partimento.nn.losses import token_nll
from partimento.nn.quantised import PRECISIONS, Precision
from partimento.nn.sampling import MASKED, Sampling, draw
from partimento.tasks.piano.interface import TYPES
from partimento.tasks.piano.model import EventTransformer

SCORED_TOGETHER = 4
LONGEST_TICKS = 2000
"""A generated note that has sounded for 20 s is ended: nothing on a piano lasts longer."""
LONGEST_SILENCE = 3000
"""Ticks of silence after a primer that are read; more would push the music out of memory."""
_BORDERS = (0, NOTE_OFF, SHIFT, VELOCITY, EVENTS)
_NO_NOTES = TickNotes(*(np.zeros(0, dtype=np.int64) for _ in range(4)))


class EventPianoModel:
    """A trained :class:`EventTransformer` as a piano model; see ``interface.PianoModel``."""

    def __init__(self, network: EventTransformer) -> None:
        self.network = network.eval()
        self.context = network.config.context

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.out.weight.device

    @torch.inference_mode()
    def nats(self, notes: TickNotes) -> np.ndarray:
        """Nats (4,) of onsets, ends, shifts and velocities, the context sliding by half.

        Only events that the grammar allows share the probability; the end is one of them where
        nothing sounds, but is not scored itself.
        """
        total = np.zeros(len(TYPES))
        if len(notes) == 0:
            return total
        tokens = encode_events(notes).astype(np.int64)
        masks = allowed_masks(tokens)
        sequence = np.concatenate([[SOS], tokens])
        new = self.context // 2
        starts = [0, *range(new, max(new, len(tokens) - (self.context - new)), new)]
        for place in range(0, len(starts), SCORED_TOGETHER):
            chosen = starts[place : place + SCORED_TOGETHER]
            total += self._window_nats(sequence, masks, chosen, self.context - new)
        return total

    def _window_nats(
        self, sequence: np.ndarray, masks: np.ndarray, starts: list[int], overlap: int
    ) -> np.ndarray:
        """Nats (4,) of windows; of all but a piece's first only what follows the overlap counts."""
        ends = [min(start + self.context, len(masks)) for start in starts]
        longest = max(end - start for start, end in zip(starts, ends, strict=True))
        tokens = torch.full((len(starts), longest), PAD)
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            tokens[row, : end - start] = torch.from_numpy(sequence[start:end])
        logits_BLV = self.network(tokens.to(self.device))
        total = np.zeros(len(TYPES))
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            skipped = overlap if start else 0
            logits = logits_BLV[row, skipped : end - start].float()
            allowed = torch.from_numpy(masks[start + skipped : end]).to(self.device)
            target = sequence[start + skipped + 1 : end + 1]
            logits = logits.masked_fill(~allowed, MASKED)
            nats = token_nll(logits, torch.from_numpy(target).to(self.device)).double().cpu()
            kind = np.searchsorted(_BORDERS, target, side="right") - 1
            total += np.bincount(kind, weights=nats.numpy(), minlength=len(TYPES))
        return total

    def player(
        self,
        batch: int,
        *,
        sampling: Sampling,
        generator: torch.Generator,
        precision: str = "fp32",
        capacity: int | None = None,
    ) -> EventPlayer:
        """A player of ``batch`` pieces; see :class:`EventPlayer`."""
        kept = self.context if capacity is None else min(capacity, self.context)
        return EventPlayer(self.network, batch, sampling, generator, precision, kept)


@dataclass(slots=True)
class _Opening:
    """The gap in which a primer ended, until the next event.

    The model has read the gap up to a whole second only, for after a shorter shift no other may
    follow.  So the next shift must last ``owed`` ticks at least, which were heard already.
    ``grammar`` is what the model may say; the piece's own begins where the primer was cut.
    """

    grammar: EventGrammar
    owed: int
    passed: int = 0

    def allowed(self) -> np.ndarray:
        """(391,) events that may come next."""
        mask = self.grammar.allowed()
        if self.passed < self.owed:
            mask[: SHIFT + self.owed - 1] = False
            mask[VELOCITY:] = False
        return mask

    def take(self, token: int) -> list[int]:
        """What is heard once ``token`` is drawn: nothing yet after a shift."""
        self.grammar.advance(token)
        if SHIFT <= token < VELOCITY:
            self.passed += token - SHIFT + 1
            return []
        return [*shifts(self.passed - self.owed), token]


class EventPlayer:
    """Draws the next event of several pieces at a time, within the grammar.

    When ``capacity`` positions are taken, it goes on with the newer half of them, as the
    likelihood is measured.
    """

    def __init__(
        self,
        network: EventTransformer,
        batch: int,
        sampling: Sampling,
        generator: torch.Generator,
        precision: str,
        capacity: int,
    ) -> None:
        self.network, self.sampling, self.generator = network, sampling, generator
        self.decoder = StaticDecoder(network.decoder, batch, capacity, checked_precision(precision))
        self.head = self.decoder.linear(network.out)
        self.grammars = [EventGrammar(LONGEST_TICKS) for _ in range(batch)]
        self._openings: list[_Opening | None] = [None] * batch
        self._hidden_BD: Tensor | None = None
        self._unread: list[int] | None = None

    @torch.inference_mode()
    def prime(self, notes: TickNotes, until_tick: int) -> None:
        """Read the notes up to ``until_tick`` in every row.

        Ends at ``until_tick`` itself are left to the model, like those after it.

        Raises ValueError when the player has begun already.
        """
        if self._hidden_BD is not None:
            raise ValueError("a primer comes before everything else")
        tokens, silence = primer_events(notes, until_tick)
        if tokens:
            tokens += shifts(min(silence, LONGEST_SILENCE) // SHIFTS * SHIFTS)
            self._resume(notes, until_tick, silence % SHIFTS)
        read = [SOS, *tokens][-max(1, self.decoder.capacity // 2) :]
        h_1LD = self.decoder.prefill(self._embed(read)[None])
        self._hidden_BD = h_1LD[:, -1].expand(len(self.grammars), -1)

    def _resume(self, notes: TickNotes, until_tick: int, owed: int) -> None:
        """Tell the grammars what sounds at ``until_tick``, ``owed`` ticks after what was read."""
        kept = notes.select(notes.onset < until_tick)
        held = kept.select(kept.offset >= until_tick)
        sounding, age = np.zeros(PITCHES, dtype=bool), np.zeros(PITCHES, dtype=np.int64)
        sounding[held.pitch] = True
        # A note of the primer that is too long already ends at once, but not before that.
        age[held.pitch] = np.minimum(until_tick - held.onset, LONGEST_TICKS)
        loud = int(kept.bin[-1])
        for row, grammar in enumerate(self.grammars):
            grammar.resume(sounding, loud, age)
            if owed:
                opening = EventGrammar(LONGEST_TICKS)
                opening.resume(sounding, loud, age - owed)
                self._openings[row] = _Opening(opening, owed)

    @torch.inference_mode()
    def draw(self) -> list[np.ndarray]:
        """The next events of each row: at least one, none after the end."""
        if self._hidden_BD is None:
            self.prime(_NO_NOTES, 0)
        heard: list[list[int]] = [[] for _ in self.grammars]
        while any(not (g.ended or h) for g, h in zip(self.grammars, heard, strict=True)):
            for row, token in enumerate(self._draw_tokens()):
                if not self.grammars[row].ended:
                    heard[row] += self._take(row, token)
        return [np.array(tokens, dtype=np.int16) for tokens in heard]

    def _take(self, row: int, token: int) -> list[int]:
        """Events that are heard once ``token`` is drawn; none while the first gap goes on."""
        opening = self._openings[row]
        tokens = [token] if opening is None else opening.take(token)
        if tokens:
            self._openings[row] = None
        for one in tokens:
            self.grammars[row].advance(one)
        return tokens

    def _draw_tokens(self) -> list[int]:
        """One token of every row; the end once more where a piece has ended."""
        logits_BV = self.head(self._read().contiguous()).float().to(self.generator.device)
        allowed = np.stack([self._allowed(row) for row in range(len(self.grammars))])
        hidden_BV = torch.from_numpy(~allowed).to(logits_BV.device)
        drawn_B = draw(logits_BV.masked_fill(hidden_BV, MASKED), self.sampling, self.generator)
        self._unread = drawn_B.tolist()
        return self._unread

    def _allowed(self, row: int) -> np.ndarray:
        grammar, opening = self.grammars[row], self._openings[row]
        if grammar.ended:
            return np.arange(VOCABULARY) == EOS
        if opening is not None:
            return opening.allowed()
        mask = grammar.allowed()
        # A piece without a note is none.
        mask[EOS] &= grammar.started
        return mask

    def _read(self) -> Tensor:
        """Hidden states (B, D) after everything that was drawn."""
        if self._unread is not None:
            if self.decoder.full:
                self.decoder.slide()
            self._hidden_BD = self.decoder.step(self._embed(self._unread))
            self._unread = None
        assert self._hidden_BD is not None
        return self._hidden_BD

    def _embed(self, tokens: list[int]) -> Tensor:
        return self.network.embed(torch.tensor(tokens, device=self.network.out.weight.device))


def primer_events(notes: TickNotes, until_tick: int) -> tuple[list[int], int]:
    """Events before ``until_tick`` from the first onset on, and the ticks of silence after them."""
    kept = notes.select(notes.onset < until_tick)
    if len(kept) == 0:
        return [], 0
    tokens = encode_events(kept).astype(np.int64)
    is_shift = (tokens >= SHIFT) & (tokens < VELOCITY)
    tick = kept.onset[0] + np.cumsum(np.where(is_shift, tokens - SHIFT + 1, 0))
    last = int(np.flatnonzero(~is_shift & (tick < until_tick))[-1])
    return tokens[: last + 1].tolist(), until_tick - int(tick[last])


def shifts(ticks: int) -> list[int]:
    """The shifts that say a gap: as long as possible, the shorter one last."""
    whole, rest = divmod(ticks, SHIFTS)
    return [SHIFT + SHIFTS - 1] * whole + ([SHIFT + rest - 1] if rest else [])


def checked_precision(name: str) -> Precision:
    """The name as a precision.  Raises ValueError for another one."""
    for known in PRECISIONS:
        if name == known:
            return known
    raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, not {name}")
