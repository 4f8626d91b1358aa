"""Which played note is which note of the score (partitura reads, parangonar matches).

The matcher is parangonar's dual dynamic-time-warping note matcher (Peter, ISMIR 2023): chords of
the score are warped to the played pitches forward and backward, and each pitch is then matched
along the time map.  Two readings of the score are tried when the first does not fit: tremolos and
repeats as played, and as drawn.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError, MusicError
from partimento.core.limits import MIDI_BYTES, read_limited
from partimento.core.sandbox import run_guarded
from partimento.music.performance import Performance, read_performance
from partimento.music.performance_raw import (
    RawPerformance,
    pack_raw,
    read_raw_bytes,
    read_raw_performance,
    unpack_raw,
)
from partimento.music.score_notes import (
    ARRAY_FIELDS,
    ScoreNotes,
    pack_arrays,
    read_score_notes,
    score_document,
    score_file,
    unpack_arrays,
)

MAX_PLAYED = 20_000
"""Notes of a performance that are aligned at once."""
GOOD_MATCH = 0.97
"""From this share of matched score notes on a score is not read as drawn as well."""
FALLBACK_MATCH = 0.9
"""Below it the next score is tried, which must fit better by :data:`FALLBACK_GAIN`: the score MIDI
knows nothing of dynamics and slurs."""
FALLBACK_GAIN = 0.05
POOR_MATCH = 0.7
"""Below it the score is probably another piece's: the alignment says so in ``warnings``."""
_SECONDS = 60.0
"""Time limit of a guarded alignment; most of it is the libraries' import."""
_MEMORY_MB = 4096
_PERFORMED = [
    ("onset_sec", "<f8"),
    ("duration_sec", "<f8"),
    ("pitch", "<i4"),
    ("velocity", "<i4"),
    ("id", "<U12"),
]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The notes of a score (see :class:`ScoreNotes`) and when each was played.

    ``played`` (N,) int64: index into the notes of ``read_performance`` of the same file, -1 where
    a note was left out; two voices in unison share one played note.  ``extra`` (E,) int64: played
    notes that are not in the score.  ``score_match`` and ``performance_match``: shares of the
    score's and of the performance's notes that were matched.
    """

    score: ScoreNotes
    played: np.ndarray
    extra: np.ndarray
    score_match: float
    performance_match: float
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.score)

    @property
    def onset_beat(self) -> np.ndarray:
        """(N,) float64."""
        return self.score.onset_beat

    @property
    def duration_beat(self) -> np.ndarray:
        """(N,) float64."""
        return self.score.duration_beat

    @property
    def pitch(self) -> np.ndarray:
        """(N,) int64."""
        return self.score.pitch

    @property
    def voice(self) -> np.ndarray:
        """(N,) int64."""
        return self.score.voice

    @property
    def staff(self) -> np.ndarray:
        """(N,) int64."""
        return self.score.staff

    @property
    def measure(self) -> np.ndarray:
        """(N,) int64, counted from 0."""
        return self.score.measure

    @property
    def beat(self) -> np.ndarray:
        """(N,) int64, counted from 0."""
        return self.score.beat


def align(
    performance_path: str | Path,
    score_path: str | Path | None,
    score_midi: str | Path | None = None,
    *,
    guarded: bool = False,
) -> Alignment:
    """Align the performance in a MIDI file with a score.

    ``score_path``: MusicXML (.musicxml, .mxl) or another score format; None: the notes of
    ``score_midi`` are the score.  With both, the score MIDI is used where it fits much better.
    ``guarded`` reads and matches in a process of its own with a time limit.

    Raises InputFileError for files that cannot be read, MusicError for a performance without notes
    or with more than :data:`MAX_PLAYED`, ValueError without any score.  A score of another piece
    gives a low ``score_match`` and a warning.
    """
    scores = _score_files(score_path, score_midi)
    if not guarded:
        return align_scores(read_performance(performance_path), scores)
    return _guarded(performance_path, scores)[1]


def read_and_align(
    performance_path: str | Path,
    score_path: str | Path | None,
    score_midi: str | Path | None = None,
    *,
    guarded: bool = False,
) -> tuple[RawPerformance, Alignment]:
    """:func:`align`, and the performance with its key-up times and pedals, read only once."""
    scores = _score_files(score_path, score_midi)
    if guarded:
        return _guarded(performance_path, scores)
    raw = read_raw_performance(performance_path)
    return raw, align_scores(raw.performance, scores)


def _score_files(
    score_path: str | Path | None, score_midi: str | Path | None
) -> list[tuple[str, bytes]]:
    """Names and bytes of the score files, the preferred one first."""
    paths = [path for path in (score_path, score_midi) if path is not None]
    if not paths:
        raise ValueError("align needs a score or a score MIDI")
    return [(str(path), score_file(path)) for path in paths]


def _guarded(path: str | Path, scores: list[tuple[str, bytes]]) -> tuple[RawPerformance, Alignment]:
    """Read and align in a process of its own."""
    data = read_limited(path, MIDI_BYTES)
    packed = run_guarded(
        "partimento.music.alignment:_aligned",
        b"".join([*(score for _, score in scores), data]),
        {"scores": [(name, len(score)) for name, score in scores]},
        seconds=_SECONDS,
        memory_mb=_MEMORY_MB,
        what=f"{Path(path).name} with its score",
    )
    arrays, head = unpack_arrays(packed)
    return unpack_raw(arrays, head), unpack_alignment(arrays, head)


def align_scores(performance: Performance, scores: list[tuple[str, bytes]]) -> Alignment:
    """:func:`align` for a performance in memory and score files as (name, bytes).

    The first score is the preferred one; a later one, or a reading of a score as drawn, is taken
    only where it matches better.
    """
    _check(performance)
    best: Alignment | None = None
    failure: InputFileError | None = None
    for name, data in scores:
        if best is not None and best.score_match >= FALLBACK_MATCH:
            break
        try:
            found = _best_reading(performance, score_document(data, name))
        except InputFileError as error:
            failure = failure or InputFileError(
                error.what, where=error.where or name, fix=error.fix
            )
            continue
        best = found if best is None else _better(best, found, FALLBACK_GAIN)
    if best is None:
        raise failure or ValueError("align needs a score or a score MIDI")
    if best.score_match < POOR_MATCH:
        said = f"only {best.score_match:.0%} of the score's notes were played: another piece?"
        best = replace(best, warnings=(*best.warnings, said))
    return best


def _best_reading(performance: Performance, document: bytes) -> Alignment:
    """The alignment with the score as it is played or, where that fits better, as it is drawn."""
    found = match_notes(performance, read_score_notes(document))
    if found.score_match >= GOOD_MATCH or not _has_readings(document):
        return found
    drawn = match_notes(performance, read_score_notes(document, as_played=False))
    return _better(found, drawn, 0.0)


def _has_readings(document: bytes) -> bool:
    """Whether playing and drawing can differ."""
    return b"tremolo" in document or b"<repeat" in document


def _better(best: Alignment, new: Alignment, gain: float) -> Alignment:
    # Both shares count: a score cut short matches completely and explains little.
    return new if _fit(new) > _fit(best) + gain + 1e-9 else best


def _fit(found: Alignment) -> float:
    both = found.score_match + found.performance_match
    return 2 * found.score_match * found.performance_match / both if both else 0.0


def _check(performance: Performance) -> None:
    if len(performance) == 0:
        raise MusicError(
            "this performance holds no notes of a pitched instrument",
            fix="Give a MIDI file of a piano performance",
        )
    if len(performance) > MAX_PLAYED:
        raise MusicError(
            f"this performance has {len(performance)} notes, more than the {MAX_PLAYED} that are "
            "compared with a score at once",
            fix="Cut it into movements",
        )


def match_notes(performance: Performance, notes: ScoreNotes) -> Alignment:
    """Match the performance with the notes of a score."""
    from partimento.music.partitura_score import quiet

    matcher = _matcher()
    warnings = notes.warnings
    try:
        with quiet():
            pairs = matcher(_score_array(notes), _performed_array(performance))
    except (ValueError, IndexError, KeyError, ZeroDivisionError) as error:
        # With next to no common notes parangonar finds no time map.
        pairs = []
        warnings = (*warnings, f"the notes could not be matched ({type(error).__name__})")
    played = np.full(len(notes), -1, dtype=np.int64)
    taken: set[int] = set()
    for pair in pairs:
        if pair["label"] != "match":
            continue
        place, index = int(str(pair["score_id"])[1:]), int(str(pair["performance_id"])[1:])
        if played[place] < 0 and index not in taken:
            played[place] = index
            taken.add(index)
    _share_unisons(notes, played)
    extra = np.setdiff1d(np.arange(len(performance)), played)
    return Alignment(
        score=notes,
        played=played,
        extra=extra.astype(np.int64),
        score_match=float((played >= 0).mean()),
        performance_match=1.0 - len(extra) / len(performance),
        warnings=warnings,
    )


def _share_unisons(notes: ScoreNotes, played: np.ndarray) -> None:
    """Two voices in unison press one key: both notes get it.  Changes ``played`` in place."""
    keys = np.stack([np.round(notes.onset_beat, 4), notes.pitch, notes.grace], axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    one = np.full(int(group.max()) + 1, -1, dtype=np.int64)
    np.maximum.at(one, group, played)
    missing = played < 0
    played[missing] = one[group[missing]]


def _matcher() -> Any:
    """Parangonar's dual matcher with the fast warping."""
    from partimento.music.onset_warping import OnsetWarping
    from partimento.music.partitura_score import light_imports

    name = "parangonar.match.matchers"
    if name not in sys.modules:
        with light_imports():
            import_module(name)
    module: Any = sys.modules[name]
    return module.DualDTWNoteMatcher(onset_matcher=module.OnsetMatcherDTW(dtw=OnsetWarping()))


def _score_array(notes: ScoreNotes) -> np.ndarray:
    """The notes in the form of partitura's note arrays."""
    kinds = [
        ("onset_beat", "<f8"),
        ("duration_beat", "<f8"),
        ("pitch", "<i4"),
        ("voice", "<i4"),
        ("is_grace", "?"),
        ("id", "<U12"),
    ]
    table = np.zeros(len(notes), dtype=kinds)
    for name in ("onset_beat", "duration_beat", "pitch", "voice"):
        table[name] = getattr(notes, name)
    table["is_grace"] = notes.grace
    table["id"] = [f"s{i}" for i in range(len(notes))]
    return table


def _performed_array(performance: Performance) -> np.ndarray:
    """The performance in the form of partitura's performed-note arrays, in its own order."""
    table = np.zeros(len(performance), dtype=_PERFORMED)
    table["onset_sec"] = performance.onset_sec
    table["duration_sec"] = performance.offset_sec - performance.onset_sec
    table["pitch"] = performance.pitch
    table["velocity"] = performance.velocity
    table["id"] = [f"p{i}" for i in range(len(performance))]
    return table


def _aligned(data: bytes, args: dict[str, Any]) -> bytes:
    """Body of the guarded process."""
    scores, place = [], 0
    for name, size in args["scores"]:
        scores.append((name, data[place : place + size]))
        place += size
    raw = read_raw_bytes(data[place:])
    arrays, head = pack_alignment(align_scores(raw.performance, scores))
    more, warnings = pack_raw(raw)
    return pack_arrays(arrays | more, head | warnings)


def pack_alignment(found: Alignment) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and JSON data from which :func:`unpack_alignment` rebuilds it."""
    arrays = {f"score_{name}": getattr(found.score, name) for name in ARRAY_FIELDS}
    arrays |= {f"mark_{name}": column for name, column in found.score.marks.items()}
    arrays |= {"played": found.played, "extra": found.extra}
    head = {
        "score_match": found.score_match,
        "performance_match": found.performance_match,
        "warnings": list(found.warnings),
    }
    return arrays, head


def unpack_alignment(arrays: dict[str, np.ndarray], head: dict[str, Any]) -> Alignment:
    """What :func:`pack_alignment` packed."""
    marks = {name[5:]: column for name, column in arrays.items() if name.startswith("mark_")}
    columns: dict[str, Any] = {name: arrays[f"score_{name}"] for name in ARRAY_FIELDS}
    score = ScoreNotes(**columns, marks=marks)
    return Alignment(
        score=score,
        played=arrays["played"],
        extra=arrays["extra"],
        score_match=float(head["score_match"]),
        performance_match=float(head["performance_match"]),
        warnings=tuple(head["warnings"]),
    )
