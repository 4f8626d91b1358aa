"""Reading performances: tokenising beside MidiTok, parsing beside mido and pretty_midi."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from partimento.music.events import encode_events, quantise_performance
from partimento.music.performance import Performance, read_performance
from partimento.music.performance_write import write_performance
from partimento.tasks.piano.bench.decoding import MISSING
from partimento.tasks.piano.bench.timing import Job, interleaved, seconds_each

NOTES_PER_SECOND = 10.0


def synthetic_performance(notes: int, generator: np.random.Generator) -> Performance:
    """Drawn notes as dense as real playing: about ten onsets a second, 0.05 to 1.5 s long."""
    onset = np.cumsum(generator.exponential(1 / NOTES_PER_SECOND, notes))
    length = generator.uniform(0.05, 1.5, notes)
    pitch = np.clip(generator.normal(62, 13, notes).round(), 21, 108).astype(np.int64)
    velocity = generator.integers(20, 110, notes)
    return Performance(onset, onset + length, pitch, velocity, np.zeros((0, 2)))


def midi_files(
    data: Path | None, folder: Path, count: int, notes: int, generator: np.random.Generator
) -> list[Path]:
    """The first ``count`` MIDI files under ``data``; without it drawn ones, made in ``folder``."""
    if data is not None:
        found = sorted(p for p in data.rglob("*") if p.suffix.lower() in {".mid", ".midi"})
        return found[:count]
    paths = [folder / f"drawn-{i:03d}.mid" for i in range(count)]
    for path in paths:
        write_performance(synthetic_performance(notes, generator), path)
    return paths


def measure_files(files: list[Path], rounds: int) -> dict[str, Any]:
    """Files a second on one core of each way to tokenise and to parse."""
    tokenise: dict[str, Job | str] = {
        "partimento": _job(_own_tokeniser(), files),
        "partimento, parsed already": _job(_own_encoder(files), files),
        "miditok": _job(_miditok(), files),
        "miditok, parsed already": _job(_miditok_parsed(files), files),
    }
    parse: dict[str, Job | str] = {
        "symusic": _job(_symusic(), files),
        "mido": _job(_mido(), files),
        "pretty_midi": _job(_pretty_midi(), files),
    }
    return {
        "files": len(files),
        "notes": sum(len(read_performance(file)) for file in files),
        "tokenise": _rows(tokenise, rounds, "partimento"),
        "parse": _rows(parse, rounds, "symusic"),
    }


def _rows(jobs: dict[str, Job | str], rounds: int, ours: str) -> dict[str, Any]:
    times = interleaved(jobs, rounds)
    rows: dict[str, Any] = {}
    for name in jobs:
        if name in times.failed:
            rows[name] = {"files_per_second": None, "reason": times.failed[name]}
            continue
        rows[name] = {
            "files_per_second": times.rate(name),
            "milliseconds": 1000 * (times.median(name) or 0.0),
            f"{ours}_is_times_faster": times.faster(ours, name),
        }
    return rows


Work = Callable[[Path], Any]


def _job(work: Work | str, files: list[Path]) -> Job | str:
    if isinstance(work, str):
        return work

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for file in files:
                work(file)

    return lambda: seconds_each(run, len(files))


def _own_tokeniser() -> Work:
    return lambda file: encode_events(quantise_performance(read_performance(file)))


def _own_encoder(files: list[Path]) -> Work:
    parsed = {file: read_performance(file) for file in files}
    return lambda file: encode_events(quantise_performance(parsed[file]))


def _miditok() -> Work | str:
    try:
        from miditok import MIDILike
    except ImportError:
        return MISSING.format("miditok")
    tokeniser = MIDILike()
    return lambda file: tokeniser(file)


def _miditok_parsed(files: list[Path]) -> Work | str:
    try:
        from miditok import MIDILike
    except ImportError:
        return MISSING.format("miditok")
    from symusic import Score

    tokeniser = MIDILike()
    parsed = {file: Score(file) for file in files}
    return lambda file: tokeniser(parsed[file])


def _symusic() -> Work:
    from symusic import Score

    return lambda file: Score(file)


def _mido() -> Work | str:
    try:
        from mido import MidiFile
    except ImportError:
        return MISSING.format("mido")
    return lambda file: MidiFile(file)


def _pretty_midi() -> Work | str:
    try:
        from pretty_midi import PrettyMIDI
    except ImportError:
        return MISSING.format("pretty_midi")
    return lambda file: PrettyMIDI(str(file))
