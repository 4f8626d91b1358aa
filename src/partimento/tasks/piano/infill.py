"""Fill a gap in a performance; everything outside the gap stays to the millisecond."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.core.errors import ConfigError, MusicError
from partimento.core.progress import Progress
from partimento.music.events import TICKS_PER_SECOND
from partimento.tasks.piano.gap import Candidate, best, fill_gap, right_nats_per_note
from partimento.tasks.piano.likeness import piece_details
from partimento.tasks.piano.loading import DEFAULT_WEIGHTS, load_piano
from partimento.tasks.piano.outcome import Outcome, Piece
from partimento.tasks.piano.passage import (
    MS_PER_TICK,
    Struck,
    read_struck,
    refuse_endless,
    tick_after,
    together,
)
from partimento.tasks.piano.playing import checked_count, resolve_precision, resolve_sampling

CANDIDATES = 12
LONGEST_GAP_SEC = 120.0


def infill(
    source: str | Path,
    *,
    start: float | int,
    end: float | int,
    n: int = 1,
    candidates: int = CANDIDATES,
    style: str = "balanced",
    temperature: float | int | None = None,
    top_k: int | None = None,
    top_p: float | int | None = None,
    seed: int = 0,
    weights: str = DEFAULT_WEIGHTS,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Outcome:
    """Play the seconds ``start`` to ``end`` anew; all notes that begin outside stay as they are.

    Of ``candidates`` drawn, the ``n`` that make the following passage likeliest are kept, the best
    first.  The report gives their nats per note of it, beside those of the file's own notes.

    Raises ConfigError for impossible options, InputFileError and MusicError for a file that cannot
    be used.
    """
    checked_count(n)
    count = checked_count(max(n, candidates), "--candidates")
    sampling = resolve_sampling(style, temperature, top_k, top_p)
    precision = resolve_precision(precision, device)
    notes, warnings = read_struck(source)
    refuse_endless(tick_after(notes), str(source), "Cut the silence out, or use a part of it")
    from_tick, to_tick = gap_ticks(notes, start, end, str(source))
    inside = inside_gap(notes, from_tick, to_tick)
    given = notes.select(~inside)
    if not (given.onset >= to_tick * MS_PER_TICK - MS_PER_TICK // 2).any():
        raise MusicError(
            f"nothing follows the gap that ends at {end:g} s",
            where=str(source),
            fix="Use `partimento continue` with --primer-seconds, or end the gap earlier",
        )
    model = load_piano(weights, device)
    if progress is not None:
        progress(0, 1, "drawing candidates")
    found, timing = fill_gap(model, given, from_tick, to_tick, sampling, seed, count, precision)
    own = right_nats_per_note(model, given, notes.select(inside), from_tick, to_tick)
    span = (from_tick / TICKS_PER_SECOND, to_tick / TICKS_PER_SECOND)
    chosen = best(found, n)
    pieces = tuple(
        Piece(
            style, together(given, one.notes), one.played.tokens, span, one.played.ended,
            sampling, seed, number, _details(given, one),
        )
        for number, one in enumerate(chosen, start=1)
    )  # fmt: skip
    facts = {
        "source": str(source),
        "weights": str(weights),
        "precision": precision,
        "device": device,
        "candidates": count,
        "replaced_notes": int(inside.sum()),
        "right_nats_per_note_of_the_file": round(own, 4),
        "right_nats_per_note_of_all_candidates": [round(c.right_nats_per_note, 4) for c in found],
    }
    few = [f"only {len(chosen)} candidates differ"] if len(chosen) < n else []
    name = Path(source).stem or "performance"
    return Outcome("infill", name, pieces, timing, facts, "given", (*warnings, *few))


def inside_gap(notes: Struck, from_tick: int, to_tick: int) -> np.ndarray:
    """(N,) true for the notes that begin in the gap."""
    tick = (notes.onset + MS_PER_TICK // 2) // MS_PER_TICK
    inside: np.ndarray = (tick >= from_tick) & (tick < to_tick)
    return inside


def gap_ticks(notes: Struck, start: float | int, end: float | int, where: str) -> tuple[int, int]:
    """The gap on the model's grid.

    Raises ConfigError for one that has no length, is too long, or lies outside the file.
    """
    last = notes.end / 1000
    if not 0 <= start < end:
        raise ConfigError(
            f"a gap from {start:g} s to {end:g} s has no length",
            where="--from, --to",
            fix="Give two times in seconds, the earlier first",
        )
    if start >= last:
        raise ConfigError(
            f"{where} ends at {last:.2f} s, before the gap begins",
            where="--from",
            fix="Give times inside the file",
        )
    if end - start > LONGEST_GAP_SEC:
        raise ConfigError(
            f"a gap of {end - start:g} s is too long",
            where="--from, --to",
            fix=f"Fill {LONGEST_GAP_SEC:.0f} s at a time",
        )
    ticks = round(start * TICKS_PER_SECOND), round(end * TICKS_PER_SECOND)
    return ticks[0], max(ticks[1], ticks[0] + 1)


def _details(given: Struck, one: Candidate) -> dict[str, object]:
    nats = one.right_nats_per_note
    details = piece_details(given.ticks(), one.notes)
    details.pop("to_primer", None)
    return {"right_nats_per_note": round(nats, 4), **details}
