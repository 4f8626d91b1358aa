"""Jobs of the continuing page: a performance goes on, is filled, varied, or begins from nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.studio.bench import Bench
from partimento.studio.handlers.job_files import note_rows, retold, write_json, write_sound
from partimento.studio.orders import ContinueOrder, DreamOrder, InfillOrder, VaryOrder

if TYPE_CHECKING:
    from partimento.tasks.piano.outcome import Outcome, Piece

SHOWN_BEFORE_SEC = SHOWN_AFTER_SEC = 30.0
"""Sound and picture show so much of what was given around the model's notes; the MIDI has all."""
_WORDS = {
    "a longer --primer-seconds": "a later place to go on from",
    "`partimento continue` with --primer-seconds": "Go on from there",
    "--primer-seconds": "the place to go on from",
    "--from, --to": "the passage",
    "--from": "the passage",
}
"""What the commands call by their options, and the page by these words."""


@contextmanager
def _words_of_the_page() -> Iterator[None]:
    try:
        yield
    except PartimentoError as error:
        raise retold(error, _WORDS.items()) from error


@_words_of_the_page()
def continue_job(order: ContinueOrder, bench: Bench) -> dict[str, Any]:
    """Go on where a performance ends, or from a chosen second."""
    from partimento import continue_piece

    outcome = continue_piece(
        bench.path(order.primer),
        seconds=order.seconds,
        primer_seconds=order.primer_seconds,
        **_drawing(order, bench),
    )
    name = bench.name(order.primer)
    return _kept(outcome, bench, "continuation", f"Continuation of {name}", order.primer)


@_words_of_the_page()
def infill_job(order: InfillOrder, bench: Bench) -> dict[str, Any]:
    """Play the seconds of a gap anew."""
    from partimento import infill

    outcome = infill(
        bench.path(order.primer),
        start=order.start,
        end=order.end,
        **_drawing(order, bench),
    )
    title = f"Seconds {order.start:g} to {order.end:g} of {bench.name(order.primer)} anew"
    return _kept(outcome, bench, "passage", title, order.primer)


@_words_of_the_page()
def vary_job(order: VaryOrder, bench: Bench) -> dict[str, Any]:
    """Play some stretches anew."""
    from partimento import vary

    outcome = vary(
        bench.path(order.primer),
        start=order.start,
        end=order.end,
        strength=order.strength,
        **_drawing(order, bench),
    )
    return _kept(
        outcome, bench, "variation", f"Variation of {bench.name(order.primer)}", order.primer
    )


@_words_of_the_page()
def dream_job(order: DreamOrder, bench: Bench) -> dict[str, Any]:
    """Play a piece from nothing."""
    from partimento import dream

    outcome = dream(
        seconds=order.seconds,
        **_drawing(order, bench),
    )
    return _kept(outcome, bench, "dream", "A piano piece from nothing", None)


def _drawing(
    order: ContinueOrder | InfillOrder | VaryOrder | DreamOrder, bench: Bench
) -> dict[str, Any]:
    """How the model draws, which every one of these orders says in the same words."""
    said = ("n", "style", "temperature", "top_k", "top_p", "seed")
    return {**{name: getattr(order, name) for name in said}, "progress": bench.tell}


def _kept(
    outcome: Outcome, bench: Bench, stem: str, title: str, source: str | None
) -> dict[str, Any]:
    """Files of every piece and what the page shows of them."""
    report = outcome.report()
    # The user's name of the file, not the one that the studio gave it.
    for key in ("primer", "source"):
        if key in report and source is not None:
            report[key] = bench.name(source)
    rows = []
    for number, piece in enumerate(outcome.pieces, start=1):
        bench.tell(number, len(outcome.pieces), "sound")
        rows.append(_piece(piece, f"{stem}-{number}", bench.folder))
    write_json(bench.folder, "report.json", report, indent=2)
    facts = {key: value for key, value in report.items() if key not in ("pieces", "warnings")}
    return {
        "title": title,
        "made_by": outcome.command,
        "source": source,
        "source_name": None if source is None else bench.name(source),
        "pieces": rows,
        "warnings": list(outcome.warnings),
        "facts": facts,
    }


def _piece(piece: Piece, stem: str, folder: Path) -> dict[str, Any]:
    """Write MIDI and sound of one piece; its row for the page."""
    from partimento.music.performance_write import write_performance
    from partimento.render.sound import lead_in_sec

    write_performance(piece.notes.performance(), folder / f"{stem}.mid")
    start, shown = shown_notes(piece)
    return {
        "number": piece.number,
        "file": f"{stem}.mid",
        "sound": write_sound(folder / f"{stem}.wav", shown),
        "lead_sec": lead_in_sec(),
        "from_sec": round(start, 3),
        "made_sec": [round(sec, 3) for sec in piece.made_sec],
        "notes": note_rows(shown),
        "report": piece.report(),
    }


def shown_notes(piece: Piece) -> tuple[float, np.ndarray]:
    """Where picture and sound begin, seconds, and the notes from there on.

    (N, 5): onset from there and duration in seconds, pitch, velocity, 0 for given and 1 for made
    by the model.
    """
    start = max(0.0, piece.made_sec[0] - SHOWN_BEFORE_SEC)
    end = piece.made_sec[1] + SHOWN_AFTER_SEC
    notes = piece.notes
    columns: Sequence[np.ndarray] = (
        notes.onset / 1000 - start, (notes.offset - notes.onset) / 1000, notes.pitch,
        notes.velocity, notes.made,
    )  # fmt: skip
    rows = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    return start, rows[(rows[:, 0] >= 0) & (rows[:, 0] < end - start)]
