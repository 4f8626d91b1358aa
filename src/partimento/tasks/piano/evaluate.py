"""How well a piano model predicts performances that it has not seen.

The events are the 388 of :mod:`partimento.music.events` for every model, whatever tokens it uses
itself, so that figures compare: nats per event, per note and per second of music.  A performance is
scored in full, from its first onset to its last event, without an end sign.  The model's grammar
mask is applied (what cannot happen has no probability); the floors have none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.music.events import (
    EVENTS,
    NOTE_OFF,
    NOTE_ON,
    SHIFT,
    TICKS_PER_SECOND,
    VELOCITY,
    TickNotes,
    encode_events,
)
from partimento.tasks.piano.corpus import (
    Collection,
    Performed,
    Unreadable,
    choose_split,
    open_collection,
    read_collection,
)
from partimento.tasks.piano.floors import FLOOR_NAMES, shipped_floors

if TYPE_CHECKING:
    from partimento.tasks.piano.interface import PianoModel


DEFAULT_WEIGHTS = "piano-strong"
MAX_PER_PIECE = 2
TYPES = ("on", "off", "shift", "velocity")
"""Order of the four kinds of events in the tables of the models (see the interface)."""
BOOTSTRAP_DRAWS = 2000
SCORED_FILE = "scored.jsonl"


@dataclass(frozen=True, slots=True)
class Scored:
    """One performance with what the model pays for it.

    ``events`` and ``nats`` (4,) by :data:`TYPES`; ``nats`` is NaN where no model was asked.
    """

    performed: Performed
    seconds: float
    events: np.ndarray
    nats: np.ndarray
    floors: dict[str, float]


def evaluate_piano(
    data: str | Path,
    *,
    root: str | Path | None = None,
    split: str | None = None,
    max_per_piece: int | None = MAX_PER_PIECE,
    weights: str | Path | PianoModel = DEFAULT_WEIGHTS,
    floors_only: bool = False,
    out: str | Path | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Likelihood of the performances in a folder or table, pooled over all their events.

    ``data`` and ``root`` as in :func:`~partimento.tasks.piano.corpus.open_collection`; ``split``
    as in :func:`~partimento.tasks.piano.corpus.choose_split`.  Of each piece the first
    ``max_per_piece`` performances by name count (None: all).  ``interval_95`` is a bootstrap over
    pieces of the nats per note, drawn with ``seed``.  With ``out`` the figures, a page and every
    scored performance are written there; an interrupted run with the same ``out`` goes on.

    Raises DataError when nothing can be read, InputFileError for weights that do not load.
    """
    collection, split = choose_split(open_collection(data, root), split, str(data))
    performances, unreadable = read_collection(collection.entries, max_per_piece)
    if not performances:
        raise DataError(
            f"none of the {len(unreadable)} files can be read",
            where=str(data),
            fix=f"The first one: {unreadable[0].reason}" if unreadable else "",
        )
    ready = _Ready(weights, device, floors_only, None if out is None else Path(out))
    scored = _score_all(performances, ready, progress)
    report = {
        "split": split,
        "weights": ready.name,
        "max_per_piece": max_per_piece,
        **figures(scored, np.random.default_rng(seed)),
        **_provenance(collection, unreadable),
    }
    return report if out is None else _write(Path(out), report)


class _Ready:
    """The model, loaded when the first performance needs it, and what it has scored before."""

    def __init__(
        self,
        weights: str | Path | PianoModel,
        device: str,
        floors_only: bool,
        out: Path | None,
    ) -> None:
        self._weights, self._device, self._off = weights, device, floors_only
        self._model: PianoModel | None = None
        self._key = self.name = ""
        if isinstance(weights, str | Path) and not floors_only:
            self.name, self._key = Path(weights).stem, _fingerprint(weights)
        elif not floors_only:
            self.name = type(weights).__name__
        self._file = out / SCORED_FILE if out is not None and self._key else None
        self._known = _read_scored(self._file, self._key)

    def nats(self, notes: TickNotes) -> np.ndarray:
        """Nats (4,) of a performance, from the model or from an earlier run."""
        if self._off:
            return np.full(4, np.nan)
        digest = notes_digest(notes)
        if digest in self._known:
            return np.array(self._known[digest])
        nats = np.asarray(self._loaded().nats(notes), dtype=np.float64)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            row = {"weights": self._key, "notes": digest, "nats": nats.tolist()}
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        return nats

    def _loaded(self) -> PianoModel:
        if self._model is None:
            if isinstance(self._weights, str | Path):
                from partimento.tasks.piano.loading import load_piano

                self._model = load_piano(self._weights, self._device)
            else:
                self._model = self._weights
        return self._model


def _fingerprint(weights: str | Path) -> str:
    """A short name of exactly these weights."""
    from partimento.core.checkpoint import resolve_weights

    return hashlib.sha256(resolve_weights(weights).read_bytes()).hexdigest()[:32]


def _read_scored(file: Path | None, key: str) -> dict[str, list[float]]:
    """Earlier rows of the same weights; a line that a crash cut in half is passed over."""
    if file is None or not file.is_file():
        return {}
    known: dict[str, list[float]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            if row["weights"] == key and len(row["nats"]) == len(TYPES):
                known[str(row["notes"])] = [float(value) for value in row["nats"]]
        except (ValueError, KeyError, TypeError):
            continue
    return known


def notes_digest(notes: TickNotes) -> str:
    """A short name of exactly these notes."""
    table = np.stack([notes.onset, notes.offset, notes.pitch, notes.bin]).astype("<i8")
    return hashlib.sha256(table.tobytes()).hexdigest()[:32]


def type_counts(tokens: np.ndarray) -> np.ndarray:
    """How many events (4,) of each of :data:`TYPES` there are."""
    edges = np.array([NOTE_ON, NOTE_OFF, SHIFT, VELOCITY, EVENTS])
    counts: np.ndarray = np.histogram(tokens, bins=edges - 0.5)[0].astype(np.int64)
    return counts


def _score_all(
    performances: Sequence[Performed], ready: _Ready, progress: Progress | None
) -> list[Scored]:
    table = shipped_floors()
    total = sum(len(performed.notes) for performed in performances)
    scored, done = [], 0
    for performed in performances:
        notes = performed.notes
        tokens = encode_events(notes)
        seconds = (notes.ticks - int(notes.onset[0])) / TICKS_PER_SECOND
        counts, nats = type_counts(tokens), ready.nats(notes)
        scored.append(Scored(performed, seconds, counts, nats, table.measure(tokens)))
        done += len(notes)
        if progress is not None:
            progress(done, total, "notes")
    return scored


def figures(scored: Sequence[Scored], generator: np.random.Generator) -> dict[str, Any]:
    """The figures of scored performances, pooled: total nats over total events, notes, seconds."""
    events = np.sum([one.events for one in scored], axis=0)
    nats = np.sum([one.nats for one in scored], axis=0)
    notes = sum(len(one.performed.notes) for one in scored)
    seconds = sum(one.seconds for one in scored)
    size = (int(events.sum()), notes, seconds)
    floors = {name: sum(one.floors[name] for one in scored) for name in FLOOR_NAMES}
    pieces = _pieces(scored)
    known = bool(np.isfinite(nats).all())
    return {
        **(_rates(float(nats.sum()), size) if known else {}),
        **({"interval_95": _interval(pieces, generator)} if known else {}),
        "tokens": size[0],
        "notes": notes,
        "seconds": seconds,
        "tokens_per_note": size[0] / notes,
        "pieces": len(pieces),
        "performances": len(scored),
        "per_type": _per_type(events, nats, notes, known),
        "floors": {name: _rates(value, size) for name, value in floors.items()},
        **({"landmark": landmark(float(nats.sum()), floors)} if known else {}),
        "per_piece": pieces,
    }


def _rates(nats: float, size: tuple[int, int, float]) -> dict[str, float]:
    tokens, notes, seconds = size
    return {
        "nats_per_token": nats / tokens,
        "nats_per_note": nats / notes,
        "nats_per_second": nats / seconds,
    }


def _per_type(events: np.ndarray, nats: np.ndarray, notes: int, known: bool) -> dict[str, Any]:
    """For every kind of event: its share of the events, and what one of it and of a note costs."""
    rows: dict[str, Any] = {}
    for i, name in enumerate(TYPES):
        rows[name] = {"tokens": int(events[i]), "share": float(events[i] / events.sum())}
        if known:
            rows[name]["nats_per_token"] = float(nats[i] / max(1, events[i]))
            rows[name]["nats_per_note"] = float(nats[i] / notes)
            rows[name]["share_of_nats"] = float(nats[i] / nats.sum())
    return rows


def _pieces(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """One row per piece, in order of name."""
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.performed.entry.piece, []).append(one)
    rows = []
    for piece, members in sorted(groups.items()):
        notes = sum(len(one.performed.notes) for one in members)
        nats = float(sum(one.nats.sum() for one in members))
        rows.append(
            {
                "piece": piece,
                "performances": len(members),
                "notes": notes,
                "nats_per_note": nats / notes if math.isfinite(nats) else None,
                "trigram_per_note": sum(one.floors["trigram"] for one in members) / notes,
            }
        )
    return rows


def _interval(
    pieces: Sequence[dict[str, Any]], generator: np.random.Generator
) -> list[float] | None:
    """2.5 and 97.5 percentiles of nats per note when the pieces are drawn again and again.

    None for one piece, which says nothing about others.
    """
    if len(pieces) < 2:
        return None
    notes = np.array([row["notes"] for row in pieces], dtype=np.float64)
    nats = notes * np.array([row["nats_per_note"] for row in pieces], dtype=np.float64)
    drawn = generator.integers(0, len(pieces), size=(BOOTSTRAP_DRAWS, len(pieces)))
    means = nats[drawn].sum(axis=1) / notes[drawn].sum(axis=1)
    return [float(value) for value in np.percentile(means, [2.5, 97.5])]


def landmark(nats: float, floors: dict[str, float]) -> str:
    """What the total of a model beside the totals of the floors tells about it."""
    if nats >= floors["unigram"]:
        return "at or above the unigram: the model does not see its input"
    if nats >= floors["bigram"]:
        return "between unigram and bigram: the model does not use more than the last event"
    if nats >= floors["trigram"]:
        return "between bigram and trigram: the model hardly uses its context"
    return "below the trigram: the model uses its context"


def _provenance(collection: Collection, unreadable: Sequence[Unreadable]) -> dict[str, Any]:
    return {
        "unreadable": [{"name": one.name, "reason": one.reason} for one in unreadable],
        "scores_left_out": collection.scores,
        "definition": "388 events, sustain folded in, times rounded absolutely to 10 ms; whole "
        "performances, no end sign; the model within the grammar, the floors without it",
        "floors_from": "the training part of ASAP (668 performances)",
    }


def _write(out: Path, report: dict[str, Any]) -> dict[str, Any]:
    from partimento.tasks.piano.evaluation_page import evaluation_html

    data, page = out / "evaluation.json", out / "evaluation.html"
    write_atomic(data, json.dumps(plain(report), indent=2, allow_nan=False) + "\n")
    write_atomic(page, evaluation_html(report))
    return {**report, "files": [str(data), str(page)]}
