"""Written notes beside the same notes as a pianist played them, from a folder in ASAP's layout.

A score and a performance carry beats that correspond one to one (Foscarin et al. 2020); between
two beats a played note belongs to the written one of its pitch that is nearest in time.  The note
alignments (Peter et al. 2023) tell which played notes the score does not have.

Shape suffixes: N written notes of a section, B beats, P played notes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.core.limits import DATA_BYTES, MIDI_BYTES, read_limited
from partimento.music.barpiece import TICKS, BarPiece, bar_piece, meter_ticks
from partimento.music.performance_raw import SUSTAIN, PedalCurve, read_raw_performance

TABLE = "performances.csv"
_COLUMNS = (
    "folder", "composer", "split", "robust_note_alignment", "midi_score", "midi_performance",
    "midi_score_annotations", "performance_annotations", "note_alignments",
)  # fmt: skip
SHORTEST_BARS = 8
"""Shorter stretches between two changes of meter say little about phrases."""
_NEAR_SEC = 0.4
_LEAST_MATCHED = 0.8
"""Share of written notes that a section's performance must hold."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A section of a score and one performance of it.

    ``onset_sec``, ``key_up_sec`` (N,), NaN where the written note was not found; ``velocity`` (N,)
    int64, 0 there.  ``beat_tick`` and ``beat_sec`` (B,) are the same beats in both times.
    ``section`` numbers those of the score.  ``pedal`` is the sustain pedal of the whole
    performance.  ``piece.tempo_bpm`` is the mean tempo of this performance.
    """

    work: str
    composer: str
    performance: str
    split: str
    section: int
    piece: BarPiece
    onset_sec: np.ndarray
    key_up_sec: np.ndarray
    velocity: np.ndarray
    beat_tick: np.ndarray
    beat_sec: np.ndarray
    pedal: PedalCurve

    @property
    def found(self) -> np.ndarray:
        """(N,) whether a written note was played."""
        return ~np.isnan(self.onset_sec)


@dataclass(frozen=True, slots=True)
class _Section:
    """Bars of one meter: the piece and its beats, as numbers in the whole score and in ticks."""

    piece: BarPiece
    beats: np.ndarray
    tick: np.ndarray


def read_pairs(folder: str | Path, split: str) -> Iterator[Pair]:
    """Pairs of all performances of a part (``train`` or ``validation``) that are aligned surely.

    ``folder`` holds ``performances.csv`` and the unpacked files that it names.

    Raises DataError where the table, a column of it, or every file that it names, is missing.
    """
    folder = Path(folder)
    table = folder / TABLE
    if not table.is_file():
        raise DataError(
            f"there is no {TABLE} here", where=str(folder),
            fix="Unpack the archives of ASAP into this folder, with the table beside them",
        )  # fmt: skip
    text = read_limited(table, DATA_BYTES).decode("utf-8", errors="replace")
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(
            f"the table has no column {', '.join(missing)}", where=str(table),
            fix=f"Take the {TABLE} of ASAP's note alignments",
        )  # fmt: skip
    scores: dict[str, list[_Section]] = {}
    some = False
    for row in rows:
        if row["split"] != split or row["robust_note_alignment"] != "1.0":
            continue
        if not (folder / row["midi_performance"]).is_file():
            continue
        some = True
        if row["folder"] not in scores:
            scores = {row["folder"]: _sections(folder, row)}
        yield from _pairs(folder, row, scores[row["folder"]])
    if not some:
        raise DataError(
            f"no performance of the part {split[:40]!r} is here", where=str(folder),
            fix="Use train or validation, and unpack ASAP's archives beside the table",
        )  # fmt: skip


def _pairs(folder: Path, row: dict[str, str], sections: list[_Section]) -> Iterator[Pair]:
    """Nothing for a performance whose notes or beats are damaged."""
    try:
        raw = read_raw_performance(folder / row["midi_performance"])
        beats = _beats(folder / row["performance_annotations"])[0]
    except (InputFileError, ValueError):
        return
    kept = ~_inserted(folder / row["note_alignments"], raw.performance.onset_sec,
                      raw.performance.pitch)  # fmt: skip
    columns = (raw.performance.onset_sec, raw.performance.pitch, raw.key_up_sec,
               raw.performance.velocity)  # fmt: skip
    played = [column[kept] for column in columns]
    for number, section in enumerate(sections):
        if section.beats[-1] >= len(beats):
            return
        times = beats[section.beats]
        pair = _pair(row, (number, section), times, played, raw.pedals[SUSTAIN])
        if pair is not None:
            yield pair


def _pair(
    row: dict[str, str], numbered: tuple[int, _Section], beat_sec: np.ndarray,
    played: list[np.ndarray], pedal: PedalCurve,
) -> Pair | None:  # fmt: skip
    """One section with its notes found, or None where the beats or notes do not fit."""
    number, section = numbered
    if len(beat_sec) < 2 or (np.diff(beat_sec) < 0.02).any():
        return None
    tick = section.tick
    seconds = beat_sec[-1] - beat_sec[0]
    tempo = 60.0 * (tick[-1] - tick[0]) / TICKS / seconds
    if not 10.0 <= tempo <= 400.0:
        return None
    piece = replace(section.piece, tempo_bpm=float(tempo))
    expected = extended_interp(piece.onset, tick, beat_sec)
    index = _matched(expected, piece.pitch, played[0], played[1])
    found = index >= 0
    if found.mean() < _LEAST_MATCHED:
        return None
    onset, key_up = (np.where(found, played[n][index], np.nan) for n in (0, 2))
    return Pair(
        row["folder"], row["composer"], row["midi_performance"], row["split"], number, piece,
        onset, key_up, np.where(found, played[3][index], 0), tick, beat_sec, pedal,
    )  # fmt: skip


def extended_interp(x: np.ndarray, known: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Linear interpolation that goes on beyond both ends at the slope of the last interval."""
    inside = np.interp(x, known, value)
    first = (value[1] - value[0]) / (known[1] - known[0])
    last = (value[-1] - value[-2]) / (known[-1] - known[-2])
    below, above = np.minimum(x - known[0], 0), np.maximum(x - known[-1], 0)
    return np.asarray(inside + below * first + above * last)


def _matched(
    expected: np.ndarray, pitch: np.ndarray, onset: np.ndarray, played: np.ndarray
) -> np.ndarray:
    """(N,) index of the played note of every written one, or -1; nearest pairs first."""
    index = np.full(len(expected), -1)
    for value in np.unique(pitch):
        mine, theirs = np.flatnonzero(pitch == value), np.flatnonzero(played == value)
        if len(theirs) == 0:
            continue
        # Candidates: the two played notes on either side of the expected time.
        after = np.searchsorted(onset[theirs], expected[mine])
        choices = np.clip(np.stack([after - 2, after - 1, after, after + 1]), 0, len(theirs) - 1)
        away = np.abs(onset[theirs][choices] - expected[mine])
        order = np.argsort(away, axis=None, kind="stable")
        taken: set[int] = set()
        for flat in order.tolist():
            choice, note = divmod(flat, len(mine))
            if away[choice, note] > _NEAR_SEC:
                break
            other = int(choices[choice, note])
            if index[mine[note]] < 0 and other not in taken:
                taken.add(other)
                index[mine[note]] = theirs[other]
    return index


def _inserted(path: Path, onset: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(P,) whether the alignment says that a played note is not in the score."""
    mark = np.zeros(len(onset), dtype=bool)
    if not path.is_file():
        return mark
    text = read_limited(path, DATA_BYTES).decode("utf-8", errors="replace")
    strange = {
        (int(float(row["pitch"])), round(float(row["onset"]), 3))
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
        if row["xml_id"] == "insertion"
    }
    for note, key in enumerate(zip(pitch.tolist(), onset.tolist(), strict=True)):
        mark[note] = (key[0], round(key[1], 3)) in strange
    return mark


def _beats(path: Path) -> tuple[np.ndarray, list[tuple[int, str]], np.ndarray]:
    """Times of beats (B,), the meters with the beat that they begin at, and which are downbeats."""
    text = read_limited(path, DATA_BYTES).decode("utf-8", errors="replace")
    times: list[float] = []
    meters: list[tuple[int, str]] = []
    down: list[bool] = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) < 3:
            continue
        marks = fields[2].split(",")
        if len(marks) > 1 and "/" in marks[1]:
            meters.append((len(times), marks[1]))
        times.append(float(fields[0]))
        down.append(marks[0] == "db")
    return np.array(times), meters, np.array(down, dtype=bool)


def _sections(folder: Path, row: dict[str, str]) -> list[_Section]:
    """Stretches of whole bars of one meter in a score; nothing for a damaged one."""
    import symusic

    path = folder / row["midi_score"]
    try:
        score: Any = symusic.Score.from_midi(read_limited(path, MIDI_BYTES))
        beat_sec, meters, down = _beats(folder / row["midi_score_annotations"])
        notes, beat_tick = _on_grid(score, beat_sec)
    except (InputFileError, RuntimeError, ValueError):
        return []
    meters = meters or [(0, "4/4")]
    stops = [first for first, _ in meters[1:]] + [len(beat_tick)]
    sections = []
    for (first, meter), stop in zip(meters, stops, strict=True):
        try:
            length = meter_ticks(meter)
        except ValueError:
            continue
        sections += _regular(notes, beat_tick, down, (first, stop), (meter, length))
    return sections


def _on_grid(score: Any, beat_sec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Notes (N, 3) onset, duration, pitch and beats (B,), all in ticks of the grid."""
    scale = TICKS / score.ticks_per_quarter
    raw = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    onset = np.concatenate([r["time"] for r in raw]) * scale
    end = onset + np.concatenate([r["duration"] for r in raw]) * scale
    pitch = np.concatenate([r["pitch"] for r in raw])
    tempi = sorted((int(t.time), int(t.mspq)) for t in score.tempos) or [(0, 500_000)]
    start = np.array([t for t, _ in tempi], dtype=np.float64) * scale
    pace = np.array([mspq for _, mspq in tempi]) / 1e6 / TICKS
    second = np.concatenate([[0.0], np.cumsum(np.diff(start) * pace[:-1])])
    place = np.maximum(np.searchsorted(second, beat_sec + 1e-6, side="right") - 1, 0)
    beat = np.rint(start[place] + (beat_sec - second[place]) / pace[place])
    on = np.floor(onset + 0.5)
    table = np.stack([on, np.maximum(np.floor(end + 0.5) - on, 1), pitch], axis=1)
    return table.astype(np.int64), beat.astype(np.int64)


def _regular(
    notes: np.ndarray, beat_tick: np.ndarray, down: np.ndarray, beats: tuple[int, int],
    meter: tuple[str, int],
) -> list[_Section]:  # fmt: skip
    """Runs of bars of the right length among ``beats`` (first, stop), with an upbeat before."""
    bars = np.flatnonzero(down[beats[0] : beats[1]]) + beats[0]
    if len(bars) < SHORTEST_BARS:
        return []
    irregular = np.abs(np.diff(beat_tick[bars]) - meter[1]) > 1
    sections = []
    for run in np.split(bars, np.flatnonzero(irregular) + 1):
        if len(run) < SHORTEST_BARS:
            continue
        # A bar for the upbeat of the score; inside a piece it belongs to what was before.
        upbeat = meter[1] if not down[: run[0]].any() else 0
        begin = int(beat_tick[run[0]]) - upbeat
        last = run[-1] == bars[-1] and beats[1] >= len(beat_tick)
        # The piece's last bar has no downbeat after it; any other run ends at its last downbeat.
        end = int(beat_tick[run[-1]]) + (meter[1] if last else 0)
        inside = (notes[:, 0] >= begin) & (notes[:, 0] < end)
        if upbeat and not (notes[inside, 0] < begin + upbeat).any():
            begin += upbeat
        mine = notes[inside]
        if len(mine) < 2 * SHORTEST_BARS:
            continue
        none = np.zeros(len(mine), dtype=np.int64)
        piece = bar_piece(
            mine[:, 0] - begin, mine[:, 1], mine[:, 2], none + 64, none, meter=meter[0],
            bars=(end - begin) // meter[1],
        )  # fmt: skip
        number = np.flatnonzero((beat_tick >= begin) & (beat_tick <= end))
        number = number[np.diff(beat_tick[number], prepend=-(10**6)) > 0]
        sections.append(_Section(piece, number, beat_tick[number] - begin))
    return sections
