"""A piano model without weights: every kind of event that the grammar allows is equally likely."""

from itertools import pairwise

import numpy as np
import torch

from partimento.music.event_grammar import EventGrammar, allowed_masks
from partimento.music.events import EOS, EVENTS, NOTE_OFF, PITCHES, SHIFT, VELOCITY, encode_events
from partimento.nn.sampling import draw

BORDERS = (0, NOTE_OFF, SHIFT, VELOCITY, EVENTS)
LONGEST_TICKS = 2000
END_SHARE = 0.02


def event_logits(masks):
    """Logits (..., 391): the four kinds share the mass, the end gets a little."""
    masks = np.asarray(masks)
    logits = np.full(masks.shape, -np.inf)
    for low, high in pairwise(BORDERS):
        part = masks[..., low:high]
        count = np.maximum(part.sum(-1, keepdims=True), 1)
        logits[..., low:high] = np.where(part, -np.log(count), -np.inf)
    logits[..., EOS] = np.where(masks[..., EOS], np.log(END_SHARE), -np.inf)
    return logits


class FakePlayer:
    def __init__(self, batch, sampling, generator):
        self.sampling, self.generator = sampling, generator
        self.grammars = [EventGrammar(LONGEST_TICKS) for _ in range(batch)]
        self.primed = None

    def prime(self, notes, until_tick):
        assert self.primed is None
        self.primed = (notes, until_tick)
        kept = notes.select(notes.onset < until_tick)
        if len(kept) == 0:
            return
        held = kept.select(kept.offset >= until_tick)
        sounding, age = np.zeros(PITCHES, dtype=bool), np.zeros(PITCHES, dtype=np.int64)
        sounding[held.pitch] = True
        age[held.pitch] = np.minimum(until_tick - held.onset, LONGEST_TICKS)
        for grammar in self.grammars:
            grammar.resume(sounding, int(kept.bin[-1]), age)

    def draw(self):
        masks = [np.arange(391) == EOS if g.ended else g.allowed() for g in self.grammars]
        logits = torch.from_numpy(event_logits(masks))
        tokens = draw(logits, self.sampling, self.generator).tolist()
        events = []
        for grammar, token in zip(self.grammars, tokens, strict=True):
            live = [] if grammar.ended else [token]
            for one in live:
                grammar.advance(one)
            events.append(np.array(live, dtype=np.int16))
        return events


class FakePiano:
    context = 64

    def __init__(self):
        self.players = []
        self.scored = 0

    def nats(self, notes):
        self.scored += 1
        tokens = encode_events(notes).astype(np.int64)
        logits = torch.from_numpy(event_logits(allowed_masks(tokens)))
        nats = -torch.log_softmax(logits, -1).numpy()[np.arange(len(tokens)), tokens]
        kind = np.searchsorted(BORDERS, tokens, side="right") - 1
        return np.bincount(kind, weights=nats, minlength=4)

    def player(self, batch, *, sampling, generator, precision="fp32", capacity=None):
        self.players.append(FakePlayer(batch, sampling, generator))
        return self.players[-1]
