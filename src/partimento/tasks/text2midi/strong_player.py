"""The strong model at work: likelihood under conditions, and composing step by step.

Shape suffixes: W wishes side by side, R rows of the decoder (one or more a wish), D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from partimento.core.progress import Progress
from partimento.music.barpiece import METERS, BarPiece
from partimento.nn.decoder_plan import plan_of
from partimento.nn.decoding import StaticDecoder
from partimento.nn.sampling import Sampling, pick
from partimento.nn.threads import one_thread
from partimento.tasks.text2midi.interface import Conditions, Wish
from partimento.tasks.text2midi.steps import BAR, LOOK_BACK, Tracker, encode
from partimento.tasks.text2midi.strong import StrongText, step_nats
from partimento.tasks.text2midi.strong_data import collate, example
from partimento.tasks.text2midi.strong_rules import Header, Rules, finished_piece, header_of
from partimento.tasks.text2midi.strong_steering import Steering
from partimento.tasks.text2midi.vocabulary import prefix, prefixes, tempo_class, tonic_of

if TYPE_CHECKING:
    from partimento.tasks.text2midi.semantic import SemanticTokens

SCORED_POSITIONS = 8192
BLANK = Conditions(opens=None, closes=None)


class StrongTextModel:
    """A trained :class:`StrongText`: a :class:`partimento.tasks.text2midi.interface.TextModel`."""

    def __init__(
        self, network: StrongText, semantic: SemanticTokens | None, name: str = "text2midi-strong"
    ) -> None:
        self.network, self.tokens, self.name = network.eval(), semantic, name
        self.plan = plan_of(self.network.decoder)

    def semantic(self, text: str) -> tuple[int, ...]:
        """Numbers of the semantic tokens of a text; none where the weights hold no codebooks."""
        return () if self.tokens is None else tuple(self.tokens.encode(text))

    @torch.inference_mode()
    def nats(self, piece: BarPiece, conditions: Sequence[Conditions]) -> list[float]:
        """Nats of meter, tempo (where stated), notes and bar lines under each of the conditions.

        Conditions without anything, not even ``opens`` and ``closes``, are scored without a prefix.
        """
        first = example(piece, BLANK, counts_bars=False)
        rows = [
            replace(
                first,
                prefix=prefix(one, None if one == BLANK else piece.bars),
                tonic=tonic_of(one.attributes),
            )
            for one in conditions
        ]
        together = max(1, SCORED_POSITIONS // len(first.steps))
        found: list[float] = []
        for start in range(0, len(rows), together):
            # Weights are stored in bfloat16; computing in it too is thrice as fast.
            with torch.autocast("cpu", torch.bfloat16):
                parts = step_nats(self.network, collate(rows[start : start + together]))
            header = parts.pop("header").double()
            total = header + torch.stack([p.double().sum(1) for p in parts.values()]).sum(0)
            found += total.tolist()
        return found

    @torch.inference_mode()
    def compose(
        self,
        wishes: Sequence[Wish],
        *,
        seed: int,
        sampling: Sampling,
        guidance: float = 1.0,
        progress: Progress | None = None,
    ) -> list[BarPiece]:
        """One piece for each wish; the n-th draws from generator (seed, n).

        Wishes that go on from music are composed one by one, the others side by side.
        """
        found: dict[int, BarPiece] = {}
        plain = [n for n, wish in enumerate(wishes) if wish.start is None]
        groups = [plain] if plain else []
        groups += [[n] for n, wish in enumerate(wishes) if wish.start is not None]
        with one_thread():
            for group in groups:
                chosen = [wishes[n] for n in group]
                rngs = [np.random.default_rng([seed, n]) for n in group]
                session = Session(self, chosen, rngs, sampling, guidance)
                found |= dict(zip(group, session.run(progress), strict=True))
        return [found[n] for n in range(len(wishes))]


def mixture(wish: Wish, guidance: float) -> list[tuple[Conditions, float]]:
    """Conditions of the rows of a wish and their weights, which add up to 1.

    Classifier-free guidance (Ho and Salimans 2022): g times the logits under the conditions minus
    (g - 1) times those without; a blend shares g between two conditions.
    """
    rows = [(wish.conditions, guidance)]
    if wish.also is not None and wish.blend > 0:
        rows = [
            (wish.conditions, guidance * (1 - wish.blend)),
            (wish.also, guidance * wish.blend),
        ]
    if guidance != 1.0:
        rows.append((BLANK, 1.0 - guidance))
    return [row for row in rows if row[1] != 0]


class Session:
    """Pieces that are drawn side by side; ``capacity`` steps are remembered, by default all."""

    def __init__(
        self,
        model: StrongTextModel,
        wishes: Sequence[Wish],
        rngs: Sequence[np.random.Generator],
        sampling: Sampling,
        guidance: float,
        capacity: int | None = None,
    ) -> None:
        self.network, self.wishes, self.rngs = model.network, wishes, rngs
        self.sampling, self.guidance = sampling, guidance
        # Top-k narrows the choice of pitches only: shades of time it would make mechanical.
        self.shades = Sampling(sampling.temperature, None, sampling.top_p)
        mixed = [mixture(wish, guidance) for wish in wishes]
        self.owner = np.repeat(np.arange(len(wishes)), [len(m) for m in mixed])
        self.weight = np.array([w for rows in mixed for _, w in rows], dtype=np.float32)
        self.first = np.searchsorted(self.owner, np.arange(len(wishes)))
        conditions = [(n, c) for n, rows in enumerate(mixed) for c, _ in rows]
        told = [prefix(c, None if c is BLANK else self._bars(n)) for n, c in conditions]
        self.asked_RD = self.network.asked(torch.from_numpy(prefixes(told)))
        self.tonic_R = torch.tensor([tonic_of(c.attributes) for _, c in conditions])
        self.decoder = StaticDecoder(model.plan, len(self.owner), capacity)

    def _bars(self, wish: int) -> int:
        start = self.wishes[wish].start
        return self.wishes[wish].bars + (0 if start is None else start.bars)

    def run(self, progress: Progress | None) -> list[BarPiece]:
        """Header, bars, end."""
        h_RD = self.decoder.prefill(self.asked_RD[:, None])[:, -1]
        self.headers = self._headers(h_RD)
        self.trackers = [
            Tracker(h.bar_ticks, self._bars(n), h.tempo_bpm) for n, h in enumerate(self.headers)
        ]
        self.rules = [self._rules(n) for n in range(len(self.wishes))]
        self.steering = [
            Steering(w.conditions.attributes, t, self.guidance - 1.0)
            for w, t in zip(self.wishes, self.trackers, strict=True)
        ]
        constant_WD = self.network.meter_in(self._numbers([h.meter for h in self.headers]))
        tempo = self._numbers([tempo_class(h.tempo_bpm) for h in self.headers])
        constant_WD = constant_WD + self.network.tempo_in(tempo)
        self.constant_RD = self.asked_RD + constant_WD[self.owner]
        h_RD = self._begin()
        ends = [self._end(t) for t in self.trackers]
        while any(t.bar < end for t, end in zip(self.trackers, ends, strict=True)):
            self._draw(h_RD)
            if progress is not None:
                done = (min(t.bar, end) for t, end in zip(self.trackers, ends, strict=True))
                progress(sum(done), sum(ends), "bars")
            if self.decoder.full:
                # What is forgotten is the oldest half; every step carries the prefix along.
                self.decoder.slide(self.decoder.capacity // 2)
            h_RD = self.decoder.step(self._embed())
        return [
            finished_piece(rules, header)
            for rules, header in zip(self.rules, self.headers, strict=True)
        ]

    def _rules(self, wish: int) -> Rules:
        """What one piece may do."""
        return Rules(self.wishes[wish], self.trackers[wish])

    def _end(self, tracker: Tracker) -> int:
        """The bar before which drawing ends: all are drawn."""
        return tracker.bars

    def _begin(self) -> Tensor:
        """Hidden states after the first bar line, or after the music to go on from."""
        start = self.wishes[0].start
        if start is None:
            return self.decoder.step(self._embed())
        tracker, rules = self.trackers[0], self.rules[0]
        steps = encode(replace(start, bars=tracker.bars, tempo_bpm=self.headers[0].tempo_bpm))
        count = int(np.flatnonzero(steps.target[:, 0] == BAR)[start.bars - 1]) + 1
        for row in steps.target[:count].tolist():
            rules.take(*row)
        inputs = torch.from_numpy(steps.inputs[:count].astype(np.int64))[None]
        age = torch.from_numpy(steps.age[:count])[None]
        tonic = self.tonic_R[:, None].expand(-1, count)
        rows = len(self.owner)
        x = self.network.embed_steps(inputs.expand(rows, -1, -1), age.expand(rows, -1, -1), tonic)
        self.decoder.prefill(x + self.constant_RD[:, None])
        return self.decoder.step(self._embed())

    # -- drawing ----------------------------------------------------------------------------------

    def _headers(self, h_RD: Tensor) -> list[Header]:
        """Meter and tempo of each wish: as asked where forced, otherwise drawn."""
        meter = self._mixed(self.network.meter_out(h_RD))[:, : len(METERS)]
        found = []
        for n, wish in enumerate(self.wishes):
            rows = np.flatnonzero(self.owner == n)

            def tempo_logits(number: int, rows: np.ndarray = rows) -> np.ndarray:
                meters = torch.full((len(rows),), number)
                logits = self.network.tempo_logits(h_RD[torch.from_numpy(rows)], meters)
                mixed: np.ndarray = (self.weight[rows, None] * logits.numpy()).sum(0)
                return mixed

            found.append(header_of(wish, meter[n], tempo_logits, self.shades, self.rngs[n]))
        return found

    def _draw(self, h_RD: Tensor) -> None:
        """The next step of every piece that is not over."""
        net, trackers = self.network, self.trackers
        u_5W = np.stack([rng.random(5) for rng in self.rngs], axis=1)
        recalled = self._numbers([t.recalled_places() for t in trackers])
        logits = self._mixed(net.place_logits(h_RD, recalled[self.owner]))
        logits = logits + np.stack([s.places() for s in self.steering])
        place_W = self._pick(logits, [r.places() for r in self.rules], self.shades, u_5W[0])
        going = [n for n, t in enumerate(trackers) if place_W[n] != BAR and not t.finished]
        chosen = np.zeros((len(trackers), 5), dtype=np.int64)
        chosen[:, 0] = place_W
        if going:
            self._draw_notes(h_RD, chosen, np.array(going), u_5W)
        for n, (tracker, rules) in enumerate(zip(trackers, self.rules, strict=True)):
            if not tracker.finished:
                rules.take(*chosen[n].tolist())

    def _draw_notes(
        self, h_RD: Tensor, chosen: np.ndarray, going: np.ndarray, u_5W: np.ndarray
    ) -> None:
        """Instrument, pitch, duration and loudness of the wishes ``going`` into ``chosen``."""
        self._draw_players(h_RD, chosen, going, u_5W[1])
        self._draw_shapes(h_RD, chosen, going, u_5W[2:])

    def _draw_players(
        self, h_RD: Tensor, chosen: np.ndarray, going: np.ndarray, u_W: np.ndarray
    ) -> None:
        """Who plays at the chosen places."""
        net = self.network
        rows = np.flatnonzero(np.isin(self.owner, going))
        h, owner = h_RD[torch.from_numpy(rows)], self.owner[rows]
        place = torch.from_numpy(chosen[owner, 0])
        states = np.array([self.trackers[n].input() for n in owner])
        last, same = torch.from_numpy(states[:, 1]), torch.from_numpy(states[:, 0]) == place
        logits = net.instrument_logits(h, last, same)
        chosen[going, 1] = self._choose(logits, rows, going, u_W, self.shades, "players", chosen)

    def _draw_shapes(
        self, h_RD: Tensor, chosen: np.ndarray, going: np.ndarray, u_3W: np.ndarray
    ) -> None:
        """Pitch, duration and loudness for the chosen places and instruments."""
        net = self.network
        rows = np.flatnonzero(np.isin(self.owner, going))
        h, owner = h_RD[torch.from_numpy(rows)], self.owner[rows]
        place = torch.from_numpy(chosen[owner, 0])
        states = np.array([self.trackers[n].input() for n in owner])
        player = torch.from_numpy(chosen[owner, 1])
        recalled = [self.trackers[n].recalled_notes(*chosen[n, :2].tolist()) for n in owner]
        notes = np.array(recalled).reshape(len(owner), len(LOOK_BACK), 2)
        recent = np.array([self.trackers[n].recent for n in owner])
        near = torch.from_numpy(np.concatenate([recent, notes[..., 0]], axis=1))
        age = np.stack([self.trackers[n].ages() for n in owner])
        gap = chosen[owner, 0] - np.array([self.trackers[n].place for n in owner])
        hidden = net.pitch_hidden_of(h, place, player)
        ages = torch.from_numpy(age + gap[:, None])
        logits = net.pitch_logits(hidden, self.tonic_R[torch.from_numpy(rows)], ages, near)
        chosen[going, 2] = self._choose(
            logits, rows, going, u_3W[0], self.sampling, "pitches", chosen
        )
        hidden = net.duration_hidden_of(h, place, torch.from_numpy(chosen[owner, 2]))
        held = np.concatenate([states[:, 3:4], notes[..., 1]], axis=1)
        logits = net.duration_logits(hidden, torch.from_numpy(held))
        chosen[going, 3] = self._choose(
            logits, rows, going, u_3W[1], self.shades, "durations", chosen
        )
        logits = net.loudness_logits(hidden, torch.from_numpy(states[:, 4]))
        chosen[going, 4] = self._choose(logits, rows, going, u_3W[2], self.shades, "", chosen)

    def _choose(
        self,
        logits_RV: Tensor,
        rows: np.ndarray,
        going: np.ndarray,
        uniform_W: np.ndarray,
        sampling: Sampling,
        rule: str,
        chosen: np.ndarray,
    ) -> np.ndarray:
        """(len(going),) classes drawn from the mixed logits under a rule of :class:`Rules`."""
        mixed = self._mixed(logits_RV, rows)
        if rule == "pitches":
            mixed = mixed + np.stack([self.steering[n].pitches() for n in going])
        if rule:
            masks = [getattr(self.rules[n], rule)(chosen[n]) for n in going]
            return self._pick(mixed[:, : len(masks[0])], masks, sampling, uniform_W[going])
        return pick(mixed, sampling, uniform_W[going])

    def _mixed(self, logits_RV: Tensor, rows: np.ndarray | None = None) -> np.ndarray:
        """(wishes of the rows, V): logits of each wish's rows by their weights.

        A wish of one row keeps its logits to the bit: its weight is 1.
        """
        rows = np.arange(len(self.owner)) if rows is None else rows
        weighted = logits_RV.float().numpy() * self.weight[rows, None]
        starts = np.flatnonzero(np.diff(self.owner[rows], prepend=-1))
        mixed: np.ndarray = np.add.reduceat(weighted, starts, axis=0)
        return mixed

    @staticmethod
    def _pick(
        logits: np.ndarray, masks: Sequence[np.ndarray], sampling: Sampling, uniform: np.ndarray
    ) -> np.ndarray:
        return pick(np.where(np.stack(masks), logits, -np.inf), sampling, uniform)

    def _embed(self) -> Tensor:
        """(R, D) inputs of the steps just taken."""
        inputs = self._numbers([t.input() for t in self.trackers])[self.owner]
        age = torch.from_numpy(np.stack([t.ages() for t in self.trackers]))[self.owner]
        x = self.network.embed_steps(inputs[:, None], age[:, None], self.tonic_R[:, None])
        return x[:, 0] + self.constant_RD

    @staticmethod
    def _numbers(values: Sequence[object]) -> Tensor:
        return torch.from_numpy(np.array(values, dtype=np.int64))
