"""A generation while it runs: MIDI files that grow, and every key told as it moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from partimento.core.files import write_atomic
from partimento.music.event_stream import EventReader, KeyEvent
from partimento.music.events import TICKS_PER_SECOND
from partimento.music.performance_write import performance_midi
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.outcome import stem_of
from partimento.tasks.piano.passage import Passage, join

Listener = Callable[[dict[str, Any]], None]
"""Is given each event of a stream as plain data."""
Naming = tuple[str, str, str, Sampling, int, int]
EVERY_SEC = 0.5
"""The files are written and the progress told so often."""


class StreamWriter:
    """Watches a batch being played.

    ``namings``: what :func:`stem_of` makes each row's file name of.  Without a folder nothing is
    written; without a listener nothing is told.  Events for the listener have ``event``
    (``note_on``, ``note_off``, ``progress``, ``end``), ``piece`` (its number) and ``sec`` (seconds
    from the beginning of the file, the primer included).
    """

    def __init__(
        self,
        passage: Passage,
        namings: Sequence[Naming],
        folder: Path | None,
        listener: Listener | None,
    ) -> None:
        self.passage, self.listener = passage, listener
        self.numbers = [naming[-1] for naming in namings]
        stems = [stem_of(*naming) for naming in namings]
        self.files = [folder / f"{stem}.mid" for stem in stems] if folder is not None else []
        self.start = time.perf_counter()
        self.latest = [self.start] * len(namings)
        self.over = [False] * len(namings)

    def watch(self, row: int, moved: list[KeyEvent], reader: EventReader) -> None:
        """Take what happened in a row; see :data:`partimento.tasks.piano.playing.Watch`."""
        for key in moved:
            self._tell(key.kind, row, key.tick, pitch=key.pitch, velocity=key.velocity)
        now = time.perf_counter()
        finished = reader.done and not reader.sounding
        if self.over[row] or not (finished or now - self.latest[row] >= EVERY_SEC):
            return
        self.latest[row], self.over[row] = now, finished
        if self.files:
            notes = join(self.passage, reader.snapshot())
            write_atomic(self.files[row], performance_midi(notes.performance()))
        factor = reader.tick / TICKS_PER_SECOND / max(now - self.start, 1e-9)
        kind = "end" if finished else "progress"
        self._tell(
            kind, row, reader.tick, notes=len(reader.notes), real_time_factor=round(factor, 2)
        )

    def _tell(self, kind: str, row: int, tick: int, **more: Any) -> None:
        if self.listener is not None:
            sec = round((self.passage.cut_tick + tick) / TICKS_PER_SECOND, 2)
            self.listener({"event": kind, "piece": self.numbers[row], "sec": sec, **more})
