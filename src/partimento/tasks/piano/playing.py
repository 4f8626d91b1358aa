"""Let a player play: events of several pieces side by side until time, events or the music end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.event_stream import EventReader, KeyEvent, StreamNote, sounding_pitches
from partimento.music.events import EOS, TICKS_PER_SECOND
from partimento.nn.sampling import PRESETS, Sampling, preset
from partimento.tasks.piano.interface import PianoModel, Player
from partimento.tasks.piano.passage import Passage

Watch = Callable[[int, list[KeyEvent], EventReader], None]
"""Is told of each row: its number, the keys that just moved, everything so far."""

MAX_PIECES = 64
MAX_SECONDS = 3600.0
MAX_TOKENS = 65_536
UNHEARD_VELOCITY = 64
"""Of a note that sounds at the start without the passage knowing it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: after so many ticks or so many events; None: when the music ends."""

    ticks: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """What one row played: its events as drawn, its notes (all ended), how long it is.

    ``ended`` when the model itself ended the piece.
    """

    tokens: np.ndarray
    notes: list[StreamNote]
    ticks: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """What the playing of a batch took: seconds of computing, events and seconds of music made.

    ``pieces`` of a batch are made side by side, ``batches`` one after the other.
    """

    computing_sec: float
    tokens: int
    music_sec: float
    pieces: int
    batches: int = 1

    def report(self) -> dict[str, float | None]:
        """Speed: events a second of all pieces together, and of one piece against real time."""
        taken = max(self.computing_sec, 1e-9)
        return {
            "computing_seconds": round(self.computing_sec, 4),
            "tokens_per_second": round(self.tokens / taken, 2),
            "real_time_factor": round(
                self.music_sec * self.batches / max(self.pieces, 1) / taken, 3
            ),
        }

    def plus(self, other: Timing) -> Timing:
        """Both, one after the other."""
        return Timing(
            self.computing_sec + other.computing_sec,
            self.tokens + other.tokens,
            self.music_sec + other.music_sec,
            self.pieces + other.pieces,
            self.batches + other.batches,
        )


def play(
    player: Player, passage: Passage, limits: Limits, watch: Watch | None = None
) -> tuple[list[Played], Timing]:
    """Prime the player with the passage and let all its rows play up to the limits."""
    from partimento.nn.threads import one_thread

    start = time.perf_counter()
    with one_thread():
        player.prime(passage.seen, passage.cut_tick)
        readers = [_reader(player, row, passage, limits) for row in range(len(player.grammars))]
        tokens: list[list[int]] = [[] for _ in readers]
        while not all(reader.done for reader in readers):
            for row, events in enumerate(player.draw()):
                moved = _take(readers[row], tokens[row], events.tolist(), limits)
                if watch is not None and (moved or not readers[row].done):
                    watch(row, moved, readers[row])
    played = []
    for row, reader in enumerate(readers):
        moved = reader.finish()
        if watch is not None:
            watch(row, moved, reader)
        events = np.array(tokens[row], dtype=np.int16)
        played.append(Played(events, reader.notes, reader.tick, reader.ended))
    music = sum(one.ticks for one in played) / TICKS_PER_SECOND
    count = sum(len(one.tokens) for one in played)
    return played, Timing(time.perf_counter() - start, count, music, len(played))


def _reader(player: Player, row: int, passage: Passage, limits: Limits) -> EventReader:
    """A reader in the state in which the row's grammar is."""
    grammar = player.grammars[row]
    known = passage.sounding
    sounding = {
        pitch: known.get(pitch, UNHEARD_VELOCITY) for pitch in sounding_pitches(grammar.sounding)
    }
    return EventReader(sounding, grammar.loud, limits.ticks)


def _take(
    reader: EventReader, tokens: list[int], events: Sequence[int], limits: Limits
) -> list[KeyEvent]:
    """Give the events of one draw to the reader, until it is done."""
    moved = []
    if not events and not reader.done:
        # The model has nothing more to say.
        reader.take(EOS)
    for token in events:
        if reader.done:
            break
        event = reader.take(token)
        if not (reader.done and not reader.ended):
            tokens.append(token)
        if event is not None:
            moved.append(event)
        if limits.tokens is not None and len(tokens) >= limits.tokens:
            reader.done = True
    return moved


def resolve_sampling(
    style: str,
    temperature: float | int | None,
    top_k: int | None,
    top_p: float | int | None,
) -> Sampling:
    """A style with single values replaced; a top-k of 0 and a top-p of 1 switch the filter off.

    Raises ConfigError for an unknown style and values that make no sense.
    """
    if style not in PRESETS:
        raise ConfigError(
            f"there is no style {style!r}", where="--style", fix=f"Use one of {', '.join(PRESETS)}"
        )
    if temperature is not None and not 0 <= temperature <= 5:
        raise ConfigError(
            f"a temperature of {temperature:g} is not possible",
            where="--temperature",
            fix="Use 0 (always the likeliest) to 5",
        )
    if top_k is not None and top_k < 0:
        raise ConfigError(
            f"top-k {top_k} keeps nothing", where="--top-k", fix="Use 1 or more; 0 switches it off"
        )
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(
            f"top-p {top_p:g} is not possible", where="--top-p", fix="Use a value above 0, up to 1"
        )
    found = preset(
        style,
        temperature=None if temperature is None else float(temperature),
        top_k=top_k or None,
        top_p=None if top_p is None else float(top_p),
    )
    return replace(found, top_k=None) if top_k == 0 else found


def checked_count(n: int, where: str = "-n") -> int:
    """The number of pieces.  Raises ConfigError for one that is not possible."""
    if not 1 <= n <= MAX_PIECES:
        raise ConfigError(f"{n} pieces are not possible", where=where, fix=f"Use 1 to {MAX_PIECES}")
    return n


def checked_seconds(seconds: float | int, where: str) -> float:
    """A length in seconds.  Raises ConfigError for one that is not possible."""
    if not 0.1 <= seconds <= MAX_SECONDS:
        raise ConfigError(
            f"{seconds:g} s are not possible", where=where, fix=f"Use 0.1 to {MAX_SECONDS:.0f}"
        )
    return float(seconds)


def checked_tokens(tokens: int) -> int:
    """A number of events.  Raises ConfigError for one that is not possible."""
    if not 1 <= tokens <= MAX_TOKENS:
        raise ConfigError(
            f"{tokens} tokens are not possible", where="--tokens", fix=f"Use 1 to {MAX_TOKENS}"
        )
    return tokens


def resolve_precision(precision: str, device: str) -> str:
    """``auto`` is int8 where the compiled kernel runs (it is the fastest there), else fp32.

    Raises ConfigError for an unknown precision.
    """
    from partimento.nn.kernels.native import instruction_set
    from partimento.nn.quantised import PRECISIONS

    if precision == "auto":
        return "int8" if device == "cpu" and instruction_set() != "none" else "fp32"
    if precision not in PRECISIONS:
        raise ConfigError(
            f"unknown precision {precision!r}",
            where="--precision",
            fix=f"Use auto, {', '.join(PRECISIONS)}",
        )
    return precision


def new_player(
    model: PianoModel, batch: int, sampling: Sampling, seed: int, precision: str
) -> Player:
    """A player that draws with ``seed``."""
    import torch

    options: dict[str, Any] = {"sampling": sampling, "precision": precision}
    return model.player(batch, generator=torch.Generator().manual_seed(seed), **options)
