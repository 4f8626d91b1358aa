"""The strong model draws a region anew, several candidates side by side, and hears what follows.

Shape suffixes: W candidates side by side, R rows of the decoder, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from partimento.core.progress import Progress
from partimento.music.barpiece import METERS, BarPiece
from partimento.nn.sampling import Sampling, pick
from partimento.nn.threads import one_thread
from partimento.tasks.text2midi.interface import Conditions, Wish
from partimento.tasks.text2midi.region import with_notes
from partimento.tasks.text2midi.region_draw import Drawing
from partimento.tasks.text2midi.region_rules import RegionRules, Verdict
from partimento.tasks.text2midi.region_window import Window
from partimento.tasks.text2midi.steps import BAR, Tracker, encode
from partimento.tasks.text2midi.strong import step_nats
from partimento.tasks.text2midi.strong_data import Example, collate, example
from partimento.tasks.text2midi.strong_player import Session, StrongTextModel
from partimento.tasks.text2midi.strong_rules import Header, Rules

TRIES = 24
"""Proposals that are impossible, one after the other, before the next note that stays is taken."""
MOST_SCORED_STEPS = 1536
"""Steps that are read to hear what follows; more would not fit in what the model sees at once."""
TOGETHER = 16
"""Candidates that are drawn side by side: more would need too much memory."""
STEPS_A_BAR, LEAST_ROOM = 40, 64
_SCORED_TOGETHER = 8192


class RegionSession(Session):
    """Candidates for one region."""

    def __init__(
        self,
        model: StrongTextModel,
        window: Window,
        conditions: Conditions,
        rngs: Sequence[np.random.Generator],
        sampling: Sampling,
        guidance: float,
        hungry: bool,
    ) -> None:
        self.window, self.hungry = window, hungry
        wish = Wish(conditions, bars=window.bars, forced=frozenset())
        # Room for what is read first and for a region of usual density; a fuller one slides on.
        room = 1 + window.first_bar + len(window.before)
        room += LEAST_ROOM + STEPS_A_BAR * (window.end_bar - window.first_bar)
        capacity = min(room, model.plan.max_length)
        super().__init__(model, [wish] * len(rngs), rngs, sampling, guidance, capacity)

    def made(self, progress: Progress | None) -> list[BarPiece]:
        """Draw; the new notes of every candidate, in ticks of the piece."""
        self.run(progress)
        given = self.window.region.given
        found = []
        for rules in self.rules:
            assert isinstance(rules, RegionRules)
            columns = np.array(rules.made, dtype=np.int64).reshape(-1, 5).T
            found.append(with_notes(given, columns))
        return found

    def _headers(self, h_RD: Tensor) -> list[Header]:
        given = self.window.region.given
        return [Header(METERS.index(given.meter), given.tempo_bpm)] * len(self.wishes)

    def _rules(self, wish: int) -> Rules:
        return RegionRules(self.wishes[wish], self.trackers[wish], self.window, self.hungry)

    def _end(self, tracker: Tracker) -> int:
        return self.window.end_bar

    def _begin(self) -> Tensor:
        """Hidden states after the music before the region."""
        first = self.window.first_bar
        if not first:
            return self.decoder.step(self._embed())
        steps = encode(self.window.before)
        count = int(np.flatnonzero(steps.target[:, 0] == BAR)[first - 1]) + 1
        for rules in self.rules:
            for row in steps.target[:count].tolist():
                rules.take(*row)
        inputs = torch.from_numpy(steps.inputs[:count].astype(np.int64))[None]
        age = torch.from_numpy(steps.age[:count])[None]
        # All candidates have read the same: their rows repeat those of the first.
        kinds = len(self.owner) // len(self.wishes)
        tonic = self.tonic_R[:kinds, None].expand(-1, count)
        x = self.network.embed_steps(inputs.expand(kinds, -1, -1), age.expand(kinds, -1, -1), tonic)
        x = x + self.constant_RD[:kinds, None]
        if count + 2 > self.decoder.capacity:
            # As when it slides: the oldest is forgotten.
            x = x[:, -(self.decoder.capacity // 2) :]
        self.decoder.prefill(x.repeat(len(self.wishes), 1, 1))
        return self.decoder.step(self._embed())

    def _draw(self, h_RD: Tensor) -> None:
        """The next step of every candidate that is not through the region."""
        rules = self._region_rules()
        active = [n for n, t in enumerate(self.trackers) if t.bar < self.window.end_bar]
        chosen = np.zeros((len(rules), 5), dtype=np.int64)
        new = self._propose(h_RD, chosen, active)
        for n in sorted(set(active) - set(new)):
            rules[n].go_on()
        if new:
            self._draw_shapes(h_RD, chosen, np.array(new), self._uniform(new, 3))
        for n in new:
            rules[n].settle(chosen[n])

    def _region_rules(self) -> list[RegionRules]:
        return [r for r in self.rules if isinstance(r, RegionRules)]

    def _propose(self, h_RD: Tensor, chosen: np.ndarray, active: list[int]) -> list[int]:
        """Places and instruments into ``chosen``; returns the candidates that go on to a note."""
        rules = self._region_rules()
        recalled = self._numbers([t.recalled_places() for t in self.trackers])
        logits = self._mixed(self.network.place_logits(h_RD, recalled[self.owner]))
        logits = logits + np.stack([s.places() for s in self.steering])
        masked = {n: np.where(rules[n].places(), logits[n], -np.inf) for n in active}
        found: list[int] = []
        pending = active
        for _ in range(TRIES):
            u_2W = self._uniform(pending, 2)
            rows = np.stack([masked[n] for n in pending])
            chosen[pending, 0] = pick(rows, self.shades, u_2W[0, pending])
            asking = [n for n in pending if rules[n].reaches(int(chosen[n, 0]))]
            if asking:
                self._draw_players(h_RD, chosen, np.array(asking), u_2W[1])
            said = {n: self._said(rules[n], chosen[n], n in asking) for n in pending}
            found += [n for n in pending if said[n] == "new"]
            pending = [n for n in pending if said[n] == "impossible"]
            if not pending:
                break
        return sorted(found)

    @staticmethod
    def _said(rules: RegionRules, chosen: np.ndarray, asked: bool) -> Verdict:
        """What to make of a proposal; one that passes by may leave a place to who is late."""
        said = rules.verdict(int(chosen[0]), int(chosen[1])) if asked else "pass"
        gap = rules.gap() if said == "pass" else None
        if gap is None:
            return said
        chosen[:2] = gap
        return "new"

    def _uniform(self, candidates: Sequence[int], count: int) -> np.ndarray:
        """(count, W) numbers in 0..1 from each candidate's own generator; 0 for the others."""
        found = np.zeros((count, len(self.rngs)))
        for n in candidates:
            found[:, n] = self.rngs[n].random(count)
        return found


class StrongRegions:
    """Draws regions with the strong model, and tells how probable what follows is."""

    def __init__(self, model: StrongTextModel) -> None:
        self.model = model

    @torch.inference_mode()
    def draw(
        self, window: Window, conditions: Conditions, count: int, how: Drawing, hungry: bool = False
    ) -> list[BarPiece]:
        """New notes of ``count`` candidates; the n-th draws from generator (seed, hungry, n)."""
        found: list[BarPiece] = []
        rngs = [np.random.default_rng([how.seed, int(hungry), n]) for n in range(count)]
        with one_thread():
            for first in range(0, count, TOGETHER):
                session = RegionSession(
                    *(self.model, window, conditions, rngs[first : first + TOGETHER]),
                    *(how.sampling, how.guidance, hungry),
                )
                found += session.made(_told(how.progress, first, count, window.end_bar))
        return found

    @torch.inference_mode()
    def future_nats(
        self, pieces: Sequence[BarPiece], window: Window, conditions: Conditions, bars: int
    ) -> list[float]:
        """Nats of the bar line that ends the region and of ``bars`` bars after it, of each piece.

        ``pieces`` are wholes, alike outside the region.  Zeros where bars are too full to be read.
        """
        heard = self._heard(pieces, window, bars)
        if heard is None:
            return [0.0] * len(pieces)
        start, end = heard
        rows = [self._excerpt(piece, window, start, end) for piece in pieces]
        here = conditions if start == window.start else replace(conditions, opens=None)
        examples = [example(row, here) for row in rows]
        together = max(1, _SCORED_TOGETHER // max(len(e.steps) for e in examples))
        first_line, last_line = window.region.end - start - 1, end - start - 1
        found: list[float] = []
        with one_thread():
            for first in range(0, len(examples), together):
                part = examples[first : first + together]
                for one, nats in zip(part, self._step_nats(part), strict=True):
                    lines = np.flatnonzero(one.steps.target[:, 0] == BAR)
                    found.append(float(nats[lines[first_line] : lines[last_line] + 1].sum()))
        return found

    def _step_nats(self, examples: Sequence[Example]) -> Tensor:
        """(B, T) nats of every step."""
        # Weights are stored in bfloat16; computing in it too is thrice as fast.
        with torch.autocast("cpu", torch.bfloat16):
            nats = step_nats(self.model.network, collate(examples))
        nats.pop("header")
        return torch.stack([p.double() for p in nats.values()]).sum(0)

    def _heard(
        self, pieces: Sequence[BarPiece], window: Window, bars: int
    ) -> tuple[int, int] | None:
        """First bar that is read, and the bar after the last that is judged.

        As many bars as the model sees at once; None where not even one bar line fits.
        """
        region, after = window.region, window.start + window.bars
        length = region.given.bar_ticks
        most = min(MOST_SCORED_STEPS, self.model.network.config.context)
        # Notes before every bar line, of the fullest piece.
        before = np.stack([np.searchsorted(p.onset, np.arange(after + 1) * length) for p in pieces])
        for end in range(min(region.end + bars, after), region.end - 1, -1):
            for start in range(window.start, region.end):
                notes = int((before[:, end] - before[:, start]).max())
                if notes + after - start <= most:
                    return start, end
        return None

    @staticmethod
    def _excerpt(piece: BarPiece, window: Window, start: int, end: int) -> BarPiece:
        """The window from ``start`` on, with the notes before bar ``end`` only."""
        found = piece.excerpt(start, window.start + window.bars - start)
        return found.select(found.onset < (end - start) * piece.bar_ticks)


def _told(progress: Progress | None, before: int, count: int, bars: int) -> Progress | None:
    """Progress of one of several groups of candidates, told as that of all."""
    if progress is None:
        return None

    def tell(done: int, total: int, unit: str) -> None:
        progress(before * bars + done, count * bars, unit)

    return tell
