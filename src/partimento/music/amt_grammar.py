"""Which tokens of scheme ``amt`` may come next, so that every sequence is a valid piece.

Shape suffixes: V tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.music.amt_tokens import (
    DURATION,
    EOS,
    LENGTHS,
    LONGEST_GAP,
    NOTE,
    PITCHES,
    TIME_ON,
    VOCABULARY,
)

LONGEST_SILENCE = 4 * LONGEST_GAP
"""Ticks between two onsets that generated music may have: four whole notes."""


class AmtGrammar:
    """Follows a sequence from its first TIME_ON on.

    TIME_ON -> NOTE -> DURATION -> TIME_ON or EOS; a TIME_ON of a whole note may be followed by
    another TIME_ON, not of 0.  Notes of one onset rise in pitch, and no pitch sounds twice at a
    time.  ``end_tick`` bounds the onsets: where no further note fits, only EOS is left.  No note
    begins before ``start_tick``, where music that is given ends; it is taken by :meth:`follow`.
    """

    def __init__(self, end_tick: int | None = None, *, start_tick: int = 0) -> None:
        if end_tick is not None and end_tick < 1:
            raise ValueError("a piece needs a tick at least")
        self.end_tick, self.start_tick = end_tick, start_tick
        self.onset, self.notes, self.ended = 0, 0, False
        self._expects = "time"
        self._gap = 0
        self._lowest, self._pitch = 0, 0
        self._until = np.zeros(PITCHES, dtype=np.int64)

    def allowed(self) -> np.ndarray:
        """(V,) true where a token may come next."""
        mask = np.zeros(VOCABULARY, dtype=bool)
        if self.ended:
            mask[EOS] = True
        elif self._expects == "note":
            self._allow_notes(mask)
        elif self._expects == "duration":
            self._allow_durations(mask)
        else:
            self._allow_times(mask)
            mask[EOS] = self.notes > 0
        return mask

    def _allow_notes(self, mask: np.ndarray) -> None:
        if self.onset >= self.start_tick:
            mask[NOTE : NOTE + PITCHES] = self._free(self.onset)
        whole = self._gap > 0 and self._gap % LONGEST_GAP == 0
        if whole:
            self._allow_times(mask)

    def _free(self, onset: int) -> np.ndarray:
        """(128,) pitches that may begin at an onset that is not before the present one."""
        lowest = self._lowest if onset == self.onset else 0
        return (self._until <= onset) & (np.arange(PITCHES) >= lowest)

    def _allow_durations(self, mask: np.ndarray) -> None:
        fits = np.ones(len(LENGTHS), dtype=bool)
        if self.end_tick is not None:
            fits = max(1, self.end_tick - self.onset) >= LENGTHS
        mask[DURATION:VOCABULARY] = fits

    def _allow_times(self, mask: np.ndarray) -> None:
        last = max(LONGEST_SILENCE - self._gap, self.start_tick - self.onset)
        if self.end_tick is not None:
            last = min(last, self.end_tick - 1 - self.onset)
        gap = np.arange(LONGEST_GAP + 1)
        # Ticks until a note may begin: the start is over, and not all 128 pitches sound.
        taken = max(int(self._until.min()), self.start_tick) - self.onset
        fits = (gap >= taken) | ((gap == LONGEST_GAP) & (taken <= last))
        fits[0] = taken <= 0 and self._gap == 0 and bool(self._free(self.onset).any())
        mask[TIME_ON:NOTE] = fits & (gap <= last)

    def advance(self, token: int) -> None:
        """Take a token.  Raises ValueError for one that may not come here."""
        if not (0 <= token < VOCABULARY and self.allowed()[token]):
            raise ValueError(f"token {token} may not come here")
        self._take(token)

    def follow(self, tokens: Sequence[int]) -> None:
        """Take given events, the triplets of a quantised piece, whatever is allowed here."""
        for token in tokens:
            self._take(token)

    def _take(self, token: int) -> None:
        if token == EOS:
            self.ended = True
        elif token < NOTE:
            self._wait(token - TIME_ON)
        elif token < DURATION:
            self._pitch, self._expects = token - NOTE, "duration"
        else:
            self._until[self._pitch] = self.onset + int(LENGTHS[token - DURATION])
            self._lowest, self._gap, self._expects = self._pitch + 1, 0, "time"
            self.notes += 1

    def _wait(self, ticks: int) -> None:
        if ticks:
            self._lowest = 0
        self.onset, self._gap, self._expects = self.onset + ticks, self._gap + ticks, "note"
