"""Harmonise what is given, or compose from nothing but key, metre and length."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.music.assemble import assemble
from partimento.music.checking import finding_row
from partimento.music.files import read_score
from partimento.music.grid_measures import measure_grids
from partimento.music.keys import Key, detect_score_key
from partimento.music.preserve import preserved
from partimento.music.rules import RuleMode
from partimento.music.satb import Satb, extract_satb, require_gaps
from partimento.music.score import KeySignature, Measure, Part, Score, Tempo, TimeSignature
from partimento.music.voiceleading import check_score
from partimento.tasks.chorale.filling import fill


@dataclass(frozen=True)
class Alternative:
    """One filled score.  ``grid`` (T, 4) MIDI at sounding pitch, -1 silence."""

    score: Score
    grid: np.ndarray
    report: dict[str, Any]


@dataclass(frozen=True)
class Harmonization:
    """All alternatives for one input."""

    name: str
    key: Key
    satb: Satb
    alternatives: list[Alternative]
    warnings: tuple[str, ...]
    seconds: float

    def report(self) -> dict[str, Any]:
        """What was understood, done and found, ready for JSON."""
        return {
            "key": self.key.name,
            "warnings": list(self.warnings),
            "alternatives": [a.report for a in self.alternatives],
            "seconds": round(self.seconds, 3),
        }

    def save(self, folder: str | Path, name: str | None = None) -> list[Path]:
        """Write ``NAME-1.musicxml .mid .wav .svg .png`` and so on; returns the files."""
        from partimento.render.export import export_score

        return [
            file
            for i, found in enumerate(self.alternatives, start=1)
            for file in export_score(found.score, folder, f"{name or self.name}-{i}")
        ]


def harmonize(
    source: str | Path | Score,
    *,
    voices: str | None = None,
    key: str = "auto",
    lock: Sequence[str] = (),
    region: str | None = None,
    mode: RuleMode = "strict",
    n: int = 1,
    seed: int = 0,
    temperature: float = 0.6,
    top_p: float = 0.9,
    weights: str = "chorale-strong",
    layout: str = "four",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Harmonization:
    """Fill the voices that are not given; everything given stays exactly as it is.

    Parameters
    ----------
    source: a score, or a file in MIDI, MusicXML, .mxl, ABC or Humdrum.
    voices: which voices the input gives, such as "S" or "SB" (None: found from the score).
    key: "auto" or a key such as "G minor".
    lock: stretches to keep, such as "A:5-6" or "T:3.1-4.3".
    region: bars to write anew, such as "5-8".
    mode: voice-leading rules: strict, free or off.
    n, seed: number of alternatives; alternative i draws with ``seed + i``.
    temperature, top_p: sampling (0 is greedy).

    Raises InputFileError for a file that cannot be read, MusicError for music that cannot be
    harmonised, ConfigError for a wrong option.
    """
    start = time.perf_counter()
    check_sampling(n, temperature, top_p)
    score = source if isinstance(source, Score) else read_score(source)
    chosen = Key.parse(key) if key != "auto" else None
    satb = extract_satb(score, voices, lock, region, fifths=chosen.fifths if chosen else None)
    require_gaps(satb)
    found = chosen or detect_score_key(score)
    name = "score" if isinstance(source, Score) else Path(source).stem
    filled = fill(satb, found, mode, n, seed, (temperature, top_p), weights, device, progress)
    alternatives = [
        alternative(score, satb, grid, found, layout, log_prob, seed + i)
        for i, (grid, log_prob) in enumerate(filled)
    ]
    warnings = (*score.warnings, *satb.report)
    return Harmonization(name, found, satb, alternatives, warnings, time.perf_counter() - start)


def check_sampling(n: int, temperature: float, top_p: float) -> None:
    """Raise ConfigError for values that make no sense."""
    if not 1 <= n <= 64:
        raise ConfigError(f"{n} alternatives are not possible", where="-n", fix="Use 1 to 64")
    if not 0 <= temperature <= 5:
        raise ConfigError(
            f"a temperature of {temperature:g} is not possible",
            where="--temperature",
            fix="Use 0 (always the likeliest note) to 5; 0.6 is the default",
        )
    if not 0 < top_p <= 1:
        raise ConfigError(
            f"top-p {top_p:g} is not possible", where="--top-p", fix="Use a value above 0, up to 1"
        )


def alternative(
    score: Score, satb: Satb, grid: np.ndarray, key: Key, layout: str, nats: float, seed: int
) -> Alternative:
    """Assemble one filled grid and measure it."""
    if layout not in ("four", "two"):
        raise ConfigError(f"unknown layout {layout!r}", where="--layout", fix="Use four or two")
    written = assemble(score, satb, grid, layout=layout, key=key)  # type: ignore[arg-type]
    sounding = np.where(grid >= 0, grid - satb.shift_semitones, -1)
    findings = check_score(written)
    marks = satb.frames["fermata"] == 1
    measures = measure_grids([grid], [marks if marks.any() else None])
    report = {
        "seed": seed,
        "nats_per_note": round(nats, 4),
        "preserved": preserved(score, satb, written),
        "findings": [finding_row(f) for f in findings],
        "measures": {name: round(m["rate"], 3) for name, m in measures.items()},
    }
    return Alternative(written, sounding, report)


def compose_chorale(
    *,
    key: str = "C major",
    meter: str = "4/4",
    bars: int = 8,
    mode: RuleMode = "strict",
    n: int = 1,
    seed: int = 0,
    temperature: float = 0.6,
    top_p: float = 0.9,
    weights: str = "chorale-strong",
    layout: str = "four",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Harmonization:
    """Compose a chorale of ``bars`` bars with a cadence every other bar.

    Raises ConfigError for a key, metre or length that makes no sense.
    """
    start = time.perf_counter()
    check_sampling(n, temperature, top_p)
    chosen = Key.parse(key)
    score = empty_score(chosen, meter, bars)
    satb = empty_satb(score, chosen)
    filled = fill(satb, chosen, mode, n, seed, (temperature, top_p), weights, device, progress)
    alternatives = [
        alternative(score, satb, grid, chosen, layout, log_prob, seed + i)
        for i, (grid, log_prob) in enumerate(filled)
    ]
    seconds = time.perf_counter() - start
    return Harmonization("chorale", chosen, satb, alternatives, (), seconds)


METERS = ("2/2", "3/2", "4/2", "2/4", "3/4", "4/4", "6/4", "3/8", "6/8", "9/8", "12/8")


def empty_score(key: Key, meter: str, bars: int) -> Score:
    """Bars without notes.  Raises ConfigError."""
    if meter not in METERS:
        raise ConfigError(
            f"unknown meter {meter!r}", where="--meter", fix=f"Use one of {', '.join(METERS)}"
        )
    if not 1 <= bars <= 200:
        raise ConfigError(f"{bars} bars are not possible", where="--bars", fix="Use 1 to 200")
    beats, beat_type = map(int, meter.split("/"))
    signature = TimeSignature(Fraction(0), beats, beat_type)
    length = signature.bar_quarter
    return Score(
        parts=(Part("P1", "Chorale"),),
        notes=(),
        measures=tuple(Measure(length * i, length, str(i + 1)) for i in range(bars)),
        time_signatures=(signature,),
        key_signatures=(KeySignature(Fraction(0), key.fifths, key.mode),),
        tempi=(Tempo(Fraction(0), 80.0),),
        title=f"Chorale in {key.name}",
    )


def empty_satb(score: Score, key: Key) -> Satb:
    """Nothing given; a fermata on the last strong beat of every second bar and of the last."""
    from partimento.music.frames import bars as score_bars
    from partimento.music.frames import frame_metadata
    from partimento.music.grid import STEPS_PER_QUARTER, UNKNOWN

    length = score.measures[0].duration_quarter
    T = int(length * len(score.measures) * STEPS_PER_QUARTER)
    bar = int(length * STEPS_PER_QUARTER)
    frames = frame_metadata(score, T, fermata_notes=(), fifths=key.fifths)
    fermata = np.zeros(T, dtype=np.int64)
    for end in [*range(2 * bar, T, 2 * bar), T]:
        fermata[end - max(STEPS_PER_QUARTER, bar // 2) : end] = 1
    return Satb(
        grid=np.full((T, 4), UNKNOWN, dtype=np.int64),
        given=np.zeros((T, 4), dtype=bool),
        attack=np.zeros((T, 4), dtype=bool),
        frames={**frames, "fermata": fermata},
        notes=((), (), (), ()),
        bars=score_bars(score),
        origin_quarter=Fraction(0),
        shift_semitones=0,
        report=(),
    )
