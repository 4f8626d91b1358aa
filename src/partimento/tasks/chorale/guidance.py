"""The rules of :mod:`partimento.music.rules` as penalties over the strong model's tokens."""

from __future__ import annotations

import numpy as np

from partimento.music.keys import Key
from partimento.music.rules import FORBIDDEN_NATS, RuleMode, Rules
from partimento.tasks.chorale.decode import midi_axis

MELODY, BASS = 0, 3
CHROMATIC_NATS, FIRST_CHROMATIC_NATS = 0.7, 3.0
"""Price of a new note outside the key, and of one in the first frame.  Networks that hear their
own notes drift out of the key: without a price ours wrote 8 % chromatic notes where Bach writes
5 %."""

FINAL_TONIC_NATS, FIRST_TONIC_NATS = 20.0, 1.5
"""Price of another bass than the tonic under the last fermata (pieces end in their key) and in the
first frame (they mostly begin in it), where the melody allows it."""

NOTHING_BEFORE = (-1, -1, -1, -1)


class Guide:
    """Penalties for one piece (see :class:`partimento.tasks.chorale.decode.RulePenalties`).

    ``fermata_T`` marks the frames under a fermata (None: not known); cadences are asked for in
    the second half of each, the bass from its first frame on, so that suspensions may resolve.
    ``final``: the frames reach the end of the piece, so the last fermata closes it.
    ``given``: the cells (T, 4) that stay, negative elsewhere; where the next frame is given, what
    is drawn must also lead well into it.
    """

    def __init__(
        self,
        mode: RuleMode,
        fermata_T: np.ndarray | None,
        key: Key | None,
        *,
        final: bool = True,
        given: np.ndarray | None = None,
    ):
        self.rules = Rules.preset(mode)
        self.active = mode != "off"
        self.axis = midi_axis()
        self.tonic = None if key is None else key.tonic_pitch_class
        self.given = given
        self.last = last_fermata(fermata_T) if final else frozenset()
        self.chromatic = np.zeros(len(self.axis), dtype=bool)
        if key is not None:
            self.chromatic = ~np.isin(self.axis % 12, scale_classes(key)) & (self.axis >= 0)
        self.leading_tone = None if key is None else (key.tonic_pitch_class - 1) % 12
        self.ends, self.body = cadence_frames(fermata_T)

    def penalties(
        self, history: np.ndarray, now: np.ndarray, voice: int, frame: int
    ) -> np.ndarray | None:
        """Nats to subtract from each token (V,); a rest is always forbidden."""
        if not self.active:
            return None
        before = history[-1].tolist() if len(history) else NOTHING_BEFORE
        cadence = frame in self.ends or (voice == BASS and frame in self.body)
        costs = self.rules.costs(
            before, now.tolist(), voice, leading_tone=self.leading_tone, cadence=cadence
        )
        if self.given is not None and frame + 1 < len(self.given):
            following = self.given[frame + 1].tolist()
            costs = costs + self.rules.costs_ahead(now.tolist(), following, voice)
        costs = np.where(self.axis >= 0, costs[self.axis], FORBIDDEN_NATS)
        price = CHROMATIC_NATS if len(history) else FIRST_CHROMATIC_NATS
        costs = costs + price * (self.chromatic & (self.axis != before[voice]))
        if voice == BASS and self.tonic_fits(int(now[MELODY])):
            tonic_price = FINAL_TONIC_NATS * (frame in self.last) + FIRST_TONIC_NATS * (frame == 0)
            costs = costs + tonic_price * (self.axis % 12 != self.tonic)
        return costs

    def tonic_fits(self, melody: int) -> bool:
        """Whether the melody's last note belongs to a triad on the tonic."""
        return self.tonic is not None and (melody - self.tonic) % 12 in (0, 3, 4, 7)


def scale_classes(key: Key) -> list[int]:
    """Pitch classes of the scale; in minor with both forms of the sixth and seventh step."""
    steps = (0, 2, 4, 5, 7, 9, 11) if key.mode == "major" else (0, 2, 3, 5, 7, 8, 9, 10, 11)
    return [(key.tonic_pitch_class + step) % 12 for step in steps]


def last_fermata(fermata_T: np.ndarray | None) -> frozenset[int]:
    """Frames of the last fermata."""
    if fermata_T is None or not (np.asarray(fermata_T) == 1).any():
        return frozenset()
    held = np.flatnonzero(np.asarray(fermata_T) == 1)
    breaks = np.flatnonzero(np.diff(held) > 1)
    return frozenset(held[breaks[-1] + 1 if len(breaks) else 0 :].tolist())


def cadence_frames(fermata_T: np.ndarray | None) -> tuple[frozenset[int], frozenset[int]]:
    """Frames of the second half of every fermata, and all its frames."""
    if fermata_T is None:
        return frozenset(), frozenset()
    held = np.concatenate([[0], np.asarray(fermata_T) == 1, [0]]).astype(int)
    ends: set[int] = set()
    body: set[int] = set()
    for start, stop in np.flatnonzero(np.diff(held)).reshape(-1, 2).tolist():
        body.update(range(start, stop))
        ends.update(range(stop - max(1, (stop - start) // 2), stop))
    return frozenset(ends), frozenset(body)
